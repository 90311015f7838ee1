"""Schedules: they are kept, and fire when a test says so; the job that one holds is put as the service puts it."""

from __future__ import annotations

import copy
import re
import time
from typing import Any

from local_azure.documents import Document
from local_azure.errors import bad_request, conflict
from local_azure.jobs import Job, Jobs
from local_azure.kinds import owner_of
from local_azure.pipelines import check_pipeline
from local_azure.resources import Resources

_FREQUENCIES = {"Minute", "Hour", "Day", "Week", "Month"}


class Schedules:
    """Hangs on `resources` what the service minds in a schedule; `fire` does what its clock would do."""

    def __init__(self, resources: Resources, jobs: Jobs) -> None:
        self._resources, self._jobs = resources, jobs
        resources.checked["workspaces/schedules"] = self._check
        resources.written["workspaces/schedules"] = self._written
        resources.removed["workspaces/schedules"] = self._removed

    def fire(self, path: str) -> Job:
        """Start the job of the schedule at `path`, as at its time; returns it when it is over."""
        document = self._resources.documents.get(path)
        assert document is not None, f"there is no schedule {path}"
        assert document["properties"]["isEnabled"], f"{path} is disabled: it does not fire"
        workspace, _, name = path.rpartition("/schedules/")
        definition = copy.deepcopy(document["properties"]["action"]["jobDefinition"])
        job = f"{workspace}/jobs/{name}_{time.time_ns()}"
        self._resources.written["workspaces/jobs"](job, self._resources.documents.put(job, {"properties": definition}))
        found = self._jobs.jobs[job.lower()]
        found.ended.wait(120)
        return found

    def _check(self, path: str, body: Document) -> None:
        """References are looked up in every body; what its job is checked for besides holds here, too."""
        trigger = body["properties"]["trigger"]
        if trigger["triggerType"] == "Cron" and len(str(trigger.get("expression")).split()) != 5:
            raise bad_request(f"The cron expression {trigger.get('expression')} is invalid.")
        if trigger["triggerType"] == "Recurrence" and str(trigger.get("frequency")).capitalize() not in _FREQUENCIES:
            raise bad_request(f"The frequency {trigger.get('frequency')} is invalid.")
        for key in ("startTime", "endTime"):
            if trigger.get(key) and not re.match(r"\d{4}-\d\d-\d\d", str(trigger[key])):
                raise bad_request(f"{key} is no time: {trigger[key]}")
        if body["properties"]["action"]["actionType"] != "CreateJob":
            raise bad_request("Only the action CreateJob is supported.")
        definition = body["properties"]["action"].get("jobDefinition") or {}
        check_pipeline(self._resources.documents, owner_of(path), definition)

    def _written(self, _path: str, document: Document) -> None:
        """The service writes times and words in a form of its own, and enables what does not say otherwise."""
        properties = document["properties"]
        if properties.get("isEnabled") is None:
            properties["isEnabled"] = True
        trigger: dict[str, Any] = properties["trigger"]
        if trigger.get("startTime"):
            trigger["startTime"] = str(trigger["startTime"]).replace(" ", "T")
        if trigger["triggerType"] == "Recurrence":
            trigger["frequency"] = str(trigger["frequency"]).capitalize()
            days = (trigger.get("schedule") or {}).get("weekDays")
            if days:
                trigger["schedule"]["weekDays"] = [day.capitalize() for day in days]

    def _removed(self, path: str, document: Document) -> None:
        if document["properties"].get("isEnabled"):
            raise conflict(f"The schedule {path.rpartition('/')[2]} is enabled; disable it before it is deleted.")
