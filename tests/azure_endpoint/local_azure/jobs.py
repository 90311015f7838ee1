"""Jobs: what is put is run by penstock's engine in a workspace folder; its outputs go to blob storage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_azure.blobs import Blobs
from local_azure.documents import Document
from local_azure.errors import RefusedError, conflict
from local_azure.job_files import JobFiles
from local_azure.kinds import owner_of
from local_azure.pipelines import check_pipeline
from local_azure.resources import Resources
from penstock.errors import PenstockError
from penstock.store.history import PastRun, past_runs
from penstock.store.workspace import Workspace

PENSTOCK = Path(sys.executable).with_name("penstock")
STORE, ARTIFACTS = "workspaceblobstore", "workspaceartifactstore"
LAST_WORDS = {"completed": "Completed", "failed": "Failed", "canceled": "Canceled"}
NODE_STATUS = {**LAST_WORDS, "reused": "Completed", "running": "Running", "skipped": "NotStarted"}
_LOOK_EVERY_S = 0.2
Variables = Callable[[], dict[str, str]]


@dataclass
class Job:
    """A job that was put. `process` is the engine, once it was started."""

    path: str
    document: Document
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    began: str = ""
    over: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def workspace(self) -> str:
        return self.path.rpartition("/jobs/")[0]

    @property
    def status(self) -> str:
        return str(self.document["properties"]["status"])

    @status.setter
    def status(self, status: str) -> None:
        self.document["properties"]["status"] = status

    def node_id(self, node: str) -> str:
        """The name of a node's own job."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.path}/{node}"))


