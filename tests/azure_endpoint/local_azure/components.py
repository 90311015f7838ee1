"""Components: a version is the one that its specification says, and has only what the SDK's own schema knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from azure.ai.ml.entities._component.component_factory import component_factory
from azure.ai.ml.exceptions import ValidationException
from marshmallow import RAISE, ValidationError

from local_azure.documents import Document
from local_azure.errors import bad_request
from local_azure.resources import Resources

_ANONYMOUS = "azureml_anonymous"  # a name that every schema takes, where the client gives one of its own
# What the client sends besides the schema's keys; it writes the nodes of a pipeline as those of a job.
_LEFT_OUT = {"_source", "sourceJobId", "jobs"}


def hang_on(resources: Resources) -> None:
    """Have `resources` check the versions of components, in workspaces and registries."""
    for owner in ("workspaces", "registries"):
        resources.checked[f"{owner}/components/versions"] = _check


def _check(path: str, body: Document) -> None:
    spec: dict[str, Any] = body["properties"].get("componentSpec") or {}
    *_, name, _, version = path.split("/")
    for key, told in (("name", name), ("version", version)):
        if not body["properties"].get("isAnonymous") and str(spec.get(key) or told) != told:
            raise bad_request(f"The {key} of the componentSpec is {spec[key]}, that of the request is {told}.")
    try:
        _, schema_of = component_factory.get_create_funcs(spec)
    except ValidationException as error:
        raise bad_request(f"The componentSpec is invalid: {error}") from None
    schema = schema_of({"base_path": Path.cwd()})
    try:
        rest = {key: value for key, value in spec.items() if key not in _LEFT_OUT}
        schema.load({**rest, "name": _ANONYMOUS}, unknown=RAISE)
    except ValidationError as error:
        raise bad_request(f"The componentSpec is invalid: {error.messages}") from None
