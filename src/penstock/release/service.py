"""Releases, rollbacks and what is between them, on the endpoints of this machine."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from msgspec import Struct
from msgspec.structs import replace

from penstock.errors import RunError
from penstock.release import pointer, processes
from penstock.release.http import health
from penstock.release.local import DRAIN_S, LocalTarget, first_key, forget_others, left_over
from penstock.release.packages import Anchor, Package, read_package, verify
from penstock.release.rollout import roll_out
from penstock.release.smoke import Check, read_contract, smoke
from penstock.release.sockets import LOOPBACK
from penstock.release.target import Caller, ReleaseError
from penstock.spec.source import Mapping, parse
from penstock.store.endpoints import (
    BusyError,
    Deployment,
    Endpoint,
    EndpointFolder,
    Pointer,
    Process,
    endpoint_folder,
    endpoint_folders,
    now,
)
from penstock.store.workspace import Workspace

STAGES = ("staging", "prod")
WATCH_S = 2.0
WORKERS = 2


class Options(Struct, frozen=True):
    """How to release: server processes, seconds of watching, and the port if the endpoint has none yet."""

    workers: int = WORKERS
    watch_s: float = WATCH_S
    port: int | None = None


class Endpoints:
    """The endpoints of a workspace. `told` gets what goes on, in sentences."""

    def __init__(self, workspace: Workspace, told: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._told = told

    def release(self, package: Package, stage: str, anchor: Anchor | None, options: Options) -> Endpoint:
        """Release a package to a stage; nothing is done if it is current there and is served.

        Raises:
            RunError: the package is not what its anchor says, fails, or has not passed staging. What served goes on;
                a version that failed is withdrawn, and the champion is again the version that prod serves.
        """
        name = endpoint_of(package)
        with self._changing(f"{name}-{stage}") as folder:
            record = _moved(folder.read() or Endpoint(name, stage), options.port)
            version = _deployment(package, options.workers)
            try:
                _verified(package, anchor)
                if stage == "prod":
                    self._require_staging(package, name)
                if record.current is not None and record.current.digest == package.digest and is_served(record):
                    self._told(f"version {package.version} of {package.model_name} is served there already")
                    return record
                contract = read_contract(package.path)
                target = LocalTarget(
                    self._workspace, folder, record, lambda record: _released(record, version), self._told
                )
                roll_out(target, package, version, contract, told=self._told, watch_s=options.watch_s)
            except ReleaseError as error:
                self._failed(folder, record, version, str(error))
                raise RunError(self._after_failure(folder, version, error)) from None
            return self._settled(folder)

    def rollback(self, name: str, options: Options) -> Endpoint:
        """Bring back what an endpoint served before; what it serves is withdrawn, and has to pass staging again.

        Raises RunError if there was nothing before, or it does not start any more: then all stays as it is.
        """
        with self._changing(self._named(name)) as folder:
            record = self._existing(folder)
            bad, good = record.current, record.previous
            if bad is None or good is None:
                raise RunError(f"{name} has served nothing before, so there is nothing to go back to")

            def done(record: Endpoint) -> Endpoint:
                record = record.with_event("rolled back", bad, f"to version {good.version}")
                return replace(record, previous=None, pointer=Pointer(bad.model, bad.version))

            self._bring_up(folder, record, good, options, done)
            self._forget_passed(record.name, bad.digest)
            return self._settled(folder)

    def start(self, name: str, options: Options) -> Endpoint:
        """Serve again what an endpoint served when it was stopped, or its server was lost."""
        with self._changing(self._named(name)) as folder:
            record = _moved(self._existing(folder), options.port)
            current = record.current
            if current is None:
                raise RunError(f"{name} has never served anything; release a package to it")
            if is_served(record):
                self._told(f"{name} is served already")
                return record
            self._bring_up(folder, record, current, options, lambda record: record.with_event("started", current))
            return self._settled(folder)

    def stop(self, name: str) -> Endpoint:
        """End whatever serves an endpoint, when it has answered what it has taken. Its record, port and keys stay."""
        with self._changing(self._named(name)) as folder:
            record = self._existing(folder)
            for process in processes.belonging_to(folder.path):
                processes.end(process, DRAIN_S)
            current = record.current
            if current is not None and current.server is not None:
                record = replace(record, current=replace(current, server=None, port=None))
                folder.write(record.with_event("stopped", current))
            return self._existing(folder)

    def smoke(self, name: str) -> list[Check]:
        """The smoke test of what an endpoint serves, at the endpoint's own address."""
        folder = endpoint_folder(self._workspace, name)
        record = self._existing(folder)
        if record.current is None or record.port is None or not is_served(record):
            raise RunError(f"{name} serves nothing now; penstock endpoints start {name}")
        contract = read_contract(folder.package(record.current.id))
        return smoke(caller(folder, record), contract)

    def is_failing(self, name: str) -> bool:
        """Whether what an endpoint serves answers wrongly, or its server has ended; to be slow is not enough."""
        record = self.record(name)
        if record.current is not None and not is_served(record):
            return True
        return any(check.problem is not None and check.is_proof for check in self.smoke(name))

    def record(self, name: str) -> Endpoint:
        """What is known of an endpoint. Raises RunError if there is none of this name."""
        return self._existing(endpoint_folder(self._workspace, name))

    def settle(self) -> None:
        """Clear away, on every endpoint that nobody is changing, what a release left that was interrupted."""
        for folder in endpoint_folders(self._workspace):
            record = folder.read()
            if self._strays(folder) or (record is not None and (record.pointer or left_over(folder, record))):
                with suppress(BusyError), self._changing(folder.name):
                    pass

    @contextmanager
    def _changing(self, name: str) -> Iterator[EndpointFolder]:
        """The endpoint's folder, locked; what a release that was killed has left is cleared away first."""
        folder = endpoint_folder(self._workspace, name)
        with folder.locked():
            folder.prepare()
            for process in self._strays(folder):
                self._told(f"{name}: ending process {process.pid}, which a release left that was interrupted")
                processes.end(process, DRAIN_S)
            record = folder.read()
            if record is not None:
                forget_others(folder, record)
            pointer.settle_pointer(self._workspace, folder, self._told)
            yield folder

    def _strays(self, folder: EndpointFolder) -> list[Process]:
        """Servers of the endpoint that its record does not name."""
        record = folder.read()
        current = record.current.server if record is not None and record.current is not None else None
        return [one for one in processes.belonging_to(folder.path, role="server") if one != current]

    def _bring_up(
        self,
        folder: EndpointFolder,
        record: Endpoint,
        version: Deployment,
        options: Options,
        done: Callable[[Endpoint], Endpoint],
    ) -> None:
        package = read_package(folder.package(version.id))
        _verified(package, Anchor(version.digest, f"the record of {folder.name}"))
        target = LocalTarget(self._workspace, folder, record, done, self._told)
        again = replace(version, workers=options.workers, server=None, port=None)
        contract = read_contract(package.path)
        try:
            roll_out(target, package, again, contract, told=self._told, watch_s=options.watch_s)
        except ReleaseError as error:
            raise RunError(f"version {version.version} cannot be brought back: {error}\nNothing was changed") from None

    def _require_staging(self, package: Package, name: str) -> None:
        staging = endpoint_folder(self._workspace, f"{name}-staging").read()
        if staging is None or package.digest not in staging.passed:
            raise RunError(
                f"prod takes only what has passed staging, the same bytes, and {package.digest} has not: "
                f"penstock release {package.path} --to staging"
            )

    def _forget_passed(self, name: str, digest: str) -> None:
        for stage in STAGES:
            folder = endpoint_folder(self._workspace, f"{name}-{stage}")
            record = folder.read()
            if record is not None and digest in record.passed:
                folder.write(replace(record, passed=tuple(one for one in record.passed if one != digest)))

    def _failed(self, folder: EndpointFolder, record: Endpoint, version: Deployment, reason: str) -> None:
        record = (folder.read() or record).with_event("failed", version, reason)
        folder.write(replace(record, pointer=Pointer(version.model, version.version)))
        self._settled(folder)

    def _after_failure(self, folder: EndpointFolder, version: Deployment, error: ReleaseError) -> str:
        record = folder.read()
        current = record.current if record is not None else None
        goes_on = f"version {current.version} goes on serving" if current is not None else "nothing is served"
        return (
            f"version {version.version} of {version.model} is not released to {folder.name}: {error}\n{goes_on} there"
        )

    def _settled(self, folder: EndpointFolder) -> Endpoint:
        pointer.settle_pointer(self._workspace, folder, self._told)
        record = self._existing(folder)
        forget_others(folder, record)
        return record

    def _named(self, name: str) -> str:
        """The name, if there is such an endpoint: nothing is made for one that there is not."""
        self._existing(endpoint_folder(self._workspace, name))
        return name

    def _existing(self, folder: EndpointFolder) -> Endpoint:
        record = folder.read()
        if record is None:
            known = ", ".join(found.name for found in endpoint_folders(self._workspace))
            raise RunError(f"there is no endpoint {folder.name}. {f'There is: {known}' if known else ''}".rstrip())
        return record


