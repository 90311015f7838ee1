"""Listening sockets of endpoints on this machine: made once, kept open by a holder, handed from server to server."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from penstock.errors import RunError
from penstock.release import processes
from penstock.release.processes import Launch
from penstock.store.endpoints import EndpointFolder

LOOPBACK = "127.0.0.1"
_BACKLOG = 2048
_ANSWER_S = 10.0
_SILENT_S = 5
_DESCRIPTORS = Path("/proc/self/fd")


def private() -> socket.socket:
    """A listening socket of loopback on a port that the system chooses."""
    return _listening(0)


def shared(folder: EndpointFolder, port: int | None) -> socket.socket:
    """The endpoint's listening socket: the one that its holder has, else a new one with a new holder.

    Args:
        folder: the endpoint's.
        port: which to take for a new one; None: the system chooses.

    Raises:
        RunError: the port is taken by somebody else, or the holder does not answer.
    """
    return handed(folder) or _hold(folder, port)


def handed(folder: EndpointFolder) -> socket.socket | None:
    """The listening socket of the endpoint's holder; None if there is no holder."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as asking:
        asking.settimeout(_ANSWER_S)
        try:
            _connect(asking, folder.holder)
            _, descriptors, _, _ = socket.recv_fds(asking, 16, 1)
        except TimeoutError:
            raise RunError(f"who holds the socket of {folder.name} does not answer; stop the endpoint first") from None
        except OSError:
            return None
    return socket.socket(fileno=descriptors[0]) if descriptors else None


def port_of(listening: socket.socket) -> int:
    """The port of a socket of loopback."""
    port: int = listening.getsockname()[1]
    return port


def _hold(folder: EndpointFolder, port: int | None) -> socket.socket:
    try:
        listening = _listening(port or 0)
    except OSError as error:
        raise RunError(
            f"port {port} of {LOOPBACK}, where {folder.name} is, cannot be had: {error.strerror}. Who listens there "
            f"must go (if it is the endpoint's own server: penstock endpoints stop {folder.name}), or take another one "
            "with --port"
        ) from None
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as control:
        with suppress(FileNotFoundError):
            folder.holder.unlink()
        _bind(control, folder.holder)
        control.listen()
        numbers = [listening.fileno(), control.fileno()]
        processes.start(
            Launch(
                role="holder",
                arguments=[str(number) for number in numbers],
                endpoint=folder.path,
                folder=folder.path,
                environment={},
                log=folder.path / "holder.log",
                sockets=numbers,
            )
        )
    return listening


def _listening(port: int) -> socket.socket:
    """A listening socket. Who connects and stays silent, or stops in the middle, does not keep a server from others.

    A server's process answers one request after the other, and waits for the rest of one as long as it takes. So the
    kernel hands it only connections on which something has come (TCP_DEFER_ACCEPT of tcp(7)), and ends its waiting
    after some seconds (SO_RCVTIMEO of socket(7), which accepted sockets inherit).
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "linux":
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _SILENT_S)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _SILENT_S, 0))
        made.bind((LOOPBACK, port))
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _connect(asking: socket.socket, path: Path) -> None:
    _near(path, asking.connect)


def _bind(control: socket.socket, path: Path) -> None:
    _near(path, control.bind)


def _near(path: Path, call: Callable[[str], None]) -> None:
    """Call with a path of a UNIX socket: these may have about 100 bytes, which the path of a workspace may exceed."""
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        call(str(_DESCRIPTORS / str(directory) / path.name) if _DESCRIPTORS.is_dir() else str(path))
    finally:
        os.close(directory)
