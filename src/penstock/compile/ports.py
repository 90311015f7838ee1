"""Inputs and outputs: values of the azure.ai.ml DSL to values of the YAML."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from penstock.compile.place import RefusedError, Target
from penstock.compile.rest import is_local_path

_INPUT_FIELDS = ("type", "path", "mode", "path_on_compute", "datastore")
_OUTPUT_FIELDS = ("type", "path", "mode", "name", "version")
_PORT_FIELDS = ("type", "optional", "default", "min", "max", "enum", "mode", "description")


def input_values(built: Mapping[str, Any], target: Target, where: str) -> dict[str, Any]:
    """What a job gives to inputs; those without a value are left out. `built` is azure-ai-ml's `_build_inputs()`."""
    values = {}
    for name, value in built.items():
        if value is not None:
            values[name] = _input_value(value, target, f"{where}.inputs.{name}" if where else f"inputs.{name}")
    return values


def _input_value(value: Any, target: Target, where: str) -> Any:
    from azure.ai.ml import Input

    if isinstance(value, Enum):
        raise RefusedError(
            f"{where}: Azure's client would send {str(value)!r} for this enum; give its value, {value.value!r}"
        )
    if isinstance(value, bool | int | float | str):
        return value
    if not isinstance(value, Input):
        raise RefusedError(
            f"{where}: a value of the type {type(value).__name__} has no form in job YAML; "
            "give a text, a number, true or false, an Input, or another node's output"
        )
    fields = {key: getattr(value, key, None) for key in _INPUT_FIELDS}
    path = str(fields["path"]) if fields["path"] is not None else None
    if path is None:
        raise RefusedError(f"{where}: the Input has no path; write Input(type=..., path=...)")
    if path.startswith("${{"):
        return {"path": path, "mode": value.mode} if value.mode else path
    fields["path"] = data_path(path, target, where)
    return {key: item for key, item in fields.items() if item is not None}


def data_path(path: str, target: Target, where: str) -> str:
    """A data path as the YAML has it: local ones relative to it, assets with their prefix, URIs as they are."""
    if is_local_path(path):
        return target.reference(Path(path.removeprefix("file:")), where)
    if "://" in path or path.startswith(("azureml:", "${{", "http:", "https:", "wasb:", "wasbs:")):
        return path
    return f"azureml:{path}"


def output_values(owner: Any, target: Target, where: str) -> dict[str, Any]:
    """What a job or a node says of its outputs; those that it says nothing of are left out."""
    values: dict[str, Any] = {}
    prefix = f"{where}.outputs" if where else "outputs"
    for name, output in owner._build_outputs().items():
        if output is None:
            continue
        if isinstance(output, str):
            values[name] = output
            continue
        _tell_description(output, owner.outputs[name], target, f"{prefix}.{name}")
        fields = {key: getattr(output, key, None) for key in _OUTPUT_FIELDS}
        said = {key: str(item) if key == "version" else item for key, item in fields.items() if item is not None}
        bound = str(said.get("path", "")).startswith("${{")
        if bound:
            del said["type"]  # the binding's own; the client puts a placeholder here
        elif "path" in said and is_local_path(str(said["path"])):
            raise RefusedError(
                f"{prefix}.{name}: an output is written to a datastore, and {said['path']} is a local path"
            )
        values[name] = said["path"] if bound and len(said) == 1 else said
    return values


def _tell_description(output: Any, port: Any, target: Target, where: str) -> None:
    """An output's description is its component's: the YAML of a job has no key for another one."""
    declared = getattr(getattr(port, "_meta", None), "description", None)
    if output.description and output.description != declared:
        target.lost.append(
            f"the description of {where} is left out, job YAML has no key for it: {output.description!r}"
        )


def port_definitions(ports: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The inputs or outputs that a pipeline component declares."""
    return {name: _port_definition(port, f"{where}.{name}") for name, port in ports.items()}


def _port_definition(port: Any, where: str) -> dict[str, Any]:
    fields = {key: getattr(port, key, None) for key in _PORT_FIELDS}
    if fields["type"] is None:
        raise RefusedError(
            f"{where}: the type of this parameter is unknown; annotate it (int, Input(type='uri_folder'), ...)"
        )
    if not fields["optional"]:
        del fields["optional"]
    return {key: item for key, item in fields.items() if item is not None}
