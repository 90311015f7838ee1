"""A second process that outlives the engine when that is killed, and ends the steps that it leaves.

It is a fork of the engine that reads from a pipe whose other end only the engine holds. The engine writes the process
group of each step that starts or ends, and says goodbye when a run ends; a pipe that closes without that means that the
engine is gone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection
from contextlib import suppress
from types import TracebackType
from typing import Self

from penstock.run.orphans import end_all_of

_GOODBYE = b".\n"


class Keeper:
    """A context in which the steps of a run do not outlive the engine. To be entered before any thread starts.

    `aftermath` is called in the second process once the steps have been ended; `held` are descriptors that it holds
    until then.
    """

    def __init__(self, run: str, aftermath: Callable[[], None], held: Collection[int] = ()) -> None:
        self.run = run
        self._aftermath = aftermath
        self._held = held

    def __enter__(self) -> Self:
        read, self._write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._keep(read)
            finally:
                os._exit(0)
        os.close(read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell(_GOODBYE)
        os.close(self._write)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def watch(self, group: int) -> None:
        """End this process group if the engine is killed."""
        self._tell(b"+%d\n" % group)

    def forget(self, group: int) -> None:
        """The process group has ended."""
        self._tell(b"-%d\n" % group)

    def _tell(self, line: bytes) -> None:
        with suppress(BrokenPipeError):
            os.write(self._write, line)

    def _keep(self, read: int) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.setsid()
        self._let_go(read)
        groups: set[int] = set()
        with os.fdopen(read, "rb", buffering=0) as pipe:
            for line in iter(pipe.readline, b""):
                if line == _GOODBYE:
                    return
                (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))
        end_all_of(self.run, groups)
        self._aftermath()

    def _let_go(self, read: int) -> None:
        """Close what the engine has open, so that nobody waits for the end of its output."""
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        kept = sorted({2, read, *self._held})
        for low, high in zip(kept, [*kept[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
            os.closerange(low + 1, high)
