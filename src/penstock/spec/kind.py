"""What an Azure ML v2 YAML file describes: told by `$schema`, else by `type` and the keys that are there.

The file names of Azure's schemas are those below https://azuremlschemas.azureedge.net/latest/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from penstock.spec.source import Mapping, Node

Family = Literal[
    "job",
    "component",
    "environment",
    "data",
    "model",
    "endpoint",
    "deployment",
    "schedule",
    "compute",
    "workspace",
    "datastore",
    "registry",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """A family with the type in it: `job pipeline`, `deployment managed_online`."""

    family: Family
    type: str

    def __str__(self) -> str:
        return f"{self.type} {self.family}" if self.type else self.family


# schema file name, without `.schema.json`, in lower case -> kind
SCHEMAS: dict[str, Kind] = {
    "pipelinejob": Kind("job", "pipeline"),
    "commandjob": Kind("job", "command"),
    "sweepjob": Kind("job", "sweep"),
    "sparkjob": Kind("job", "spark"),
    "paralleljob": Kind("job", "parallel"),
    "automljob": Kind("job", "automl"),
    "commandcomponent": Kind("component", "command"),
    "pipelinecomponent": Kind("component", "pipeline"),
    "parallelcomponent": Kind("component", "parallel"),
    "sparkcomponent": Kind("component", "spark"),
    "datatransfercomponent": Kind("component", "data_transfer"),
    "automlcomponent": Kind("component", "automl"),
    "environment": Kind("environment", ""),
    "data": Kind("data", ""),
    "model": Kind("model", ""),
    "managedonlineendpoint": Kind("endpoint", "managed_online"),
    "kubernetesonlineendpoint": Kind("endpoint", "kubernetes_online"),
    "onlineendpoint": Kind("endpoint", "managed_online"),
    "batchendpoint": Kind("endpoint", "batch"),
    "managedonlinedeployment": Kind("deployment", "managed_online"),
    "kubernetesonlinedeployment": Kind("deployment", "kubernetes_online"),
    "batchdeployment": Kind("deployment", "batch"),
    "modelbatchdeployment": Kind("deployment", "batch"),
    "pipelinecomponentbatchdeployment": Kind("deployment", "batch_pipeline"),
    "schedule": Kind("schedule", ""),
    "monitorschedule": Kind("schedule", ""),
    "amlcompute": Kind("compute", "amlcompute"),
    "computeinstance": Kind("compute", "computeinstance"),
    "kubernetescompute": Kind("compute", "kubernetes"),
    "vmcompute": Kind("compute", "virtualmachine"),
    "synapsesparkpool": Kind("compute", "synapsespark"),
    "workspace": Kind("workspace", ""),
    "registry": Kind("registry", ""),
    "azureblob": Kind("datastore", "azure_blob"),
    "azurefile": Kind("datastore", "azure_file"),
    "azuredatalakegen1": Kind("datastore", "azure_data_lake_gen1"),
    "azuredatalakegen2": Kind("datastore", "azure_data_lake_gen2"),
}
_COMPUTES = ("amlcompute", "computeinstance", "kubernetes", "virtualmachine", "synapsespark")
_DATASTORES = ("azure_blob", "azure_file", "azure_data_lake_gen1", "azure_data_lake_gen2", "one_lake")
_DATA = ("uri_file", "uri_folder", "mltable")
_MODELS = ("mlflow_model", "custom_model", "triton_model")
_NODE_KEYS = ("component", "command", "trial", "task", "code", "entry")


def kind_of(root: Node | None) -> Kind | None:
    """What the file describes, None if it is no Azure ML YAML (a conda file, a workflow of a code host, ...)."""
    if not isinstance(root, Mapping):
        return None
    schema = root.text("$schema")
    if schema is not None:
        name = schema.rsplit("/", 1)[-1].lower().removesuffix(".json").removesuffix(".schema")
        if name in SCHEMAS:
            return SCHEMAS[name]
        if "azuremlschemas" not in schema:
            return None
    return _by_shape(root, set(root.entries), (root.text("type") or "").lower())


def _by_shape(root: Mapping, keys: set[str], kind: str) -> Kind | None:
    if "jobs" in keys or kind == "pipeline":
        return _pipeline(root, keys)
    for family, is_one in (
        ("schedule", "trigger" in keys and keys & {"create_job", "create_monitor"}),
        ("deployment", "endpoint_name" in keys),
        ("endpoint", "auth_mode" in keys and "command" not in keys),
        ("compute", kind in _COMPUTES and "name" in keys),
        ("datastore", kind in _DATASTORES and "name" in keys),
        ("data", kind in _DATA and {"name", "path"} <= keys),
        ("model", kind in _MODELS and {"name", "path"} <= keys),
    ):
        if is_one:
            return _of_family(family, keys, kind)
    return _runnable(root, keys, kind)


def _of_family(family: str, keys: set[str], kind: str) -> Kind:
    types = {
        "deployment": _deployment(keys, kind),
        "endpoint": "batch" if kind == "batch" else "managed_online",
        "compute": kind,
        "datastore": kind,
    }
    return Kind(cast("Family", family), types.get(family, ""))


def _deployment(keys: set[str], kind: str) -> str:
    if keys & {"instance_type", "instance_count", "request_settings", "liveness_probe"}:
        return "managed_online"
    return (
        "batch"
        if keys & {"compute", "mini_batch_size", "settings"} or kind in ("model", "pipeline")
        else "managed_online"
    )


def _runnable(root: Mapping, keys: set[str], kind: str) -> Kind | None:
    """A single job or a component, or an environment."""
    if "trial" in keys and "search_space" in keys:
        return Kind("job", "sweep")
    if "command" in keys and keys & {"environment", "code"}:
        return Kind("component" if _declares_ports(root, keys) else "job", "command")
    if kind in ("spark", "parallel") and keys & {"entry", "task"}:
        return Kind("component" if _declares_ports(root, keys) else "job", kind)
    if (
        "name" in keys
        and keys & {"conda_file", "image", "build"}
        and not keys & {"services", "steps", "stages", "dependencies"}
    ):
        return Kind("environment", "") if keys <= _ENVIRONMENT_KEYS else None
    return None


_ENVIRONMENT_KEYS = {
    "$schema",
    "name",
    "version",
    "description",
    "tags",
    "properties",
    "image",
    "conda_file",
    "build",
    "inference_config",
    "os_type",
    "datastore",
}


def _pipeline(root: Mapping, keys: set[str]) -> Kind | None:
    jobs = root.mapping("jobs")
    if jobs is None:
        return Kind("job", "pipeline") if (root.text("type") or "").lower() == "pipeline" else None
    nodes = [entry.value for entry in jobs]
    if not all(isinstance(node, Mapping) and set(node.entries) & {*_NODE_KEYS, "type"} for node in nodes):
        return None
    if any(isinstance(node, Mapping) and set(node.entries) & {"runs-on", "steps", "uses"} for node in nodes):
        return None
    return Kind("component" if _declares_ports(root, keys) else "job", "pipeline")


def _declares_ports(root: Mapping, keys: set[str]) -> bool:
    """Whether the file is a component rather than a job: it says so, or its inputs have types and no values."""
    if keys & {"compute", "experiment_name", "settings", "services", "limits"}:
        return False
    if keys & {"version", "is_deterministic", "additional_includes"}:
        return True
    inputs = [entry.value for entry in root.mapping("inputs") or ()]
    return bool(inputs) and all(isinstance(port, Mapping) and "path" not in port.entries for port in inputs)
