"""`.penstock/`, the workspace folder.

runs/<run>/run.json                      the summary, rewritten atomically as nodes end
runs/<run>/fidelity.json                 what Azure would do differently
runs/<run>/job.json                      which file was run, and which data its nodes read
runs/<run>/lock                          locked while the run goes on
runs/<run>/nodes/<node>/node.json        the node's part of it
runs/<run>/nodes/<node>/attempt-N/       std_log.txt, wd/ (the snapshot and working folder), outputs/ while it runs
runs/<run>/nodes/<node>/outputs/<port>   what it wrote; there by rename after exit 0, so never half-written
cache/                                   see `penstock.store.cache`
assets/<type>/<name>/<version>/          see `penstock.store.assets`
datastores/<name>/                       what azureml://datastores/<name>/paths/... resolves to
mlflow.db  mlartifacts/                  tracking and model registry
endpoints/<name>/                        see `penstock.store.endpoints`
schedules/<name>.*                       see `penstock.store.schedules`
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.errors import RunError
from penstock.spec.files import SnapshotFile
from penstock.spec.model import LITERAL_TYPES, OutputPort
from penstock.store.project import FOLDER, project_root


class Workspace(Struct, frozen=True):
    """The workspace folder; made when the first run is."""

    root: Path

    @property
    def tracking_db(self) -> Path:
        return self.root / "mlflow.db"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def artifacts(self) -> Path:
        return self.root / "mlartifacts"

    @property
    def datastores(self) -> Path:
        return self.root / "datastores"

    @property
    def endpoints(self) -> Path:
        return self.root / "endpoints"

    @property
    def schedules(self) -> Path:
        return self.root / "schedules"

    def prepare(self) -> None:
        """Make the folder itself. Raises OSError."""
        self.root.mkdir(parents=True, exist_ok=True)
        _keep_out_of_git(self.root)

    def new_run(self, job: str) -> RunFolder:
        """Make the folder of a new run. Raises RunError if the workspace cannot be written to."""
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = self.runs / f"{run_prefix(job)}{stamp}-{os.urandom(3).hex()}"
        try:
            folder.mkdir(parents=True)
            _keep_out_of_git(self.root)
        except OSError as error:
            message = (
                f"the workspace folder {self.root} cannot be written: {error.strerror}. Name another: --workspace DIR"
            )
            raise RunError(message) from None
        return RunFolder(folder)


ARTIFACT_FOLDERS = ("outputs", "logs")
RUN_SUFFIX = r"\d{8}-\d{6}-[0-9a-f]{6}"


def workspace_folder(job: Path, given: Path | None) -> Path:
    """Where the workspace of a job file is: where a person says, else beside the project root."""
    return Path(os.path.normpath((given or project_root(job.absolute().parent) / FOLDER).absolute()))


def run_prefix(job: str) -> str:
    """What the names of a job's runs begin with."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", job)[:60] + "-"


def _keep_out_of_git(root: Path) -> None:
    ignore = root / ".gitignore"
    if not ignore.exists():
        write_atomically(ignore, "*\n")


