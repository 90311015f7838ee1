"""A worker of a parallel step: imports the entry script, calls `init()`, then `run()` for each mini-batch that comes.

`parallel_worker.py ORDERS.json NUMBER DESCRIPTOR`, started by `parallel.py`. The standard library alone.
"""

import importlib.util
import inspect
import json
import logging
import os
import pickle
import socket
import struct
import sys
import traceback
import types
from pathlib import Path
from typing import Any


def send(channel: socket.socket, message: Any) -> None:
    """A message of any size."""
    data = pickle.dumps(message)
    channel.sendall(struct.pack("!Q", len(data)) + data)


def receive(channel: socket.socket) -> Any:
    """The next message. Raises EOFError when the other side is gone."""
    (length,) = struct.unpack("!Q", _exactly(channel, 8))
    return pickle.loads(_exactly(channel, length))  # noqa: S301 - from our own driver


def _exactly(channel: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        try:
            part = channel.recv(min(length, 1 << 20))
        except ConnectionResetError:
            part = b""
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


class Batch:
    """What `run` may take as its second argument."""

    def __init__(self, index: int, partition: "dict[str, Any] | None") -> None:
        self.minibatch_index = index
        self.mini_batch_id = index
        self.partition_key_value = partition


def work(orders: dict[str, Any], channel: socket.socket) -> None:
    """Serve mini-batches until the driver has no more."""
    sys.argv = [orders["entry_script"], *orders["arguments"]]
    sys.path[0] = os.getcwd()  # as of a script there; this file's own folder is not for the entry script
    logging.basicConfig(level=orders["logging_level"].upper())
    install_parallel_run()
    try:
        script = load(orders["entry_script"])
        if hasattr(script, "init"):
            script.init()
        run = script.run
        takes_context = len(inspect.signature(run).parameters) > 1
    except BaseException as error:
        told(error)
        send(channel, {"init": "".join(traceback.format_exception(error, limit=-3))})
        return
    try:
        send(channel, {"init": None})
        while True:
            send(channel, outcome(run, receive(channel), takes_context))
    except (EOFError, BrokenPipeError):
        pass  # the driver has no more
    if hasattr(script, "shutdown"):
        script.shutdown()


def outcome(run: Any, message: dict[str, Any], takes_context: bool) -> dict[str, Any]:
    """The rows that `run` returns, as text, or what it raised."""
    try:
        data = message["data"]
        context = (Batch(message["index"], message["partition"]),) if takes_context else ()
        returned = run(data, *context)
        return {"rows": rows_of(returned), "error": None}
    except BaseException as error:
        told(error)
        return {"rows": [], "error": f"{type(error).__name__}: {error}"}
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def told(error: BaseException) -> None:
    """Print where in the entry script it was raised, without the way through this file."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__ and frames.tb_next is not None:
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)


def rows_of(returned: Any) -> list[str]:
    """Each element as a line; a frame's rows with blanks between the columns, as Azure writes them."""
    if returned is None:
        return []
    if hasattr(returned, "to_csv") and hasattr(returned, "columns"):
        text: str = returned.to_csv(sep=" ", header=False, index=False)
        return text.splitlines()
    if isinstance(returned, (str, bytes)) or not hasattr(returned, "__iter__"):
        raise TypeError(f"run() returned {type(returned).__name__}; it is to return a list or a pandas DataFrame")
    return [str(item) for item in returned]


def load(name: str) -> Any:
    """The entry script as a module."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is no Python script")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def install_parallel_run() -> None:
    """`azureml_user.parallel_run.EntryScript`, which Azure's runtime offers to entry scripts."""

    class EntryScript:
        def __init__(self) -> None:
            self.logger = logging.getLogger("EntryScript")
            self.working_dir = self.output_dir = os.getcwd()
            self.log_dir = os.environ.get("PENSTOCK_WORKER_LOGS", os.getcwd())

    package, module = types.ModuleType("azureml_user"), types.ModuleType("azureml_user.parallel_run")
    module.EntryScript = EntryScript  # type: ignore[attr-defined]
    package.parallel_run = module  # type: ignore[attr-defined]
    sys.modules.setdefault("azureml_user", package)
    sys.modules.setdefault("azureml_user.parallel_run", module)


def main(arguments: list[str]) -> None:
    with open(arguments[0], encoding="utf-8") as file:
        orders = json.load(file)
    work(orders, socket.socket(fileno=int(arguments[2])))


if __name__ == "__main__":
    main(sys.argv[1:])
