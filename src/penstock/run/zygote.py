"""A Python process that has imported what steps need and forks a child for each: a step starts without importing.

Run as a script by the interpreter that would run the steps: `python zygote.py FD`, where FD is a socket to the engine.
JSON lines, from the engine:

    {"preload": [modules]}                                       import these when there is nothing else to do
    {"id": 1, "needs": [modules], "argv": [...], "module": false, "folder": ..., "environment": {...}, "log": ...}
    {"cancel": 1}                                                do not start it if it has not been started yet

and to it: `{"id": 1, "pid": 17}` and `{"id": 1, "code": 0}` (negative: a signal's number), or `{"unfit": why}` before
it ends itself. What a child sees is what a fresh interpreter would: its own `__main__`, arguments, folder, environment,
path, random numbers, exit code, traceback. If a file of the step bears the name of a module that is here already, the
child becomes a fresh interpreter. Only the standard library is imported here, so that nothing of penstock is in a step.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.machinery
import json
import os
import random
import runpy
import select
import signal
import socket
import sys
import threading
import time
import traceback
import types
from typing import Any

Request = dict[str, Any]


def protect(paths: list[str], writable: list[str]) -> None:
    """Make inputs read-only, by the file beside this one; it stays no module of the step's."""
    if paths:
        place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "readonly.py")
        runpy.run_path(place)["protect"](paths, writable)


class Zygote:
    """Imports, forks and tells how the children end."""

    def __init__(self, engine: socket.socket) -> None:
        self.engine = engine
        self.received = b""
        self.preload: list[str] = []
        self.tried: set[str] = set()
        self.waiting: list[Request] = []
        self.children: dict[int, int] = {}
        self.wake_read, self.wake_write = os.pipe()
        for end in (self.wake_read, self.wake_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> Request:
        """Work until the engine closes the socket; returns a request in the child that is to do it."""
        while True:
            busy = bool(self.preload) or any(self.ready(request) for request in self.waiting)
            watched: list[Any] = [self.engine, self.wake_read]
            readable, _, _ = select.select(watched, [], [], 0 if busy else None)
            if self.wake_read in readable:
                os.read(self.wake_read, 4096)
            self.tell_ended()
            if self.engine in readable and not self.receive():
                self.end_all()
                os._exit(0)
            request = next((request for request in self.waiting if self.ready(request)), None)
            if request is not None:
                self.waiting.remove(request)
                if self.fork(request):
                    return request
            elif self.preload:
                self.load(self.preload.pop(0))

    def receive(self) -> bool:
        """Take in messages; False when there will be no more."""
        data = self.engine.recv(1 << 16)
        *lines, self.received = (self.received + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "preload" in message:
                self.preload += message["preload"]
            elif "cancel" in message:
                self.cancel(message["cancel"])
            else:
                self.waiting.append(message)
                self.preload = message["needs"] + self.preload
        return bool(data)

    def cancel(self, number: int) -> None:
        for request in [request for request in self.waiting if request["id"] == number]:
            self.waiting.remove(request)
            self.tell({"id": number, "code": -signal.SIGTERM})

    def ready(self, request: Request) -> bool:
        return all(name in self.tried for name in request["needs"])

    def load(self, name: str) -> None:
        """Import a module, all of its parents first; if that fails, the step will see why itself."""
        if name in self.tried:
            return
        self.tried.add(name)
        try:
            importlib.import_module(name)
        except BaseException:  # noqa: BLE001 - whatever a module does when it is imported
            return
        if threading.active_count() > 1:
            self.tell({"unfit": f"{name} starts threads when it is imported"})
            os._exit(1)

    def fork(self, request: Request) -> bool:
        """Whether this is the child."""
        gc.freeze()  # what is here stays: the children need not copy it to look for garbage
        pid = os.fork()
        if pid == 0:
            return True
        self.children[pid] = request["id"]
        self.tell({"id": request["id"], "pid": pid})
        return False

    def tell_ended(self) -> None:
        for pid in list(self.children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self.tell({"id": self.children.pop(pid), "code": os.waitstatus_to_exitcode(status)})

    def end_all(self) -> None:
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def tell(self, message: dict[str, Any]) -> None:
        try:
            self.engine.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self.end_all()
            os._exit(0)

    def leave(self) -> None:
        """In the child: nothing of this stays."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.engine.close()
        os.close(self.wake_read)
        os.close(self.wake_write)


def become(request: Request) -> None:
    """Make this process what a fresh interpreter would be that bash has started for the request."""
    os.setsid()
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(log)
    os.close(null)
    protect(*request["read_only"])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    os.environ.update({"PWD": request["folder"], "_": sys.executable})
    os.environ.setdefault("SHLVL", "0")  # bash replaces itself by the last command, and counts back
    time.tzset()
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    importlib.invalidate_caches()


def shadowed(folder: str) -> bool:
    """Whether a file that would be imported first bears the name of something that is here already."""
    names = {name.partition(".")[0] for name in os.listdir(folder)} if os.path.isdir(folder) else set()
    return any(name in sys.modules for name in names if name not in ("", "__pycache__", "__main__"))


def run(request: Request) -> None:
    """Run the program of a request as `__main__`."""
    name, *arguments = request["argv"]
    root = os.getcwd() if request["module"] else os.path.dirname(os.path.realpath(name))
    flag = ["-m"] if request["module"] else []
    if (not os.path.isfile(name) and not request["module"]) or shadowed(root):
        os.execve(sys.executable, [sys.executable, *flag, name, *arguments], os.environ)  # noqa: S606 - itself
    sys.path.insert(0, root)
    sys.argv = [name, *arguments]
    sys.orig_argv = [sys.executable, *flag, name, *arguments]
    if request["module"]:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
        return
    name = os.path.abspath(name)
    main = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", name)
    main.__dict__.update({"__file__": name, "__builtins__": sys.modules["builtins"], "__loader__": loader})
    main.__dict__.update({"__annotations__": {}, "__cached__": None})
    sys.modules["__main__"] = main
    with open(name, "rb") as stream:
        code = compile(stream.read(), name, "exec")
    exec(code, main.__dict__)


def as_main(request: Request) -> None:
    """Run a request; what it raises is told as a fresh interpreter would, without what stands above it."""
    try:
        run(request)
    except SystemExit:
        raise
    except KeyboardInterrupt as error:
        tell_raised(error)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException as error:  # noqa: BLE001 - whatever a step raises
        tell_raised(error)
        sys.exit(1)


def tell_raised(error: BaseException) -> None:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    if trace is None and not isinstance(error, SyntaxError):
        traceback.print_exception(error)
    else:
        sys.excepthook(type(error), error.with_traceback(trace), trace)


if __name__ == "__main__":
    sys.path.pop(0)
    zygote = Zygote(socket.socket(fileno=int(sys.argv[1])))
    asked = zygote.serve()
    zygote.leave()
    del zygote
    become(asked)
    as_main(asked)
