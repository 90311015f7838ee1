"""Schedules in a workspace: set up, put on hold, removed; none is written that is there already.

What a schedule would start is known by a digest over the job's body and the content of all that would be uploaded. It
is kept in a tag: Azure lets tags change, but not properties. Nothing of a job that is unchanged is uploaded, then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.azure.client import AzureError, asking
from penstock.compile.client import ask, quiet
from penstock.compile.rest import body

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Job, JobSchedule

DIGEST_TAG = "penstock_digest"


class Done(Struct, frozen=True):
    """What became of a schedule: created, updated, unchanged, enabled, disabled, removed or absent."""

    schedule: str
    action: str
    enabled: bool


def load(file: Path, job_file: Path, job: Job) -> JobSchedule:
    """The schedule of a file as azure-ai-ml has it, with `job` in place of what its `create_job` says.

    Its digest is in its tags. Raises DefinitionError if the client refuses the file.
    """
    with quiet():
        from azure.ai.ml.entities._load_functions import load_schedule

        schedule = ask(lambda: load_schedule(file))
        schedule.create_job = job
        schedule.tags = {**(schedule.tags or {}), DIGEST_TAG: _digest(schedule, job_file)}
    return schedule


def put(client: MLClient, schedule: JobSchedule) -> Done:
    """Create the schedule, or update it; nothing is written if it is there as it should be.

    A new one is enabled; one that was disabled stays so. Raises AzureError.
    """
    name = schedule.name
    found = _get(client, name)
    if found is not None and _is_same(schedule, found):
        return Done(name, "unchanged", bool(found.is_enabled))
    schedule._is_enabled = found.is_enabled if found is not None else True
    with asking(f"schedule {name}"):
        kept = client.schedules.begin_create_or_update(schedule).result()
    return Done(name, "updated" if found is not None else "created", bool(kept.is_enabled))


def enable(client: MLClient, name: str, *, enabled: bool) -> Done:
    """Let a schedule fire, or hold it. Raises AzureError, also if there is none."""
    found = _get(client, name)
    if found is None:
        raise AzureError(f"schedule {name}: there is none in {client.workspace_name}; set it up first", 404)
    if bool(found.is_enabled) is enabled:
        return Done(name, "unchanged", enabled)
    with asking(f"schedule {name}"):
        change = client.schedules.begin_enable if enabled else client.schedules.begin_disable
        change(name).result()
    return Done(name, "enabled" if enabled else "disabled", enabled)


def remove(client: MLClient, name: str) -> Done:
    """Remove a schedule; Azure removes none that is enabled, so it is disabled first. Raises AzureError."""
    if _get(client, name) is None:
        return Done(name, "absent", enabled=False)
    enable(client, name, enabled=False)
    with asking(f"schedule {name}"):
        client.schedules.begin_delete(name).result()
    return Done(name, "removed", enabled=False)


def _get(client: MLClient, name: str) -> JobSchedule | None:
    try:
        with asking(f"schedule {name}"):
            return client.schedules.get(name)
    except AzureError as error:
        if error.status == 404:
            return None
        raise


def _is_same(ours: JobSchedule, theirs: JobSchedule) -> bool:
    """By the digest; and the trigger that is there is ours still, should somebody have changed it in the Studio."""
    tags = theirs.tags or {}
    if tags.get(DIGEST_TAG) != ours.tags[DIGEST_TAG] or theirs.trigger is None:
        return False
    there = _comparable(theirs.trigger)
    return all(there.get(key) == value for key, value in _comparable(ours.trigger).items())


def _comparable(trigger: Any) -> dict[str, Any]:
    """A trigger's body without what is not said; its lists in order, its times in one form."""
    found: dict[str, Any] = trigger._to_rest_object().as_dict()
    return {key: _plain(value) for key, value in found.items() if value not in (None, [], {})}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item not in (None, [], {})}
    if isinstance(value, list):
        return sorted(_plain(item) for item in value)
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None).isoformat()
    except (TypeError, ValueError):
        return value.lower() if isinstance(value, str) else value


def _digest(schedule: JobSchedule, job_file: Path) -> str:
    """Over all that the schedule says, and the content of what its job would upload."""
    job = schedule.create_job
    said = ask(lambda: body(job, job_file.parent.resolve()))
    parts = {
        "trigger": _comparable(schedule.trigger),
        "name": [schedule.name, schedule.display_name, schedule.description],
        "tags": {key: value for key, value in (schedule.tags or {}).items() if key != DIGEST_TAG},
        "job": _without_places(said),
        "data": dict(_data(said, "")),
        "snapshots": dict(_snapshots(job.jobs, "")),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _without_places(value: Any) -> Any:
    """A body without the paths of this machine, whose content is told beside it."""
    if isinstance(value, list):
        return [_without_places(item) for item in value]
    if isinstance(value, dict):
        return {key: "local" if _is_local(item) else _without_places(item) for key, item in value.items()}
    return value


def _data(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Where a body names data of this machine, and its digest as the client hashes what it uploads."""
    from azure.ai.ml._utils._asset_utils import get_content_hash

    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if key == "uri" and _is_local(item):
            yield f"{path}/{key}", str(get_content_hash(item))
        else:
            yield from _data(item, f"{path}/{key}")


def _is_local(value: Any) -> bool:
    return isinstance(value, str) and Path(value).is_absolute() and Path(value).exists()


def _snapshots(jobs: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Each node with a component of this machine, and the digest of its snapshot, `additional_includes` among it."""
    from azure.ai.ml.entities import Component

    for name, node in jobs.items():
        component = getattr(node, "component", None) or getattr(node, "trial", None)
        if not isinstance(component, Component):
            continue
        yield from _snapshots(getattr(component, "jobs", None) or {}, f"{path}{name}.")
        if hasattr(component, "_build_code"):
            with component._build_code() as code:
                if code is not None:
                    yield f"{path}{name}", str(code._hash_sha256)
