"""What Azure's client accepts, as data: azure_ml.json, which `make schema` takes from the client's own schemas.

tests/support/azure_schema.py describes the format.
"""

from __future__ import annotations

import json
import pkgutil
from functools import cache
from typing import Any

from penstock.spec.kind import Kind
from penstock.spec.source import Mapping

Field = Any  # a word for a plain value, or an object that says what it is by its keys

# The types of jobs that can stand in a file of their own, exactly as the client spells them.
JOB_TYPES = ("pipeline", "command", "sweep", "spark", "automl")
COMPONENT_TYPES = ("command", "pipeline", "parallel", "spark", "data_transfer", "import", "automl")


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(pkgutil.get_data("penstock.check", "azure_ml.json") or b"{}")
    return content


def definition(name: str) -> dict[str, Any]:
    """The object that the schema calls `name`."""
    found: dict[str, Any] = _content()["definitions"][name]
    return found


def root_of(kind: Kind, root: Mapping) -> Field | None:
    """What a file of that kind must be; None if the client has no schema for it."""
    return _content()["roots"].get(_name(kind, root))


def used_component(kind: str, root: Mapping) -> Field | None:
    """What a component file must be that a job names; None if the client has no schema for it."""
    return _content()["roots"].get(f"used {_component(kind, root)}")


def tasks(kind: Kind) -> tuple[str, ...]:
    """The values of `task` that are each a schema of their own, for the kinds of file that have them."""
    if kind.type not in ("automl", "data_transfer"):
        return ()
    return tuple(name.removeprefix(f"{kind} ") for name in _content()["roots"] if name.startswith(f"{kind} "))


def _name(kind: Kind, root: Mapping) -> str:
    if kind.family == "component":
        return _component(kind.type, root)
    if kind.family == "schedule":
        return next((name for key, name in _SCHEDULES.items() if key in root.entries), "job schedule")
    if kind.family == "workspace":
        special = (root.text("kind") or "").lower()
        return f"{special} workspace" if special in ("hub", "project") else "workspace"
    if kind.type.endswith("_online"):
        return _online(kind, root)
    return _other(kind, root)


def _other(kind: Kind, root: Mapping) -> str:
    if str(kind) == "automl job":
        return f"automl job {root.text('task')}"
    return _batch(root) if kind.family == "deployment" else str(kind)


_SCHEDULES = {"create_monitor": "monitor schedule", "import_data": "data schedule"}


def _component(kind: str, root: Mapping) -> str:
    return f"data_transfer component {root.text('task')}" if kind == "data_transfer" else f"{kind} component"


def _online(kind: Kind, root: Mapping) -> str:
    """The client does not look at `$schema`: a Kubernetes endpoint has a compute, a deployment says so."""
    of_kubernetes = root.text("compute") if kind.family == "endpoint" else root.text("type") == "kubernetes"
    return f"{'kubernetes' if of_kubernetes else 'managed'}_online {kind.family}"


def _batch(root: Mapping) -> str:
    """The client looks at `type` alone."""
    stated = root.text("type")
    return f"{stated} batch deployment" if stated in ("model", "pipeline") else "batch deployment"
