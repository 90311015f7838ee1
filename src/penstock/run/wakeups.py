"""Waits for a child to end, for Ctrl-C, SIGTERM or a closed terminal, or for a deadline: whichever comes first."""

from __future__ import annotations

import os
import select
import signal
import socket
from types import FrameType, TracebackType
from typing import Any, Self


class Wakeups:
    """A context in which SIGCHLD, SIGINT, SIGTERM and SIGHUP end `wait`. Main thread only.

    `interrupts` counts all but SIGCHLD.
    """

    _SIGNALS = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.interrupts = 0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._previous_fd = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in self._SIGNALS:
            self._previous[number] = signal.signal(number, self._received)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._previous_fd)
        os.close(self._read)
        os.close(self._write)

    def _received(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self.interrupts += 1

    def wait(self, timeout: float | None, sockets: tuple[socket.socket, ...] = ()) -> None:
        """Return when a signal has come (also one from before the call), a socket can be read, or after `timeout` s."""
        watched: list[Any] = [self._read, *sockets]
        select.select(watched, [], [], timeout)
        while True:
            try:
                if not os.read(self._read, 4096):
                    return
            except BlockingIOError:
                return
