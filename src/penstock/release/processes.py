"""Processes that serve: started so that they outlive penstock, known again later, ended with all that is theirs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from penstock.store.endpoints import Process

ENDPOINT_VARIABLE = "PENSTOCK_ENDPOINT"
ROLE_VARIABLE = "PENSTOCK_ROLE"
Role = Literal["server", "holder"]
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_POLL_S = 0.05
_OURS: dict[int, subprocess.Popen[bytes]] = {}  # children, whose ends are ours to take notice of


class Launch(Struct, frozen=True):
    """What to start for an endpoint.

    Attributes:
        role: a server is started by activate.py, a holder is holder.py.
        arguments: of that program.
        endpoint: the endpoint's folder.
        folder: the working folder.
        environment: all of it, but the variables by which the process is known again.
        log: is appended to.
        sockets: the descriptors that it inherits.
    """

    role: Role
    arguments: Sequence[str]
    endpoint: Path
    folder: Path
    environment: Mapping[str, str]
    log: Path
    sockets: Sequence[int]


def start(launch: Launch) -> Process | None:
    """Start it in a session of its own, in which it outlives this process; None if it ended at once. Raises OSError."""
    program = Path(__file__).with_name("holder.py" if launch.role == "holder" else "activate.py")
    with launch.log.open("ab") as output:
        started = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program), *launch.arguments],
            cwd=launch.folder,
            env={**launch.environment, ENDPOINT_VARIABLE: str(launch.endpoint), ROLE_VARIABLE: launch.role},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=tuple(launch.sockets),
        )
    _OURS[started.pid] = started
    return known(started.pid)


def known(pid: int) -> Process | None:
    """A process with its start, so that it can be told from a later one of the same id; None if it is gone."""
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return Process(pid, _start_of(process))
    return None


def is_alive(process: Process) -> bool:
    """Whether this very process still runs."""
    return known(process.pid) == process


def belonging_to(endpoint: Path, role: Role | None = None) -> list[Process]:
    """The processes that were started for an endpoint, by a release that was killed too; the first of their sessions.

    They are known by a variable in their environment. Those of other users are not looked at.
    """
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            variables = process.environ()
            asked = variables.get(ENDPOINT_VARIABLE) == str(endpoint) and role in (None, variables.get(ROLE_VARIABLE))
            if asked and os.getsid(process.pid) == process.pid:
                own = known(process.pid)
                found += [own] if own is not None else []
    return found


def end(process: Process, grace_s: float) -> bool:
    """Ask a server to finish what it has taken and to end; end its session after `grace_s`. False if it was not alive.

    The processes of its session that are left are ended with it.
    """
    if not is_alive(process):
        return False
    members = _session(process.pid)
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while is_alive(process) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    for member in [process, *members]:
        if is_alive(member):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(member.pid, signal.SIGKILL)
    own = _OURS.pop(process.pid, None)
    if own is not None:
        own.wait()
    return True


def _session(leader: int) -> list[Process]:
    import psutil

    found = []
    with suppress(psutil.Error):
        for child in psutil.Process(leader).children(recursive=True):
            own = known(child.pid)
            found += [own] if own is not None else []
    return found


def _start_of(process: Any) -> str:
    """On Linux the boot and the clock ticks since then (proc(5), starttime), which do not change when the clock is set.

    Elsewhere the start time in seconds.
    """
    try:
        ticks = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
        return f"{_BOOT_ID.read_text(encoding='ascii').strip()} {ticks}"
    except OSError:
        return f"{process.create_time():.2f}"
