"""Processes of steps: each in a process group of its own, so that all of it can be ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from penstock.errors import RunError
from penstock.run.keeper import Keeper
from penstock.run.readonly import protect


class ReadOnly(NamedTuple):
    """Paths that a process must not write to, and folders, perhaps below one of them, that it may."""

    paths: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()


EVERYTHING_WRITABLE = ReadOnly()


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A command line for bash, with its working folder, environment and log file.

    `imports` are the modules of large libraries that it will import; `own_variables`: whether the definition sets
    variables, which a library may read when it is imported. `read_only` is what it must not write to.
    """

    command: str
    folder: Path
    environment: Mapping[str, str]
    log: Path
    imports: tuple[str, ...] = ()
    own_variables: bool = False
    read_only: ReadOnly = EVERYTHING_WRITABLE


class Handle(Protocol):
    """A started step."""

    def poll(self) -> int | None:
        """The exit code (negative: the signal that ended it), or None while it runs."""
        ...

    def signal_all(self, number: int) -> None:
        """Send a signal to the step and every process that it started in its group."""
        ...

    @property
    def due(self) -> float | None:
        """When it wants to be polled even if no process ends (of `time.monotonic`)."""
        ...


class Executor(Protocol):
    """Starts steps."""

    def start(self, spec: ProcessSpec) -> Handle:
        """Start the command. Raises OSError if it cannot be started."""
        ...

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """What becomes readable when something has happened that no signal tells."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """Something that has ended when it is started."""

    code: int

    def poll(self) -> int | None:
        return self.code

    def signal_all(self, number: int) -> None:
        """There is nobody to send it to."""

    @property
    def due(self) -> float | None:
        return 0.0


def find_bash() -> str:
    """The shell that runs steps. Raises RunError if there is none."""
    bash = shutil.which("bash")
    if bash is None:
        raise RunError("steps are run by bash, as on Azure, but there is none on this machine; install it")
    return bash


class LocalProcesses:
    """Steps as processes of this machine, run by bash as on Azure."""

    def __init__(self, bash: str, keeper: Keeper) -> None:
        self._bash = bash
        self._keeper = keeper

    def start(self, spec: ProcessSpec) -> Handle:
        with spec.log.open("wb") as log:
            process = subprocess.Popen(
                [self._bash, "-c", spec.command],
                cwd=spec.folder,
                env=dict(spec.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(protect, *spec.read_only) if spec.read_only.paths else None,  # noqa: PLW1509
            )
        self._keeper.watch(process.pid)
        return _LocalProcess(process, self._keeper)

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        return ()

    def close(self) -> None:
        """Nothing is left of the steps that have ended."""


class _LocalProcess:
    def __init__(self, process: subprocess.Popen[bytes], keeper: Keeper) -> None:
        self._process = process
        self._keeper = keeper

    def poll(self) -> int | None:
        code = self._process.poll()
        if code is not None:
            self._end_group()
        return code

    def _end_group(self) -> None:
        """End whatever the step left running in the background, as the end of a container does."""
        self.signal_all(signal.SIGKILL)
        with suppress(ChildProcessError):
            while True:  # those that the engine has adopted by now (see orphans) are its own to wait for
                os.waitpid(-self._process.pid, 0)
        self._keeper.forget(self._process.pid)

    @property
    def due(self) -> float | None:
        return None

    def signal_all(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
