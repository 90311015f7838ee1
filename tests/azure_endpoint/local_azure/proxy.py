"""An HTTP proxy that leads Azure's host names to this machine, and refuses every other host.

Clients are pointed here by HTTPS_PROXY, which every Azure SDK for Python heeds: so they ask the real host names, and
nothing that they ask can leave the machine.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import socketserver
import threading
from collections.abc import Callable

Route = Callable[[str], "tuple[str, int] | None"]
_LIMIT = 8192


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        head = self._head()
        method, _, rest = head.partition(" ")
        host = rest.split(" ")[0].rpartition(":")[0]
        where = self.server.route(host) if method == "CONNECT" else None
        if where is None:
            self.server.refused.append(host or head.split("\r\n")[0])
            self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        with socket.create_connection(where) as other:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pass_on(self.request, other)

    def _head(self) -> str:
        data = b""
        while b"\r\n\r\n" not in data and len(data) < _LIMIT:
            part = self.request.recv(1)  # not a byte of what follows may be taken
            if not part:
                break
            data += part
        return data.decode("latin-1")


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                try:
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if data:
                        key.data.sendall(data)
                        continue
                except OSError:
                    pass
                for each in (one, other):
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, route: Route) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.route = route
        self.refused: list[str] = []


class Proxy:
    """Runs from `start` to `stop`. `refused`: the hosts that were asked for and that nobody here answers."""

    def __init__(self, route: Route) -> None:
        self._server = _Server(route)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def refused(self) -> list[str]:
        return self._server.refused

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
