"""Keeps an endpoint's listening socket open between releases, and hands it to whoever is to serve on it next.

    python -I -S holder.py LISTENING-FD CONTROL-FD

Both are sockets that this process inherits: the endpoint's, and a UNIX socket in the endpoint's folder, which only the
owner of the folder can reach. Each connection there is answered with the listening socket, as SCM_RIGHTS (unix(7)).
Uses nothing but the standard library, so that it costs little for as long as the endpoint lives.
"""

from __future__ import annotations

import signal
import socket
import sys
from contextlib import suppress


def main() -> None:
    """Answer until ended by a signal."""
    listening, control = (int(number) for number in sys.argv[1:3])
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=control) as server:
        while True:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                socket.send_fds(connection, [b"socket"], [listening])


if __name__ == "__main__":
    main()
