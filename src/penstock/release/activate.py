"""Becomes a server that finds its listening sockets as systemd hands them over (sd_listen_fds(3)): from 3 on.

    python -I -S activate.py FD[,FD...] PROGRAM [ARGUMENT...]

A program of its own, because LISTEN_PID must hold the id of the very process that becomes the server.
"""

from __future__ import annotations

import os
import sys

FIRST = 3


def main() -> None:
    """Put the sockets in their places and become the server."""
    sockets = [os.dup(int(number)) for number in sys.argv[1].split(",")]
    free = max(*sockets, FIRST + len(sockets)) + 1
    apart = [_moved(number, free + place) for place, number in enumerate(sockets)]
    for place, number in enumerate(apart):
        os.dup2(number, FIRST + place)
    os.closerange(FIRST + len(apart), os.sysconf("SC_OPEN_MAX"))
    os.environ |= {"LISTEN_FDS": str(len(apart)), "LISTEN_PID": str(os.getpid())}
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the server's own command line


def _moved(number: int, to: int) -> int:
    os.dup2(number, to)
    os.close(number)
    return to


if __name__ == "__main__":
    main()
