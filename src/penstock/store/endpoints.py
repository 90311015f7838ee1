"""`endpoints/<name>/`: what is served on this machine, and what was.

endpoints/<name>/endpoint.json         the record: see `Endpoint`; rewritten whole, by rename
endpoints/<name>/lock                  locked while somebody changes the endpoint
endpoints/<name>/key                   mode 0600: the primary key and the secondary, a line each
endpoints/<name>/holder                a socket: who keeps the endpoint's listening socket open answers here
endpoints/<name>/deployments/<id>/     package/ (the copy that is served), server.log
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.errors import RunError
from penstock.store.workspace import Workspace, write_atomically

_ENDPOINT = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_HISTORY = 200
_PRIVATE = 0o700
_SECRET = 0o600

Happened = Literal["released", "failed", "rolled back", "stopped", "started"]


class BusyError(RunError):
    """Somebody else is changing the endpoint."""


class Process(Struct, frozen=True):
    """A process that outlives the one that started it.

    `started` is its start as the system has it (see `penstock.release.processes`): a process of the same id and
    another start is another one.
    """

    pid: int
    started: str


class Deployment(Struct, frozen=True):
    """A package on an endpoint.

    Attributes:
        id: also the name of its folder.
        model, version: the registered model version that it serves.
        digest: the package's.
        run: the run that made the package; None if its lineage does not tell.
        since: when it was released; ISO 8601, UTC.
        workers: how many processes answer.
        server: the server's process; None if it was stopped.
        port: the server's own, which leads to no other deployment of the endpoint.
    """

    id: str
    model: str
    version: str
    digest: str
    run: str | None
    since: str
    workers: int
    server: Process | None = None
    port: int | None = None


class Event(Struct, frozen=True):
    """Something that has happened to an endpoint. `reason` says why a release failed or was taken back."""

    when: str
    what: Happened
    version: str
    digest: str
    reason: str = ""


class Pointer(Struct, frozen=True):
    """What the registry is still to be told: the champion is the version that prod serves, and one may be withdrawn."""

    model: str
    withdrawn: str | None


class Endpoint(Struct, frozen=True):
    """The record of an endpoint. One write of it changes what is current.

    Attributes:
        name, stage: `<name>-<stage>` is the endpoint's folder; the stage is staging or prod.
        port: of this machine, where the endpoint is; None before the first release.
        current: what serves, or did until it was stopped.
        previous: what served before, which a rollback brings back.
        passed: digests of packages that were current here, the latest last.
        pointer: what is to be done in the registry after this record was written.
        history: the latest last.
    """

    name: str
    stage: str
    port: int | None = None
    current: Deployment | None = None
    previous: Deployment | None = None
    passed: tuple[str, ...] = ()
    pointer: Pointer | None = None
    history: tuple[Event, ...] = ()

    def with_event(self, what: Happened, of: Deployment, reason: str = "") -> Endpoint:
        """The record with one more event."""
        event = Event(now(), what, of.version, of.digest, reason)
        return replace(self, history=(*self.history, event)[-_HISTORY:])


class EndpointFolder(Struct, frozen=True):
    """The folder of one endpoint."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def key(self) -> Path:
        return self.path / "key"

    @property
    def holder(self) -> Path:
        return self.path / "holder"

    def deployment(self, id_: str) -> Path:
        return self.path / "deployments" / id_

    def package(self, id_: str) -> Path:
        return self.deployment(id_) / "package"

    def log(self, id_: str) -> Path:
        return self.deployment(id_) / "server.log"

    def deployments(self) -> list[str]:
        """The ids of all deployments whose files are there."""
        folder = self.path / "deployments"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def read(self) -> Endpoint | None:
        """The record; None if there is none. Raises RunError if it is not one."""
        path = self.path / "endpoint.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Endpoint)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise RunError(f"{path} cannot be read: {error}; remove the folder when nothing is served there") from None

    def write(self, endpoint: Endpoint) -> None:
        """Replace the record. Raises OSError."""
        text = msgspec.json.format(msgspec.json.encode(endpoint), indent=2).decode()
        write_atomically(self.path / "endpoint.json", text + "\n")

    def prepare(self) -> None:
        """Make the folder, and its keys. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        if not self.key.exists():
            temporary = self.path / f".key.{os.getpid()}"
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _SECRET)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write("".join(f"{secrets.token_urlsafe(32)}\n" for _ in range(2)))
            temporary.rename(self.key)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While this lasts nobody else changes the endpoint. Raises BusyError at once if somebody does."""
        self.path.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                who = f"process {lock.read().strip() or 'unknown'}"
                raise BusyError(
                    f"{who} is changing the endpoint {self.name} now; try again when it has ended"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                with suppress(OSError):
                    lock.truncate(0)


def endpoint_folder(workspace: Workspace, name: str) -> EndpointFolder:
    """The folder of the endpoint `name`, whether it exists or not. Raises RunError for what cannot be a name."""
    if not _ENDPOINT.fullmatch(name):
        raise RunError(f"{name!r} is no endpoint's name; it has lower-case letters, digits and dashes")
    return EndpointFolder(workspace.endpoints / name)


def endpoint_folders(workspace: Workspace) -> list[EndpointFolder]:
    """All endpoints of the workspace, by name."""
    folder = workspace.endpoints
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [EndpointFolder(path) for path in found if (path / "endpoint.json").exists()]


def now() -> str:
    """This moment as records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
