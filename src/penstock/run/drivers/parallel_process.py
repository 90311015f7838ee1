"""A worker process of a parallel step as its driver sees it, and what it prints. Standard library alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO, Any

HERE = os.path.dirname(os.path.abspath(__file__))
LONGEST_LINE = 1 << 16


class Stream:
    """What a worker prints: to its own file as it is, and line by line to the step's log."""

    def __init__(self, pipe: IO[bytes], path: str, name: str) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.pipe, self.label, self.rest = pipe, f"[{name}] ".encode(), b""
        self.log = open(path, "wb")
        os.set_blocking(pipe.fileno(), False)

    def pump(self) -> bool:
        """Pass on what has come; False at the end of it."""
        try:
            data = os.read(self.pipe.fileno(), 1 << 16)
        except BlockingIOError:
            return True
        self.log.write(data)
        self.log.flush()
        *lines, self.rest = (self.rest + data).split(b"\n")
        if not data or len(self.rest) > LONGEST_LINE:
            lines += [self.rest] if self.rest else []
            self.rest = b""
        if lines:
            sys.stdout.buffer.write(b"".join(self.label + line + b"\n" for line in lines))
            sys.stdout.buffer.flush()
        return bool(data)

    def close(self) -> None:
        """Pass on what is left; a process in the background may keep the pipe open for ever."""
        for _ in range(1000):
            before = self.log.tell()
            if not self.pump() or self.log.tell() == before:
                break
        if self.rest:
            sys.stdout.buffer.write(self.label + self.rest + b"\n")
            sys.stdout.buffer.flush()
        self.pipe.close()
        self.log.close()


class Worker:
    """A process that runs the entry script. `batch` is what it has in hand; `deadline` when it has to be done."""

    def __init__(self, orders: dict[str, Any], path: str, number: int, instance: int) -> None:
        self.name = f"process{number:03}"
        self.batch: Any = None
        self.ready = self.ending = False
        self.overdue = ""
        self.deadline = time.monotonic() + 3 * orders["timeout"] + 30
        logs = os.path.join(orders["logs"], "user")
        command_read, command_write = os.pipe()
        event_read, event_write = os.pipe()
        script = os.path.join(HERE, "parallel_worker.py")
        log_folder = os.path.join(logs, "entry_script_log", str(instance))
        self.process = subprocess.Popen(
            [sys.executable, script, path, self.name, log_folder, str(command_read), str(event_write)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(command_read, event_write),
        )
        os.close(command_read)
        os.close(event_write)
        self.commands = open(command_write, "w", encoding="utf-8")
        self.events = event_read
        self.rest = b""
        os.set_blocking(event_read, False)
        kinds = (("stdout", self.process.stdout), ("stderr", self.process.stderr))
        self.streams = [
            Stream(pipe, os.path.join(logs, kind, str(instance), f"{self.name}.{kind}.txt"), self.name)
            for kind, pipe in kinds
            if pipe is not None
        ]

    def send(self, command: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):  # its end is told by the process itself
            self.commands.write(json.dumps(command) + "\n")
            self.commands.flush()

    def told(self) -> list[dict[str, Any]]:
        """What it has reported since."""
        found = b""
        with suppress(BlockingIOError):
            while True:
                data = os.read(self.events, 1 << 16)
                if not data:
                    break
                found += data
        *lines, self.rest = (self.rest + found).split(b"\n")
        return [json.loads(line) for line in lines]

    def kill(self) -> None:
        """End it and the processes that it has started."""
        for process in [*descendants(self.process.pid), self.process.pid]:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        for stream in self.streams:
            stream.close()
        with suppress(BrokenPipeError, OSError):
            self.commands.close()
        os.close(self.events)


def descendants(parent: int) -> list[int]:
    """The processes below one, by what the system lists; none if it cannot be asked."""
    try:
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False).stdout
    except OSError:
        listed = "\n".join(_from_proc())
    children: dict[int, list[int]] = {}
    for line in listed.splitlines():
        child, above = map(int, line.split())
        children.setdefault(above, []).append(child)
    found = list(children.get(parent, []))
    for process in found:
        found += children.get(process, [])
    return found


def _from_proc() -> list[str]:
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                found.append(f"{name} {file.read().rpartition(')')[2].split()[1]}")
    return found
