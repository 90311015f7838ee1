"""One TLS server behind all of Azure's host names; what it is asked is kept in order."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from local_azure.faults import Faults, answer

App = Callable[..., Iterable[bytes]]


@dataclass(frozen=True)
class Request:
    """One request that came, and the status of its answer (0: the connection was lost)."""

    method: str
    host: str
    path: str
    query: str
    status: int

    @property
    def is_write(self) -> bool:
        return self.method in {"PUT", "PATCH", "DELETE"} or (self.method == "POST" and not _READS.search(self.path))


_READS = re.compile(
    r"/(listSecrets|startPendingUpload|listKeys|token|getLogs|query|rundata|oidctoken)$|/oauth2/", re.IGNORECASE
)


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        """Nothing: `Server.requests` is the log."""


class Server:
    """Answers on 127.0.0.1 from `start` to `stop`. `hosts`: a pattern of host names, and who answers them."""

    def __init__(self, context: ssl.SSLContext, hosts: dict[str, App], faults: Faults) -> None:
        self.requests: list[Request] = []
        self._hosts, self._faults = hosts, faults
        self._server = make_server(
            "127.0.0.1", 0, self._answer, threaded=True, request_handler=_Handler, ssl_context=context
        )
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self._server.block_on_close = False  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    def answers(self, host: str) -> bool:
        return any(re.fullmatch(pattern, host) for pattern in self._hosts)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        host, method, path = environ["HTTP_HOST"].split(":")[0], environ["REQUEST_METHOD"], environ["PATH_INFO"]
        asked = (method, host, path, environ.get("QUERY_STRING", ""))

        def kept(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            self.requests.append(Request(*asked, int(status.split(maxsplit=1)[0])))
            return start_response(status, headers, *rest)

        app = next(app for pattern, app in self._hosts.items() if re.fullmatch(pattern, host))
        fault = self._faults.struck(f"{method} {host}{path}")
        if fault is None:
            return app(environ, kept)
        if fault.kind.startswith("lost"):
            self.requests.append(Request(*asked, 0))
        return answer(fault, environ, kept, app)
