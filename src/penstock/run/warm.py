"""Starts Python steps from a process that has imported their libraries already (see `zygote`)."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from penstock.graph.code import code_files
from penstock.graph.coded import coded_of
from penstock.graph.model import GraphNode
from penstock.run.keeper import Keeper
from penstock.run.orphans import RUN_VARIABLE
from penstock.run.process import Executor, Handle, ProcessSpec
from penstock.spec.files import Files
from penstock.spec.model import Code

_ZYGOTE = Path(__file__).with_name("zygote.py")
# The words of a command that mean the same to bash and to shlex: nothing expands, nothing is a pattern, one command.
_PLAIN = re.compile(r"(?:[A-Za-z0-9_./+@%:,= \t\n-]|'[^']*'|\"[^\"$`\\!]*\")*")
_PYTHON = ("python", "python3")


class Program(Struct, frozen=True):
    """A Python program with its arguments: a script, or a module."""

    argv: tuple[str, ...]
    module: bool


def program_of(command: str) -> Program | None:
    """The Python program that a command line is; None if it is anything more or else."""
    if not _PLAIN.fullmatch(command.strip()) or "\n" in command.strip():
        return None
    words = shlex.split(command)
    if not words or words[0] not in _PYTHON:
        return None
    words = words[1:]
    while words and words[0] == "-u":  # every step is unbuffered
        words = words[1:]
    if len(words) > 1 and words[0] == "-m":
        return Program(tuple(words[1:]), module=True)
    return Program(tuple(words), module=False) if words and not words[0].startswith("-") else None


class WarmProcesses(Struct):
    """An executor that forks steps from one process of this interpreter where that is faster, else starts them fresh.

    Fresh are: commands that are more than one plain Python program, steps that import little, steps with environment
    variables of their own (libraries read some when they are imported), and all if there is only one for it.
    `imports` gives what each step of the plan imports.
    """

    fresh: Executor
    keeper: Keeper
    imports: Callable[[], Sequence[tuple[str, ...]]]
    _zygote: _Zygote | None = None
    _given_up: bool = False

    def start(self, spec: ProcessSpec) -> Handle:
        program = program_of(spec.command) if spec.imports and not spec.own_variables else None
        if program is None or not _is_this_interpreter(spec) or not self._has_zygote():
            return self.fresh.start(spec)
        assert self._zygote is not None  # noqa: S101 - just made
        return self._zygote.ask(program, spec, self.fresh)

    def _has_zygote(self) -> bool:
        """Whether there is one, made now if it is worth it. It then imports what later steps need, in their order."""
        if self._zygote is None and not self._given_up:
            all_imports = [modules for modules in self.imports() if modules]
            self._given_up = len(all_imports) < 2
            if not self._given_up:
                self._zygote = _Zygote.start(self.keeper)
                self._zygote.send({"preload": list(dict.fromkeys(chain.from_iterable(all_imports)))})
        return self._zygote is not None and not self._zygote.gone

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """What becomes readable when a step has started or ended."""
        return (self._zygote.socket,) if self._zygote is not None and not self._zygote.gone else ()

    def close(self) -> None:
        """End the process, with whatever steps it still has."""
        if self._zygote is not None:
            self._zygote.close()


class _Zygote(Struct):
    process: subprocess.Popen[bytes]
    socket: socket.socket
    keeper: Keeper
    gone: bool = False
    handles: dict[int, _WarmHandle] = field(default_factory=dict)
    _received: bytes = b""

    @classmethod
    def start(cls, keeper: Keeper) -> _Zygote:
        """Raises OSError."""
        own, other = socket.socketpair()
        with other:
            process = subprocess.Popen(
                [sys.executable, str(_ZYGOTE), str(other.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                # the run's name is what tells its processes from others, also those that a step forks
                env={**os.environ, "PYTHONUNBUFFERED": "1", RUN_VARIABLE: keeper.run},
                start_new_session=True,
            )
        own.setblocking(False)
        keeper.watch(process.pid)
        return cls(process, own, keeper)

    def ask(self, program: Program, spec: ProcessSpec, fresh: Executor) -> Handle:
        number = len(self.handles)
        handle = self.handles[number] = _WarmHandle(self, number, spec, fresh)
        spec.log.touch()
        request = {
            "id": number,
            "needs": list(spec.imports),
            "argv": list(program.argv),
            "module": program.module,
            "folder": str(spec.folder),
            "environment": dict(spec.environment),
            "log": str(spec.log),
            "read_only": list(spec.read_only),
        }
        self.send(request)
        return handle

    def send(self, message: dict[str, Any]) -> None:
        self.socket.setblocking(True)
        with suppress(OSError):
            self.socket.sendall(json.dumps(message).encode() + b"\n")
        self.socket.setblocking(False)

    def take_in(self) -> None:
        """Read what has come; a process that is gone leaves its steps to be started afresh."""
        while not self.gone:
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self.gone = not data
            *lines, self._received = (self._received + data).split(b"\n")
            for line in lines:
                self._message(json.loads(line))

    def _message(self, message: dict[str, Any]) -> None:
        if "pid" in message:
            self.handles[message["id"]].pid = message["pid"]
            self.keeper.watch(message["pid"])
            self.handles[message["id"]].send_pending()
        elif "code" in message:
            self.handles[message["id"]].code = message["code"]
            if self.handles[message["id"]].pid is not None:
                self.keeper.forget(self.handles[message["id"]].pid or 0)
        else:
            self.gone = True

    def close(self) -> None:
        self.socket.close()
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL) if self.gone else None
        self.process.wait()
        self.keeper.forget(self.process.pid)


class _WarmHandle(Struct):
    """A step that the zygote has forked, or will; a fresh process if it could not."""

    zygote: _Zygote
    number: int
    spec: ProcessSpec
    fresh: Executor
    pid: int | None = None
    code: int | None = None
    instead: Handle | None = None
    pending: list[int] = field(default_factory=list)

    def poll(self) -> int | None:
        if self.instead is None:
            self.zygote.take_in()
        if self.code is None and self.zygote.gone and self.instead is None:
            if self.pid is not None or self.pending:
                self.code = -signal.SIGKILL
            else:
                self.instead = self.fresh.start(self.spec)
        if self.instead is not None:
            return self.instead.poll()
        if self.code is not None and self.pid is not None:
            self._kill_group(signal.SIGKILL)
        return self.code

    def signal_all(self, number: int) -> None:
        if self.instead is not None:
            self.instead.signal_all(number)
        elif self.pid is not None:
            self._kill_group(number)
        else:
            self.pending.append(number)
            self.zygote.send({"cancel": self.number})
            if number == signal.SIGKILL:
                self.zygote.process.kill()

    @property
    def due(self) -> float | None:
        return None

    def send_pending(self) -> None:
        """Signals that came before there was anything to send them to."""
        for number in self.pending:
            self.signal_all(number)
        self.pending.clear()

    def _kill_group(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid or 0, number)


def _is_this_interpreter(spec: ProcessSpec) -> bool:
    """Whether bash would find the interpreter that the zygote is of."""
    found = shutil.which(shlex.split(spec.command)[0], path=spec.environment.get("PATH"))
    return found is not None and Path(found).parent == Path(sys.executable).parent


_IMPORT = re.compile(r"^(?:from|import)[ \t]+([A-Za-z_][\w.]*)", re.MULTILINE)
# Distributions whose import takes longer than a fork of a process that has imported them.
_HEAVY = {"numpy", "pandas", "scipy", "sklearn", "mlflow", "great_expectations", "pyarrow", "torch", "tensorflow"}
_HEAVY |= {"keras", "xgboost", "lightgbm", "catboost", "matplotlib", "seaborn", "plotly", "statsmodels", "polars"}
_HEAVY |= {"transformers", "azure", "spacy", "nltk", "cv2", "skimage", "jax", "dask", "skops", "shap", "optuna"}
_HEAVY |= {"fastapi", "onnxruntime"}


class Imports:
    """What the code of nodes imports; the same code is read once."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[tuple[Path, Code], tuple[str, ...]] = {}

    def of(self, node: GraphNode) -> tuple[str, ...]:
        """The modules of large libraries that a node's Python files import at their top, in order of appearance."""
        component = coded_of(node.component)
        if component is None:
            return ()
        key = (component.folder, component.code)
        if key not in self._known:
            found: dict[str, None] = {}
            with suppress(OSError):
                for file in code_files(component, self._files):
                    found |= dict.fromkeys(_heavy_imports(file.path))
            self._known[key] = tuple(found)
        return self._known[key]


def _heavy_imports(file: Path) -> tuple[str, ...]:
    if file.suffix != ".py":
        return ()
    text = file.read_text(encoding="utf-8", errors="replace")
    names = (match[1] for match in _IMPORT.finditer(text))
    return tuple(name for name in names if name.partition(".")[0] in _HEAVY)
