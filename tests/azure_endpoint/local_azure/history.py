"""westeurope.api.azureml.ms: discovery of the services, and the history of the runs."""

from __future__ import annotations

from typing import Any

import flask

from local_azure import login
from local_azure.blobs import Blobs
from local_azure.errors import RefusedError
from local_azure.jobs import ARTIFACTS, NODE_STATUS, Job, Jobs, log_path
from local_azure.workspaces import SERVICE

_AUDIENCES = ("https://management.azure.com", "https://ml.azure.com", "https://management.core.windows.net")
_RUNS = "/history/v1.0/<path:workspace>/runs/<name>"


class History:
    """The answers about runs."""

    def __init__(self, jobs: Jobs, blobs: Blobs) -> None:
        self._jobs, self._blobs = jobs, blobs
        self.app = flask.Flask("history")
        self.app.add_url_rule("/discovery", "discovery", lambda: {"history": SERVICE, "api": SERVICE})
        for rule, answer, method in (
            (f"{_RUNS}/details", self._details, "GET"),
            (f"{_RUNS}/children", self._children, "GET"),
            (_RUNS, self._run, "GET"),
            ("/history/v1.0/<path:workspace>/rundata", self._run_data, "POST"),
        ):
            self.app.add_url_rule(rule, answer.__name__, answer, methods=[method])
        self.app.before_request(_let_in)

    def _details(self, workspace: str, name: str) -> Any:
        job, node = self._found(workspace, name)
        return {**_run_of(job, node), "logFiles": self._logs(job, node)}

    def _run(self, workspace: str, name: str) -> Any:
        return _run_of(*self._found(workspace, name))

    def _run_data(self, workspace: str) -> Any:
        run = _run_of(*self._found(workspace, flask.request.get_json()["runId"]))
        return {"runMetadata": run, "runDefinition": {}, "jobSpecification": {}}

    def _children(self, workspace: str, name: str) -> Any:
        job, node = self._found(workspace, name)
        return {"value": [_run_of(job, each) for each in self._jobs.nodes(job)] if node is None else []}

    def _found(self, workspace: str, name: str) -> tuple[Job, dict[str, Any] | None]:
        job = self._jobs.by_name(f"/{workspace}", name)
        found = (job, None) if job is not None else self._jobs.child(f"/{workspace}", name)
        if found is None:
            raise RefusedError(404, "UserError", f"Run with id {name} was not found.")
        return found

    def _logs(self, job: Job, node: dict[str, Any] | None) -> dict[str, str]:
        if node is None or not node.get("log"):
            return {}
        return {"user_logs/std_log.txt": self._blobs.signed_url(job.workspace, ARTIFACTS, log_path(job, node["name"]))}


def _let_in() -> Any:
    if flask.request.path == "/discovery":
        return None
    why = login.why_refused(_AUDIENCES)
    return ({"error": {"code": "UserError", "message": why}}, 401) if why is not None else None


def _run_of(job: Job, node: dict[str, Any] | None) -> dict[str, Any]:
    """A run as the history tells it: of the job, or of one of its nodes."""
    properties = job.document["properties"]
    run = {
        "runId": job.name,
        "displayName": properties.get("displayName") or job.name,
        "status": job.status,
        "experimentId": properties.get("experimentName"),
        "createdUtc": job.began,
        "startTimeUtc": job.began,
        "endTimeUtc": job.over or None,
        "properties": properties.get("properties") or {},
        "tags": properties.get("tags") or {},
        "runType": "azureml.PipelineRun",
        "outputs": {},
    }
    if node is None:
        return {**run, **_error(job.document.get("error"))}
    reused = node["status"] == "reused"
    return {
        **run,
        "runId": job.node_id(node["name"]),
        "displayName": node["name"],
        "status": NODE_STATUS[node["status"]],
        "parentRunId": job.name,
        "rootRunId": job.name,
        "runType": "azureml.StepRun",
        "properties": {"azureml.isreused": "true"} if reused else {},
        "tags": {},
        **_error(node["reason"] if node["status"] == "failed" else None),
    }


def _error(message: str | None) -> dict[str, Any]:
    return {"error": {"error": {"code": "UserError", "message": message}}} if message else {}
