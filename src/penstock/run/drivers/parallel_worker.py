"""A worker of a parallel step: imports the entry script, calls `init()` once and `run()` per mini-batch.

Started by parallel.py with its orders, its name, a folder for logs and two pipes: it reads a mini-batch per line from
the one and writes what happens as JSON lines to the other. Rows for `append_row_to` go to a file of their own.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import logging
import os
import pickle
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any, TextIO


class MiniBatchContext:
    """What a `run(mini_batch, mini_batch_context)` learns of its mini-batch."""

    def __init__(self, index: int, key: dict[str, Any] | None) -> None:
        self.minibatch_index = index
        self.partition_key_value = key

    def __repr__(self) -> str:
        return f"MiniBatchContext(minibatch_index={self.minibatch_index}, {self.partition_key_value})"


class Worker:
    """The entry script's functions, and the pipes to the driver."""

    def __init__(self, orders: dict[str, Any], commands: TextIO, events: TextIO) -> None:
        self.orders = orders
        self.commands = commands
        self.events = events
        self.module: types.ModuleType = types.ModuleType("entry")

    def tell(self, event: str, **facts: Any) -> None:
        self.events.write(json.dumps({"event": event, **facts}) + "\n")
        self.events.flush()

    def serve(self) -> int:
        """The exit code."""
        if not self.prepare():
            return 1
        for line in self.commands:
            command = json.loads(line)
            if command.get("end"):
                break
            self.batch(command)
        return self.shut_down()

    def prepare(self) -> bool:
        """Import the script and call its init()."""
        try:
            self.module = load(self.orders["entry"])
        except (Exception, SystemExit) as error:
            self.tell("broken", error=described(error))
            return False
        try:
            init = getattr(self.module, "init", None)
            if init is not None:
                init()
        except (Exception, SystemExit) as error:
            self.tell("uninitialised", error=described(error))
            return False
        self.tell("ready")
        return True

    def batch(self, command: dict[str, Any]) -> None:
        number = command["batch"]
        try:
            data, key = load_batch(command)
            self.tell("running", batch=number)
            rows, count = rows_of(self.call(data, MiniBatchContext(number, key)), self.orders["append"] is not None)
            if rows:
                with open(command["rows"], "w", encoding="utf-8", errors="backslashreplace") as file:
                    file.writelines(rows)
        except (Exception, SystemExit) as error:
            self.tell("failed", batch=number, error=described(error))
        else:
            self.tell("done", batch=number, returned=count)

    def call(self, data: Any, context: MiniBatchContext) -> Any:
        run = self.module.run
        return run(data, context) if takes_context(run) else run(data)

    def shut_down(self) -> int:
        try:
            shutdown = getattr(self.module, "shutdown", None)
            if shutdown is not None:
                shutdown()
        except (Exception, SystemExit) as error:
            self.tell("shutdown failed", error=described(error))
        return 0


def load(script: str) -> types.ModuleType:
    """Import the entry script from the code folder, which is the working folder."""
    path = os.path.abspath(script)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"the entry script {script} is not in the code folder")
    name = os.path.splitext(os.path.basename(path))[0]
    for folder in (os.getcwd(), os.path.dirname(path)):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{script} is not a Python script")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    if not callable(getattr(module, "run", None)):
        raise ImportError(f"{script} has no function run(mini_batch)")  # noqa: TRY004 - of no wrong type: not there
    return module


def load_batch(command: dict[str, Any]) -> tuple[Any, dict[str, Any] | None]:
    """The files or the table of a mini-batch, and what its partition keys are."""
    if "table" in command:
        with open(command["table"], "rb") as file:
            table, key = pickle.load(file)  # noqa: S301 - written by parallel_split.py
        return table, key
    return command["files"], command.get("key")


def takes_context(run: Callable[..., Any]) -> bool:
    """Whether `run` has a second positional parameter, or one of that name."""
    try:
        parameters = list(inspect.signature(run).parameters.values())
    except (TypeError, ValueError):
        return False
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return True
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return len(positional) > 1


def rows_of(returned: Any, wanted: bool) -> tuple[list[str], int]:
    """What `run()` returned as lines, if they are wanted, and how many elements it had."""
    if hasattr(returned, "to_csv") and hasattr(returned, "columns"):
        text = returned.to_csv(index=False, header=False, sep=" ") if wanted else ""
        return [text], len(returned)
    if isinstance(returned, (str, bytes, dict)) or not hasattr(returned, "__iter__"):
        kind = "nothing (None)" if returned is None else f"a {type(returned).__name__}"
        raise TypeError(
            f"run() returned {kind}; it must return a list, a tuple or a pandas DataFrame with an element per item"
        )
    elements = list(returned)
    return [f"{element}\n" for element in elements] if wanted else [], len(elements)


def described(error: BaseException) -> dict[str, str]:
    """An error by its last line and its traceback, from the first line of the user's code on."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename in (__file__, "<frozen importlib._bootstrap>"):
        tb = tb.tb_next
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith("<frozen importlib"):
        tb = tb.tb_next
    if isinstance(error, SystemExit):
        summary = f"the script called sys.exit({error.code!r})"
    else:
        summary = traceback.format_exception_only(type(error), error)[-1].strip()
    lines = traceback.format_exception(type(error), error, tb) if tb is not None else [summary + "\n"]
    return {"summary": summary, "traceback": "".join(lines)}


def entry_script(orders: dict[str, Any], name: str, folder: str) -> None:
    """`azureml_user.parallel_run.EntryScript`, which Azure's runtime has and no package index."""

    class EntryScript:
        """What the script may ask of its surroundings; Azure documents these attributes."""

        logger = logging.getLogger("EntryScript")
        agent_name = name
        log_dir = folder
        output_dir = orders["output"]
        working_dir = os.getcwd()

    package, module = types.ModuleType("azureml_user"), types.ModuleType("azureml_user.parallel_run")
    package.__path__ = []
    setattr(module, "EntryScript", EntryScript)  # noqa: B010 - a module has no such attribute for mypy
    setattr(package, "parallel_run", module)  # noqa: B010
    sys.modules.update({"azureml_user": package, "azureml_user.parallel_run": module})


def main() -> int:
    """Look like the entry script that was started by itself, then serve."""
    orders_path, name, log_folder, commands, events = sys.argv[1:]
    with open(orders_path, encoding="utf-8") as file:
        orders = json.load(file)
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != own]
    sys.argv[:] = [orders["entry"], *orders["arguments"]]
    logging.basicConfig(
        stream=sys.stdout, level=orders["level"], format="%(asctime)s|%(levelname)s|%(name)s|%(message)s"
    )
    entry_script(orders, name, log_folder)
    for descriptor in (commands, events):  # not for the processes that the script starts
        os.set_inheritable(int(descriptor), False)
    with open(int(commands), encoding="utf-8") as reading, open(int(events), "w", encoding="utf-8") as writing:
        return Worker(orders, reading, writing).serve()


if __name__ == "__main__":
    sys.exit(main())