class Jobs:
    """Hangs on `resources` what jobs do. `variables` are what every job has of Azure in its environment."""

    def __init__(self, resources: Resources, blobs: Blobs, folder: Path, variables: Variables) -> None:
        self._resources, self._blobs, self._folder, self._variables = resources, blobs, folder, variables
        self.jobs: dict[str, Job] = {}
        self.after: list[Callable[[Job], None]] = []
        """Called with a job when its engine has ended, before the job itself has."""
        resources.checked["workspaces/jobs"] = self._check
        resources.written["workspaces/jobs"] = self._start
        resources.found["workspaces/jobs"] = self._child_document
        resources.actions["workspaces/jobs/cancel"] = self._cancel

    def by_name(self, workspace: str, name: str) -> Job | None:
        return self.jobs.get(f"{workspace}/jobs/{name}".lower())

    def child(self, workspace: str, name: str) -> tuple[Job, dict[str, Any]] | None:
        """The job whose node has that name, and the node as the engine tells of it."""
        for job in list(self.jobs.values()):
            if job.workspace.lower() == workspace.lower():
                for node in self.nodes(job):
                    if job.node_id(node["name"]) == name:
                        return job, node
        return None

    def nodes(self, job: Job) -> list[dict[str, Any]]:
        """The nodes that have begun or ended."""
        run = self.run(job)
        return run.nodes if run is not None else []

    def run(self, job: Job) -> PastRun | None:
        """The engine's run; None while it has not begun."""
        file = str(job.folder / "job.yml")
        runs = past_runs(Workspace(self.workspace_folder(job.workspace)))
        return next((run for run in runs if run.job_file == file), None)

    def workspace_folder(self, workspace: str) -> Path:
        """The workspace folder that stands for a workspace: its registry of models, what may be reused."""
        document = self._resources.documents.get(workspace)
        assert document is not None
        return self._folder / str(document["properties"]["workspaceId"])

    def stop(self) -> None:
        """End what runs."""
        for job in self.jobs.values():
            if job.process is not None and job.process.poll() is None:
                job.process.kill()
            job.ended.wait(30)
        self.jobs.clear()

    def _check(self, path: str, body: Document) -> None:
        before = self._resources.documents.get(path)
        if before is not None:
            changed = [
                k for k in ("jobs", "inputs", "command") if before["properties"].get(k) != body["properties"].get(k)
            ]
            if changed:
                raise conflict(f"A job with the name {path.rpartition('/')[2]} is there, with other {changed[0]}.")
        check_pipeline(self._resources.documents, owner_of(path), body["properties"])

    def _child_document(self, path: str) -> Document | None:
        """What ARM has of a node's job: that there is one; the rest is in the run history."""
        workspace, _, name = path.rpartition("/jobs/")
        found = self.child(workspace, name) if workspace else None
        return {"id": path, "name": name, "properties": None} if found is not None else None

    def _start(self, path: str, document: Document) -> None:
        key = path.lower()
        if key in self.jobs:
            document["properties"]["status"] = self.jobs[key].status
            self.jobs[key].document = document
            return
        properties = document["properties"]
        name = path.rpartition("/")[2]
        endpoint = f"https://ml.azure.com/runs/{name}?wsid={path.rpartition('/jobs/')[0]}"
        properties["services"] = {"Studio": {"jobServiceType": "Studio", "endpoint": endpoint}}
        properties.setdefault("properties", {})
        for output, given in (properties.get("outputs") or {}).items():
            given["uri"] = given.get("uri") or f"azureml://datastores/{STORE}/paths/azureml/{name}/{output}/"
        home = self.workspace_folder(path.rpartition("/jobs/")[0])
        job = Job(path, document, home.with_name(f"{home.name}-jobs") / name)
        job.status, job.began = "NotStarted", _now()
        self.jobs[key] = job
        threading.Thread(target=self._live, args=[job], daemon=True).start()

    def _live(self, job: Job) -> None:
        """From NotStarted to the end."""
        try:
            job.folder.mkdir(parents=True)
            job.status = "Preparing"
            files = JobFiles(self._resources.documents, self._blobs, job.workspace, job.folder)
            file = files.write(job.document["properties"])
            home = self.workspace_folder(job.workspace)
            for store, path in files.data:
                self._blobs.download_datastore(job.workspace, store, path, home / "datastores" / store)
            self._run(job, file, home)
        except RefusedError as error:
            self._end(job, "Failed", str(error))
        except Exception as error:
            self._end(job, "Failed", f"a fault of the local Azure: {error!r}")
            raise
        finally:
            job.ended.set()

    def _run(self, job: Job, file: Path, home: Path) -> None:
        if job.cancelled.is_set():
            self._end(job, "Canceled")
            return
        _, _, subscription, _, group, *_ = job.workspace.split("/")
        arm = {"SUBSCRIPTION": subscription, "RESOURCEGROUP": group, "WORKSPACE_NAME": job.workspace.split("/")[-1]}
        said = job.folder / "engine.txt"
        with said.open("wb") as output:
            job.process = subprocess.Popen(
                [str(PENSTOCK), "run", str(file), "--workspace", str(home)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=job.folder,
                env={**os.environ, **self._variables(), **{f"AZUREML_ARM_{k}": v for k, v in arm.items()}},
            )
        job.status = "CancelRequested" if job.cancelled.is_set() else "Running"
        if job.cancelled.is_set():  # in this very moment
            job.process.send_signal(signal.SIGTERM)
        sent: dict[str, int] = {}
        while True:
            try:
                job.process.wait(_LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                self._send_logs(job, sent)
        self._send_logs(job, sent)
        self._send_outputs(job)
        for each in self.after:
            each(job)
        run = self.run(job)
        if run is None:  # the engine had not begun, or refuses the job
            self._end(job, "Canceled" if job.cancelled.is_set() else "Failed", said.read_text())
            return
        self._end(job, LAST_WORDS.get(run.status, "Failed"), "Pipeline has some failed steps. See child run for more.")

    def _end(self, job: Job, status: str, why: str = "") -> None:
        job.over = _now()
        if status == "Failed":
            job.document["error"] = why
        job.status = status

    def _send_logs(self, job: Job, sent: dict[str, int]) -> None:
        """The logs of the steps, to where the Studio and the client look for them."""
        try:
            nodes = self.nodes(job)
        except PenstockError:
            return
        for node in nodes:
            log = Path(node.get("log") or "/nothing")
            if log.is_file() and log.stat().st_size != sent.get(str(log)):
                sent[str(log)] = log.stat().st_size
                self._blobs.upload(job.workspace, ARTIFACTS, log_path(job, node["name"]), log)

    def _send_outputs(self, job: Job) -> None:
        run = self.run(job)
        for name, path in (run.summary.get("outputs") or {}).items() if run is not None else ():
            self._blobs.upload(job.workspace, STORE, f"azureml/{job.name}/{name}", Path(path))

    def _cancel(self, path: str, _body: Any) -> Any:
        job = self.jobs.get(path.lower())
        if job is None:
            raise RefusedError(404, "UserError", f"There is no job {path.rpartition('/')[2]}.")
        if not job.ended.is_set():
            job.cancelled.set()
            job.status = "CancelRequested"
            if job.process is not None and job.process.poll() is None:
                job.process.send_signal(signal.SIGTERM)

        def work() -> None:
            job.ended.wait(60)

        return "", 202, self._resources.operations.start(path.split("/")[2], work)


def log_path(job: Job, node: str) -> str:
    """Where in the artifact store the log of a node is."""
    return f"ExperimentRun/dcid.{job.node_id(node)}/user_logs/std_log.txt"


def _now() -> str:
    return datetime.now(UTC).isoformat()
