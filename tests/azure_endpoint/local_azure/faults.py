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
    """`times` requests whose "METHOD host/path" is found by `where` go wrong, after the first `after`."""

    where: str
    kind: Kind
    times: int = 1
    after: int = 0
    retry_after: str = "1"
    met: int = field(default=0, init=False)

    def strikes(self, said: str) -> bool:
        if re.search(self.where, said) is None:
            return False
        self.met += 1
        return self.after < self.met <= self.after + self.times


class Faults:
    """The faults to come. `add` one; `clear` them; `unmet` are those that never struck: a test of nothing."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self.slow_operations = 0
        """How often a long-running operation says InProgress before it ends."""

    def add(self, where: str, kind: Kind, *, times: int = 1, after: int = 0, retry_after: str = "1") -> Fault:
        fault = Fault(where, kind, times, after, retry_after)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
        self.slow_operations = 0

    @property
    def unmet(self) -> list[Fault]:
        return [fault for fault in self._faults if fault.met <= fault.after]

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
