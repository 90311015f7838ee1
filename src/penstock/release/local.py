"""Endpoints on this machine: the inference server of Azure's own images, on a socket that old and new share.

A package is started twice. First on a socket of its own alone: there it shows that it starts and what it answers.
Then, as the server that stays, on the endpoint's socket too, which the current one goes on listening on: the system
gives each connection to whoever takes it first, so none is refused while they change. At last the current one is asked
to end; it finishes what it has taken. Old and new are process groups of their own with environments of their own.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from penstock.errors import RunError
from penstock.release import processes, sockets
from penstock.release.http import health
from penstock.release.packages import Package, read_package, verify
from penstock.release.target import Caller, ReleaseError
from penstock.store.endpoints import Deployment, Endpoint, EndpointFolder, Process, now
from penstock.store.venvs import Venvs
from penstock.store.workspace import Workspace

READY_S = 120.0
DRAIN_S = 60.0
_POLL_S = 0.05
_TAIL_LINES = 12
_EXCEPTIONS = 3
# A line of the server's log for each answer, and how many requests may fail while a release is watched.
_ANSWERED = re.compile(rb"azmlinfsrv - [A-Z]+ \S+ (\d{3}) ")
# Of gunicorn, which the inference server runs on; that one logs each answer, so gunicorn need not do it as well.
SETTINGS = f"""from gunicorn.glogging import Logger


class logger_class(Logger):
    def access(self, *_): pass


graceful_timeout = {DRAIN_S:.0f}
control_socket_disable = True
"""
_SERVER_ERROR, _MOST_FAILED = 500, 0.01
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning): \S")
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")


class _Server(Struct):
    """A server that was started by this process."""

    process: Process
    port: int


class LocalTarget:
    """One endpoint of this machine. The caller holds the endpoint's lock.

    `commit` completes the record that makes a deployment the current one; `told` gets what goes on, in sentences.
    """

    def __init__(
        self,
        workspace: Workspace,
        folder: EndpointFolder,
        record: Endpoint,
        commit: Callable[[Endpoint], Endpoint],
        told: Callable[[str], None],
    ) -> None:
        self.folder = folder
        self.record = record
        self._commit = commit
        self._venvs = Venvs(workspace, told)
        self._told = told
        self._candidate: Deployment | None = None
        self._former: Deployment | None = None
        self._trial: _Server | None = None
        self._server: _Server | None = None
        self._logged = 0

    @property
    def current(self) -> Deployment | None:
        return self.record.current

    def start(self, package: Package, version: Deployment) -> Caller:
        """Copy the package, check the copy, and start it on a socket of its own.

        Raises:
            ReleaseError: the copy is not what the package was, or does not start.
            RunError: its environment cannot be made, or this machine lacks room.
        """
        self._candidate = version
        copy = self.folder.package(version.id)
        if not copy.exists():
            self._copy(package, copy)
        with closing(sockets.private()) as private:
            self._trial = self._serve(version, [private], workers=1)
        self._wait(version, self._trial)
        return self._caller(self._trial)

    def admit(self) -> Caller:
        """Start the server that stays, on the endpoint's socket and one of its own, and end the first one."""
        version = self._chosen()
        with closing(sockets.shared(self.folder, self.record.port)) as shared, closing(sockets.private()) as private:
            if self.record.port != sockets.port_of(shared):
                self.record = replace(self.record, port=sockets.port_of(shared))
                self.folder.write(self.record)
            self._server = self._serve(version, [private, shared], workers=version.workers)
        self._wait(version, self._server)
        self._end_trial()
        self._logged = self.folder.log(version.id).stat().st_size
        return self._caller(self._server)

    def troubles(self) -> list[str]:
        log, server = self.folder.log(self._chosen().id), self._server
        if server is None or not processes.is_alive(server.process):
            return [f"its server has ended{_said(log)}"]
        with log.open("rb") as lines:
            lines.seek(self._logged)
            statuses = [int(found[1]) for line in lines if (found := _ANSWERED.search(line))]
        failed = sum(status >= _SERVER_ERROR for status in statuses)
        if failed > _MOST_FAILED * len(statuses):
            return [f"it has answered {failed} of {len(statuses)} requests with a 5xx{_said(log)}"]
        return []

    def reason(self, error: ReleaseError) -> RunError:
        """The error: the endpoint is locked, so nobody else can be the cause."""
        return error

    def promote(self) -> Deployment:
        version, server = self._chosen(), self._server
        assert server is not None  # noqa: S101 - admitted before
        former = self._former = self.record.current
        current = replace(version, server=server.process, port=server.port, since=now())
        passed = (*(digest for digest in self.record.passed if digest != version.digest), version.digest)
        is_again = former is not None and former.id == version.id
        record = replace(
            self.record, current=current, previous=self.record.previous if is_again else former, passed=passed
        )
        self.record = self._commit(record)
        self.folder.write(self.record)
        self._server = None
        return current

    def retire_former(self) -> None:
        former = self._former
        if former is not None and former.server is not None and not processes.end(former.server, DRAIN_S):
            self._told(f"version {former.version} had ended before")
        forget_others(self.folder, self.record)

    def abandon(self) -> None:
        self._end_trial()
        if self._server is not None:
            processes.end(self._server.process, DRAIN_S)
            self._server = None
        forget_others(self.folder, self.record)

    def _chosen(self) -> Deployment:
        assert self._candidate is not None  # noqa: S101 - started before
        return self._candidate

    def _end_trial(self) -> None:
        if self._trial is not None:
            processes.end(self._trial.process, DRAIN_S)
            self._trial = None

    def _caller(self, server: _Server) -> Caller:
        return Caller(f"http://{sockets.LOOPBACK}:{server.port}", first_key(self.folder))

    def _copy(self, package: Package, to: Path) -> None:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(package.path, to, symlinks=True, copy_function=shutil.copyfile)
        problems = verify(replace_path(package, to), None).problems
        if problems:
            raise ReleaseError(f"the package has changed while it was read: {'; '.join(problems)}")

    def _serve(self, version: Deployment, listening: list[socket.socket], workers: int) -> _Server:
        package = self.folder.package(version.id)
        programs = self._venvs.of_lock(package / "requirements.txt").programs
        numbers = [one.fileno() for one in listening]
        port = sockets.port_of(listening[0])
        server = str(programs / "azmlinfsrv")
        line = [str(programs / "python"), server, "--entry_script", "score.py", "--port", str(port)]
        log = self.folder.log(version.id)
        launch = processes.Launch(
            role="server",
            arguments=[",".join(map(str, numbers)), *line, "--worker_count", str(workers)],
            endpoint=self.folder.path,
            folder=package,
            environment=self._environment(version, programs),
            log=log,
            sockets=numbers,
        )
        process = processes.start(launch)
        if process is None:
            raise ReleaseError(f"its server has ended at once{_said(log)}")
        return _Server(process, port)

    def _environment(self, version: Deployment, programs: Path) -> dict[str, str]:
        package = self.folder.package(version.id)
        return {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "PATH": os.pathsep.join([str(programs), os.defpath]),
            "AML_APP_ROOT": str(package),
            "AZUREML_MODEL_DIR": str(package),
            "GUNICORN_CMD_ARGS": f"--config {shlex.quote(str(self._gunicorn(version)))}",
            "PENSTOCK_KEY_FILE": str(self.folder.key),
            "PYTHONDONTWRITEBYTECODE": "1",  # a package that is served stays what it was
            "PYTHONUNBUFFERED": "1",
        }

    def _gunicorn(self, version: Deployment) -> Path:
        """Settings of the server below the inference server; as a file, in which an older one passes over new ones."""
        path = self.folder.deployment(version.id) / "gunicorn.conf.py"
        path.write_text(SETTINGS, encoding="utf-8")
        return path

    def _wait(self, version: Deployment, server: _Server) -> None:
        """Until the server answers. Raises ReleaseError if it ends before, or takes too long."""
        deadline = time.monotonic() + READY_S
        url = f"http://{sockets.LOOPBACK}:{server.port}"
        while not health(url):
            if not processes.is_alive(server.process):
                raise ReleaseError(f"it does not start{_said(self.folder.log(version.id))}")
            if time.monotonic() > deadline:
                raise ReleaseError(f"it is not ready after {READY_S:.0f} s{_said(self.folder.log(version.id))}")
            time.sleep(_POLL_S)