class RunFolder(Struct, frozen=True):
    """The folder of one run."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    def require_outputs(self, nodes: Iterable[str]) -> None:
        """Raises RunError if a node made nothing in this run."""
        for name in nodes:
            if not self.node(name).outputs.is_dir():
                raise RunError(f"'{name}' has no outputs in the run {self.name}; name another run")

    def write_notes(self, notes: list[str]) -> None:
        """Keep what the run has told at its start: what Azure would do differently."""
        text = json.dumps({"notes": notes}, indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.path / "fidelity.json", text)

    def write_job(self, file: str, data: dict[str, dict[str, str]]) -> None:
        """Keep which job file it is a run of, and for each node and input where the data from outside lies."""
        text = json.dumps({"file": file, "data": data}, indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.path / "job.json", text)

    def write_summary(self, summary: dict[str, Any]) -> None:
        write_atomically(self.path / "run.json", json.dumps(summary, indent=2) + "\n")

    def node(self, name: str) -> NodeFolder:
        return NodeFolder(self.path / "nodes" / name)


_SHELL_SAFE = re.compile(r"[A-Za-z0-9_./+@%:,=-]*")


@contextmanager
def shell_safe(folder: RunFolder) -> Iterator[RunFolder]:
    """The run's folder by a path that needs no quotes in a shell.

    Paths on Azure never need any, so commands often have none. Where the real path has a blank, say, a link in the
    folder for temporary files stands for it while the run goes on.
    """
    if _SHELL_SAFE.fullmatch(str(folder.path)):
        yield folder
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="penstock-") as temporary:
        link = Path(temporary) / re.sub(r"[^A-Za-z0-9_-]", "_", folder.name)
        link.symlink_to(folder.path, target_is_directory=True)
        yield RunFolder(link)


def shell_safe_data(path: str, attempt: Attempt, port: str) -> str:
    """A path to data by a name that needs no quotes, below the attempt's folder.

    Where the name itself needs none, the link stands for the folder around: programs like find do not follow a link
    that they are given.
    """
    if _SHELL_SAFE.fullmatch(path):
        return path
    folder, name = os.path.split(path)
    link = attempt.path / "links" / port
    if not name or not _SHELL_SAFE.fullmatch(name):
        folder, name = path, ""
        link = link.with_name(port + re.sub(r"[^A-Za-z0-9.]", "", Path(path).suffix))
    link.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # an expression may stand in a command twice
        link.symlink_to(folder)
    return str(link / name)


class NodeFolder(Struct, frozen=True):
    """The folder of one node of a run."""

    path: Path

    def attempt(self, number: int) -> Attempt:
        return Attempt(self.path / f"attempt-{number}")

    def attempts(self) -> int:
        """How many there have been."""
        return sum(1 for _ in self.path.glob("attempt-*"))

    @property
    def outputs(self) -> Path:
        return self.path / "outputs"

    def output(self, port: str) -> Path:
        """Where a published output lies."""
        return self.outputs / port

    def publish(self, attempt: Attempt) -> None:
        """Make the outputs of a successful attempt the node's own, all of them in one rename."""
        attempt.outputs.rename(self.outputs)

    def write_result(self, result: dict[str, Any]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / "node.json", json.dumps(result, indent=2) + "\n")


class Attempt(Struct, frozen=True):
    """One attempt to run a node."""

    path: Path

    @property
    def log(self) -> Path:
        return self.path / "std_log.txt"

    @property
    def working_folder(self) -> Path:
        return self.path / "wd"

    @property
    def outputs(self) -> Path:
        return self.path / "outputs"

    def output(self, port: OutputPort) -> Path:
        """Where the step writes: a folder, or for uri_file and values the path of a file in a folder that exists."""
        return self.outputs / port.name

    def prepare(self, snapshot: list[SnapshotFile], outputs: list[OutputPort]) -> None:
        """Copy the snapshot into the working folder and make the folders of the outputs. Raises OSError."""
        self.working_folder.mkdir(parents=True)
        self.outputs.mkdir()
        for file in snapshot:
            target = self.working_folder / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.path, target)
            shutil.copymode(file.path, target)
        for name in ARTIFACT_FOLDERS:
            with suppress(FileExistsError):  # the snapshot has one, or a file of that name
                (self.working_folder / name).mkdir()
        for port in outputs:
            if port.type not in ("uri_file", *LITERAL_TYPES):
                self.output(port).mkdir()

    def hand_on_artifacts(self, port: OutputPort) -> None:
        """Give what the step left in ./outputs and ./logs to an output, unless the step has written to that itself.

        Raises OSError.
        """
        target = self.output(port)
        if not _is_nothing(target):
            return
        for name in ARTIFACT_FOLDERS:
            source = self.working_folder / name
            if source.is_dir() and not _is_nothing(source):
                shutil.copytree(source, target / name, ignore=_no_files, copy_function=_take_over)

    def unwritten(self, outputs: list[OutputPort]) -> list[str]:
        """The outputs that hold nothing: a file that is not there, or a folder that is missing or empty."""
        return [port.name for port in outputs if _is_nothing(self.output(port))]


def _no_files(folder: str, names: list[str]) -> list[str]:
    """What is no data: links that lead nowhere, pipes, sockets."""
    paths = {name: Path(folder) / name for name in names}
    return [name for name, path in paths.items() if not (path.is_file() or path.is_dir())]


def _take_over(source: str, target: str) -> None:
    """Give a file that is the step's own a second name; copy what also lies elsewhere."""
    status = Path(source).lstat()
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        with suppress(OSError):  # a file system without second names
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _is_nothing(path: Path) -> bool:
    return not any(path.iterdir()) if path.is_dir() else not path.exists()


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader, or a crash, sees the old text or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def rewrite(path: Path, data: bytes) -> None:
    """Give a file that is a person's other content, as `write_atomically`: a link stays one, the mode what it is."""
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    if target.exists():
        shutil.copymode(target, temporary)
    temporary.replace(target)