def endpoint_of(package: Package) -> str:
    """The name of a package's endpoint without the stage: `endpoint_name` of its deployment.yml."""
    path = package.path / "deployment.yml"
    try:
        document = parse(path.read_text(encoding="utf-8"), str(path)).root
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}; package the model again") from None
    name = document.text("endpoint_name") if isinstance(document, Mapping) else None
    if name is None:
        raise RunError(f"{path} names no endpoint (endpoint_name); package the model again")
    return name


def is_served(record: Endpoint) -> bool:
    """Whether the server of what is current lives."""
    server = record.current.server if record.current is not None else None
    return server is not None and processes.is_alive(server)


def is_healthy(record: Endpoint) -> bool:
    """Whether the endpoint answers."""
    return record.port is not None and health(f"http://{LOOPBACK}:{record.port}")


def caller(folder: EndpointFolder, record: Endpoint) -> Caller:
    """The endpoint's own address, with its primary key."""
    return Caller(f"http://{LOOPBACK}:{record.port}", first_key(folder))


def _deployment(package: Package, workers: int) -> Deployment:
    return Deployment(
        id=f"v{package.version}-{package.digest.removeprefix('sha256:')[:8]}-{secrets.token_hex(2)}",
        model=package.model_name,
        version=package.version,
        digest=package.digest,
        run=_run_of(package),
        since=now(),
        workers=workers,
    )


def _run_of(package: Package) -> str | None:
    try:
        document = json.loads((package.path / "lineage.json").read_text(encoding="utf-8"))
        return str(document["steps"]["package"]["root_run_id"]) or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _verified(package: Package, anchor: Anchor | None) -> None:
    problems = verify(package, anchor).problems
    if problems:
        raise ReleaseError("the package is not what was made:\n" + "\n".join(f"  {problem}" for problem in problems))


def _moved(record: Endpoint, port: int | None) -> Endpoint:
    """The record with another port, if one is asked for. Raises RunError if the endpoint is served at its own."""
    if port is None or port == record.port:
        return record
    if is_served(record):
        raise RunError(
            f"{record.name}-{record.stage} is served at port {record.port}; stop it before it moves to {port}: "
            f"penstock endpoints stop {record.name}-{record.stage}"
        )
    return replace(record, port=port)


def _released(record: Endpoint, version: Deployment) -> Endpoint:
    record = record.with_event("released", version)
    return replace(record, pointer=Pointer(version.model, None)) if record.stage == "prod" else record
