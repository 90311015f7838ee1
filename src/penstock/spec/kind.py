"""What an Azure ML v2 YAML file describes: told by `$schema`, else by `type` and the keys that are there.

The file names of Azure's schemas are those below https://azuremlschemas.azureedge.net/latest/.
"""

from __future__ import annotations

import re
from typing import Literal, cast

from msgspec import Struct

from penstock.spec.finding import close_match
from penstock.spec.source import Mapping, Node, Scalar, Sequence

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


class Kind(Struct, frozen=True):
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
_DEPLOYMENT_KEYS = {"model", "environment", "code_configuration", "component", "job_definition", "instance_type"}
_NODE_KEYS = ("component", "command", "trial", "task", "code", "entry")


def kind_of(root: Node | None) -> Kind | None:
    """What the file describes, None if it is no Azure ML YAML (a conda file, a workflow of a code host, ...)."""
    if not isinstance(root, Mapping):
        return None
    schema = root.text("$schema")
    if schema is not None:
        name = _schema_name(schema)
        if name in SCHEMAS and "/promptflow/" not in schema:
            return SCHEMAS[name]
        if "azuremlschemas" not in schema:
            return None
    return _by_shape(root, set(root.entries), (root.text("type") or "").lower())


def close_schema(root: Mapping) -> str | None:
    """`Did you mean ...?`, if the `$schema` is nearly one of `SCHEMAS`; Azure ML has others than those."""
    schema = root.text("$schema") or ""
    name = _schema_name(schema)
    close = close_match(name, SCHEMAS, cutoff=0.9) if "azuremlschemas" in schema else None
    return f"Did you mean '{close}'?" if close else None


def _schema_name(schema: str) -> str:
    return schema.rsplit("/", 1)[-1].lower().removesuffix(".json").removesuffix(".schema")


def _by_shape(root: Mapping, keys: set[str], kind: str) -> Kind | None:
    if "jobs" in keys or kind == "pipeline":
        return _pipeline(root, keys, kind)
    for family, is_one in (
        ("schedule", "trigger" in keys and keys & {"create_job", "create_monitor"}),
        ("deployment", {"name", "endpoint_name"} <= keys and keys & _DEPLOYMENT_KEYS),
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
    if {"trial", "search_space"} <= keys and (kind == "sweep" or _speaks_of_azure(root)):
        return Kind("job", "sweep")
    if "command" in keys and keys & {"environment", "code"} and (kind == "command" or _speaks_of_azure(root)):
        return Kind("component" if _declares_ports(root, keys) else "job", "command")
    if kind in ("spark", "parallel") and isinstance(root.get("entry" if kind == "spark" else "task"), Mapping):
        return Kind("component" if _declares_ports(root, keys) else "job", kind)
    if (
        "name" in keys
        and keys & {"conda_file", "image", "build"}
        and not keys & {"services", "steps", "stages", "dependencies"}
    ):
        return Kind("environment", "") if keys <= _ENVIRONMENT_KEYS else None
    return None


_AZURE = re.compile(r"(azureml:|file:).|.*\$\{\{\s*(parent|inputs|outputs|search_space)\.", re.DOTALL)


def _speaks_of_azure(root: Mapping) -> bool:
    """Whether something in it is of Azure ML alone: a reference, an expression, an environment of its form."""
    environment = root.mapping("environment")
    if environment is not None and set(environment.entries) & {"image", "conda_file", "build"}:
        return True
    todo: list[Node] = [root]
    seen: set[int] = set()
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Scalar) and isinstance(node.value, str) and _AZURE.match(node.value):
            return True
        todo += [entry.value for entry in node] if isinstance(node, Mapping) else ()
        todo += node.items if isinstance(node, Sequence) else ()
    return False


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


_PIPELINE_KEYS = {"type", "name", "display_name", "description", "tags", "properties", "experiment_name", "identity"}
_PIPELINE_KEYS |= {"$schema", "compute", "settings", "inputs", "outputs", "services", "component", "version"}


def _pipeline(root: Mapping, keys: set[str], kind: str) -> Kind | None:
    """With `type: pipeline`, or without if all of it looks like one and something is of Azure ML alone."""
    jobs = root.mapping("jobs")
    if jobs is None:
        return Kind("job", "pipeline") if kind == "pipeline" and ("jobs" in keys or keys <= _PIPELINE_KEYS) else None
    nodes = [entry.value for entry in jobs]
    if any(isinstance(node, Mapping) and set(node.entries) & {"runs-on", "steps", "uses"} for node in nodes):
        return None
    all_nodes = all(isinstance(node, Mapping) and set(node.entries) & {*_NODE_KEYS, "type"} for node in nodes)
    if kind != "pipeline" and not (all_nodes and (_speaks_of_azure(root) or _names_files(nodes))):
        return None
    return Kind("component" if _declares_ports(root, keys) else "job", "pipeline")


def _names_files(nodes: list[Node]) -> bool:
    """Whether a node names the YAML file of its component."""
    named = [node.text("component") or node.text("trial") or "" for node in nodes if isinstance(node, Mapping)]
    return any(name.endswith((".yml", ".yaml")) for name in named)


def _declares_ports(root: Mapping, keys: set[str]) -> bool:
    """Whether the file is a component rather than a job: it says so, or its inputs have types and no values."""
    if keys & {"compute", "experiment_name", "settings", "services", "limits"}:
        return False
    if keys & {"version", "is_deterministic", "additional_includes"}:
        return True
    inputs = [entry.value for entry in root.mapping("inputs") or ()]
    return bool(inputs) and all(isinstance(port, Mapping) and "path" not in port.entries for port in inputs)
