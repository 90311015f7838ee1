"""Requests to a server: of this machine, or of an endpoint at Azure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.release.target import Caller

if TYPE_CHECKING:
    from requests import Session

_HEALTH_S = 1.0
# Azure's endpoints answer 424 where the model's server has not answered 200, and tell its status in this header:
# https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints#http-status-codes
_OF_MODEL = "ms-azureml-model-error-statuscode"


class Answer(Struct, frozen=True):
    """What a server has answered. `status` is 0 if it has not: then `text` says why. `seconds` is how long it took."""

    status: int
    text: str
    seconds: float

    @property
    def document(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json.loads(self.text)


def health(url: str) -> bool:
    """Whether a server says that it is healthy."""
    return get(url, "/", _HEALTH_S).status == 200


def get(url: str, path: str, timeout_s: float) -> Answer:
    """GET a page, without a key."""
    return _ask("GET", f"{url}{path}", None, {}, timeout_s)


def score(
    caller: Caller, body: bytes, timeout_s: float, key: str | None = None, session: Session | None = None
) -> Answer:
    """POST a body to /score with the caller's key, or with another one; an empty one is none.

    With a session of `connected`, by the connection of the request before, if the server keeps it.
    """
    chosen = caller.key if key is None else key
    headers = {"Content-Type": "application/json", **caller.headers}
    if chosen:
        headers["Authorization"] = f"Bearer {chosen}"
    return _ask("POST", f"{caller.url}/score", body, headers, timeout_s, session)


@contextmanager
def connected(url: str) -> Iterator[Session]:
    """A session for several requests to a server."""
    import requests

    with requests.Session() as session:
        session.trust_env = not url.startswith("http://")  # a proxy is for other machines
        yield session


def _ask(
    method: str,
    url: str,
    body: bytes | None,
    headers: dict[str, str],
    timeout_s: float,
    session: Session | None = None,
) -> Answer:
    import requests

    began = time.perf_counter()
    try:
        with nullcontext(session) if session is not None else connected(url) as chosen:
            answer = chosen.request(method, url, data=body, headers=headers, timeout=timeout_s, allow_redirects=False)
            status, text = int(answer.headers.get(_OF_MODEL, answer.status_code)), answer.text
    except requests.Timeout:
        status, text = 0, f"no answer after {timeout_s:g} s"
    except requests.RequestException as error:
        status, text = 0, f"no answer ({type(error).__name__})"
    return Answer(status, text, time.perf_counter() - began)