def replace_path(package: Package, path: Path) -> Package:
    """The same package, as it lies somewhere else. Raises RunError if another one lies there."""
    copy = read_package(path)
    if copy.digest != package.digest:
        raise ReleaseError("the package has changed while it was read: manifest.json is another one")
    return copy


def first_key(folder: EndpointFolder) -> str:
    """The endpoint's primary key. Raises RunError if it cannot be read."""
    try:
        return folder.key.read_text(encoding="ascii").splitlines()[0]
    except (OSError, IndexError, UnicodeDecodeError) as error:
        raise RunError(f"{folder.key} holds no key ({error}); remove it, and the next release makes new ones") from None


def left_over(folder: EndpointFolder, record: Endpoint) -> list[str]:
    """The ids of deployments whose files are there, but the current one and the one before."""
    kept = {one.id for one in (record.current, record.previous) if one is not None}
    return [id_ for id_ in folder.deployments() if id_ not in kept]


def forget_others(folder: EndpointFolder, record: Endpoint) -> None:
    """Remove the files of all deployments but the current one and the one before."""
    for id_ in left_over(folder, record):
        with suppress(OSError):
            shutil.rmtree(folder.deployment(id_))


def _said(log: Path) -> str:
    """What a server's log says of its end, to follow a sentence: the exceptions, else its last lines."""
    try:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    raised = list(dict.fromkeys(line for line in lines if _RAISED.match(line)))
    told = raised[:_EXCEPTIONS] or lines[-_TAIL_LINES:]
    shown = "".join(f"\n    {line}" for line in told)
    return f":{shown}" if told else ""
