"""What the local Azure is told to do wrong, and when."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Environ = dict[str, Any]
Kind = Literal["throttled", "unavailable", "lost", "lost_after", "expired", "conflict", "forbidden"]

_ANSWERS: dict[str, tuple[int, str, str]] = {
    "throttled": (
        429,
        "TooManyRequests",
        "The request is being throttled as the limit has been reached for operation type.",
    ),
    "unavailable": (503, "ServerTimeout", "The request timed out; try again."),
    "expired": (401, "ExpiredAuthenticationToken", "The access token expiry UTC time has passed."),
    "conflict": (409, "Conflict", "Another operation is in progress on the resource."),
    "forbidden": (403, "AuthorizationFailed", "The client does not have authorization to perform the action."),
}


@dataclass
class Fault:
    """`times` requests whose "METHOD host/path" is found by `where` go wrong, after the first `after`.

    `times` None: all of them, for as long as the fault is there, and at least one.
    """

    where: str
    kind: Kind
    times: int | None = 1
    after: int = 0
    retry_after: str = "1"
    met: int = field(default=0, init=False)

    def strikes(self, said: str) -> bool:
        if re.search(self.where, said) is None:
            return False
        self.met += 1
        return self.after < self.met and (self.times is None or self.met <= self.after + self.times)

    @property
    def is_unmet(self) -> bool:
        """It struck less often than was said."""
        return self.met < self.after + (self.times or 1)


class Faults:
    """The faults to come. `add` one; `unmet` are those that did not strike as often as was said: a test of nothing.

    `lift` ends them within a test; the fixture `azure` looks at its end that none is unmet.
    """

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self.slow_operations = 0
        """How often a long-running operation says InProgress before it ends."""

    def add(self, where: str, kind: Kind, *, times: int | None = 1, after: int = 0, retry_after: str = "1") -> Fault:
        fault = Fault(where, kind, times, after, retry_after)
        with self._lock:
            self._faults.append(fault)
        return fault

    def lift(self) -> None:
        """From now on nothing goes wrong any more; all that was told to has."""
        assert self.unmet == [], self.unmet
        self.clear()

    def clear(self) -> None:
        """As at the beginning, whatever has struck."""
        with self._lock:
            self._faults.clear()
        self.slow_operations = 0

    @property
    def unmet(self) -> list[Fault]:
        return [fault for fault in self._faults if fault.is_unmet]

    def struck(self, said: str) -> Fault | None:
        with self._lock:
            return next((fault for fault in self._faults if fault.strikes(said)), None)


def answer(
    fault: Fault, environ: Environ, start_response: Callable[..., Any], app: Callable[..., Iterable[bytes]]
) -> Iterable[bytes]:
    """What a request gets that a fault has struck."""
    if fault.kind in {"lost", "lost_after"}:
        if fault.kind == "lost_after":
            b"".join(app(environ, lambda *_: None))
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError(f"told to lose the connection: {fault.where}")
    status, code, message = _ANSWERS[fault.kind]
    headers = [("Content-Type", "application/json")]
    if fault.kind == "throttled":
        headers.append(("Retry-After", fault.retry_after))
    if fault.kind == "expired":
        headers.append(("WWW-Authenticate", 'Bearer error="invalid_token"'))
    start_response(f"{status} {code}", headers)
    return [json.dumps({"error": {"code": code, "message": message}}).encode()]
