"""A pipeline of the azure.ai.ml DSL as the mapping that its job YAML holds."""

from __future__ import annotations

import inspect
import re
from typing import Any

from penstock.compile.client import dump
from penstock.compile.nodes import Nodes, compute_name
from penstock.compile.place import RefusedError, Target
from penstock.compile.ports import input_values, output_values, port_definitions

_SCHEMAS = "https://azuremlschemas.azureedge.net/latest/"
_SETTINGS = (
    "default_compute",
    "default_datastore",
    "continue_on_step_failure",
    "force_rerun",
    "on_init",
    "on_finalize",
)
_PARENT_INPUT = re.compile(r"\$\{\{\s*parent\.inputs\.([\w.]+)\s*\}\}")


def job_document(job: Any, target: Target) -> dict[str, Any]:
    """The job YAML of an azure-ai-ml PipelineJob; `target` gets the pipeline components that it nests.

    Raises RefusedError for what job YAML cannot say.
    """
    dumped = dump(job)
    document: dict[str, Any] = {"$schema": f"{_SCHEMAS}pipelineJob.schema.json", "type": "pipeline", "name": job.name}
    document |= {
        "display_name": job.display_name,
        "experiment_name": job.experiment_name,
        "description": described(job.description),
        "tags": dict(job.tags or {}),
        "properties": dict(job.properties or {}),
        "compute": compute_name(job.compute),
        "identity": dumped.get("identity"),
        "services": dumped.get("services"),
        "settings": _settings(job, dumped.get("settings", {})),
        "inputs": input_values(job._build_inputs(), target, ""),
        "outputs": output_values(job, target, ""),
    }
    if isinstance(job.component, str):
        document["component"] = dumped["component"]
    else:
        document["jobs"] = graph(job.component, target, "")
        _refuse_unset_inputs(document)
    return _without_empty(document)


def graph(component: Any, target: Target, where: str) -> dict[str, Any]:
    """The `jobs:` of a pipeline, in the order in which the Python function makes its nodes."""
    nodes = Nodes(target, component_document)
    return {name: nodes.document(node, f"{where}jobs.{name}") for name, node in component.jobs.items()}


def component_document(component: Any, target: Target, where: str) -> dict[str, Any]:
    """The YAML of a pipeline component, which is what a @pipeline function called inside another one makes."""
    return _without_empty(
        {
            "$schema": f"{_SCHEMAS}pipelineComponent.schema.json",
            "type": "pipeline",
            "name": component.name,
            "version": component.version or "1",
            "display_name": component.display_name,
            "description": described(component.description),
            "tags": dict(component.tags or {}),
            "inputs": port_definitions(component.inputs, f"{where}.inputs"),
            "outputs": port_definitions(component.outputs, f"{where}.outputs"),
            "jobs": graph(component, target, f"{where}."),
        }
    )


def described(description: str | None) -> str | None:
    """A description, which may be a docstring: without the indentation that newer versions of Python leave out."""
    return inspect.cleandoc(description) if description else None


def _settings(job: Any, dumped: dict[str, Any]) -> dict[str, Any]:
    unknown = [key for key in (*job.settings._get_attrs(), *dumped) if key not in _SETTINGS]
    if unknown:
        raise RefusedError(f"settings.{unknown[0]}: there is no such setting; there are {', '.join(_SETTINGS)}")
    stated = {key: dumped.get(key) for key in _SETTINGS}
    for key in ("continue_on_step_failure", "force_rerun"):  # the client's writer would make them a number
        stated[key] = getattr(job.settings, key)
    stated["default_compute"] = compute_name(stated["default_compute"])
    return {key: value for key, value in stated.items() if value is not None}


def _refuse_unset_inputs(document: dict[str, Any]) -> None:
    """A job YAML has no way to declare an input without a value, so nothing may be bound to one."""
    for name, node in document["jobs"].items():
        for port, value in node.get("inputs", {}).items():
            text = str(value.get("path", "")) if isinstance(value, dict) else str(value)
            for source in _PARENT_INPUT.findall(text):
                if source in document["inputs"]:
                    continue
                raise RefusedError(
                    f"jobs.{name}.inputs.{port} is bound to the pipeline's input {source!r}, which has no value, and "
                    f"a job YAML cannot declare an input without one. Give {source!r} a value or a default; or do not "
                    f"bind {port!r}, and set jobs.{name}.inputs.{port} where it is wanted (--set)"
                )


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None and value != {}}
