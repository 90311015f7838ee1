"""What azure-ai-ml accepts, walked out of its own marshmallow schemas into one compact JSON object.

`make schema` writes it to src/penstock/check/azure_ml.json; a test compares the two. The format:

    {"sdk": version, "roots": {kind: object}, "definitions": {name: definition}}
    definition   {"keys": {key: field}, "required": [key], "unchecked": [known keys whose values no schema looks at]};
                 "file" if `file:x.yml` may stand for it
    field        "str" and other words for plain values (see `LEAVES`)
                 {"enum": [...], "fold": how the SDK changes the case of a value before it compares}
                 {"number": "integer", "min": 1, "max": 10}
                 {"object": definition, "open": true if unknown keys are ignored}
                 {"list": field}   {"map": field or null, "keys": "str" or "any"}
                 {"any": [field, ...]}
                 {"by": "type", "of": {type: [field, ...]}, "any": [field of no type, ...]}
                 {"null": field} where null may stand too
"""

from __future__ import annotations

import inspect
import json
import logging
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import azure.ai.ml as sdk
import yaml
from azure.ai.ml._schema import component as components
from azure.ai.ml._schema._utils.data_binding_expression import DATA_BINDING_SUPPORTED_KEY
from azure.ai.ml._schema.core import fields as own
from azure.ai.ml._schema.core.schema import PathAwareSchema, YamlFileSchema
from azure.ai.ml._schema.pipeline import component_job as nodes
from azure.ai.ml._schema.pipeline.automl_node import AutoMLNodeMixin
from azure.ai.ml._schema.pipeline.pipeline_component import _AnonymousPipelineComponentSchema
from azure.ai.ml._schema.pipeline.pipeline_job_io import OutputBindingStr
from azure.ai.ml.constants._common import BASE_PATH_CONTEXT_KEY
from azure.ai.ml.entities import _load_functions as load
from azure.ai.ml.entities._builders import BaseNode, Sweep
from azure.ai.ml.entities._builders.command_func import command
from azure.ai.ml.entities._builders.data_transfer_func import copy_data
from azure.ai.ml.entities._builders.parallel_func import parallel_run_function
from azure.ai.ml.entities._builders.spark_func import spark
from marshmallow import INCLUDE, RAISE, Schema, fields, validate

FILE = Path(__file__).parents[2] / "src" / "penstock" / "check" / "azure_ml.json"

# The class of a field -> its word. The first class that a field is an instance of counts.
LEAVES: tuple[tuple[type[fields.Field], str], ...] = (
    (own.NodeBindingStr, "binding"),
    (own.DataBindingStr, "binding"),
    (OutputBindingStr, "output"),
    (own.ArmVersionedStr, "asset"),
    (own.ArmStr, "azureml"),
    (own.InternalRegistryStr, "registry"),
    (own.RegistryStr, "registry"),
    (own.GitStr, "git"),
    (own.LocalPathField, "str"),
    (own.DateTimeStr, "time"),
    (own.FileRefField, "path"),
    (own.RefField, "reference"),
    (components.component.ComponentYamlRefField, "str"),
    (own.NumberVersionField, "number version"),
    (own.VersionField, "version"),
    (components.component.ComponentNameStr, "component name"),
    (fields.DateTime, "time"),
    (fields.Url, "url"),
    (fields.String, "str"),
    (fields.Integer, "integer"),
    (fields.Float, "number"),
    (fields.Number, "any number"),
    (fields.Boolean, "boolean"),
    (fields.Raw, "anything"),
    (fields.Constant, "anything"),
)
NODES: dict[type[Schema], Callable[..., Any]] = {
    nodes.CommandSchema: command,
    nodes.SweepSchema: Sweep.__init__,
    nodes.ParallelSchema: parallel_run_function,
    nodes.SparkSchema: spark,
    nodes.DataTransferCopySchema: copy_data,
    nodes.BaseNodeSchema: BaseNode.__init__,
}
# What the SDK's classes demand beyond their schemas, or do not demand though the schema says so: without the key their
# constructors end in a TypeError or KeyError. test_oracle_mutations.py takes each key away.
DEMANDED: dict[str, set[str]] = {
    "AmlComputeSshSettings": {"admin_username"},
    "AutoMLClassification": {"training_data"},
    "AutoMLForecasting": {"training_data"},
    "AutoMLRegression": {"training_data"},
    "Identity": {"type"},
    "JobSchedule": {"trigger", "create_job"},
    "ManagedNetwork": {"isolation_mode"},
    "ModelBatchDeploymentSettings": {"mini_batch_size"},
    "MonitorDefinition": {"compute"},
    "MonitorSchedule": {"trigger"},
    "ServerlessSparkCompute": {"instance_type", "runtime_version"},
    "PipelineCommandJob": {"environment"},
    "PipelineComponentBatchDeployment": {"name"},
    "Registry": {"name", "replication_locations"},
    "SparkResourceConfiguration": {"instance_type", "runtime_version"},
    "VirtualMachineSshSettings": {"admin_username"},
}
NOT_DEMANDED = {"KubernetesCompute": {"namespace"}}
# Values that the SDK's classes look at, where the schema says only "text" or "anything".
NARROWER: dict[tuple[str, str], Any] = {
    ("Environment", "conda_file"): {"any": ["str", {"map": None, "keys": "any"}]},
    ("Parameter", "min"): "any number",
    ("Parameter", "max"): "any number",
    **{
        (f"{service}JobService", "nodes"): {"enum": ["all"], "fold": "same"}
        for service in ("", "Ssh", "JupyterLab", "TensorBoard", "VsCode")
    },
}
# What a plain string makes superfluous as another alternative.
STRINGS = ("binding", "asset", "azureml", "registry", "git", "time", "path", "reference", "url")
FOLDS: dict[str, tuple[str, ...]] = {
    "same": ("fooBar", "foo_bar", "FOO"),
    "lower": ("foobar", "foo_bar", "foo"),
    "upper": ("FOOBAR", "FOO_BAR", "FOO"),
    "snake": ("foo_bar", "foo_bar", "foo"),
    "camel": ("fooBar", "fooBar", "FOO"),
    "pascal": ("Foobar", "FooBar", "Foo"),
}


class UnknownFieldError(Exception):
    """A class of field that this walk does not know: the SDK has a new one."""


class _Walk:
    def __init__(self) -> None:
        self.definitions: dict[str, dict[str, Any]] = {}
        self._open: list[str] = []
        self._texts: dict[str, str] = {}

    def definition(self, schema: Schema) -> str:
        """The name of the schema's definition; the same class can have several, with bindings and without."""
        base = type(schema).__name__.removeprefix("_").removesuffix("Schema")
        base += "+" if getattr(schema, DATA_BINDING_SUPPORTED_KEY, False) else ""
        if base in self._open:
            return base  # recursive
        self._open.append(base)
        found = self._object(schema, base.rstrip("+").removeprefix("Anonymous"))
        self._open.pop()
        text = json.dumps(found, sort_keys=True)
        number, name = 1, base
        while self._texts.get(name, text) != text:
            number += 1
            name = f"{base}{number}"
        self._texts[name] = text
        self.definitions[name] = found
        return name

    def _object(self, schema: Schema, name: str) -> dict[str, Any]:
        loaded = {(field.data_key or key): field for key, field in schema.load_fields.items()}
        unchecked = _read_only(schema) | _parameters(schema)
        keys = {key: NARROWER.get((name, key)) or self.field(field) for key, field in sorted(loaded.items())}
        found: dict[str, Any] = {"keys": keys}
        stated = {key for key, field in loaded.items() if field.required}
        required = sorted((stated | DEMANDED.get(name, set())) - NOT_DEMANDED.get(name, set()))
        if required:
            found["required"] = required
        if unchecked - loaded.keys():
            found["unchecked"] = sorted(unchecked - loaded.keys())
        if isinstance(schema, YamlFileSchema):
            found["file"] = True
        return found

    def field(self, field: fields.Field) -> Any:
        found = self._limited(self._inner(field), field)
        return {"null": found} if field.allow_none else found

    def _inner(self, field: fields.Field) -> Any:
        if isinstance(field, own.ExperimentalField):
            return self._inner(field.experimental_field)
        if isinstance(field, own.TypeSensitiveUnionField):
            return self._by_type(field)
        if isinstance(field, own.UnionField):
            return _union([self.field(inner) for inner in field._union_fields])
        if isinstance(field, fields.Nested):
            found = self.opened(field.schema, field.unknown)
            return {"list": found} if field.many else found
        return self._plain(field)

    def opened(self, schema: Schema, unknown: str | None) -> dict[str, Any]:
        """An object, and whether unknown keys pass."""
        found = {"object": self.definition(schema)}
        # an automl node's constructor refuses what its schema lets pass
        is_open = (unknown or schema.unknown) != RAISE and not isinstance(schema, AutoMLNodeMixin)
        return found | {"open": True} if is_open else found

    def _plain(self, field: fields.Field) -> Any:
        if isinstance(field, fields.Dict):
            keys = "str" if isinstance(field.key_field, fields.String) else "any"
            return {"map": self.field(field.value_field) if field.value_field else None, "keys": keys}
        if isinstance(field, fields.List):
            return {"list": self.field(field.inner)}
        if isinstance(field, own.StringTransformedEnum):
            return {"enum": sorted(set(field.allowed_values)), "fold": _fold(field.casing_transform)}
        return _leaf(field)

    def _by_type(self, field: own.TypeSensitiveUnionField) -> Any:
        of = {name: [self.field(inner) for inner in typed] for name, typed in field._type_sensitive_fields_dict.items()}
        typed = [one for several in of.values() for one in several]
        plain = [one for one in (self.field(inner) for inner in field._union_fields) if one not in typed]
        return {"by": field.type_field_name, "of": of, "any": plain}

    @staticmethod
    def _limited(found: Any, field: fields.Field) -> Any:
        """The field with what its validators say, as far as that is data."""
        for validator in field.validators:
            if isinstance(validator, validate.OneOf) and found == "str":
                found = {"enum": sorted(validator.choices), "fold": "same"}
            elif isinstance(validator, validate.Range) and found in ("integer", "number"):
                limits = {"min": validator.min, "max": validator.max}
                found = {"number": found, **{key: value for key, value in limits.items() if value is not None}}
        return found


def _read_only(schema: Schema) -> set[str]:
    """Keys that the client writes and, on reading, drops."""
    if not isinstance(schema, PathAwareSchema):
        return set()
    return {(field.data_key or name) for name, field in schema.fields.items() if field.dump_only}


def _parameters(schema: Schema) -> set[str]:
    """Keys of a node that its schema does not know but the function that makes the node from it does."""
    make = next((make for known, make in NODES.items() if isinstance(schema, known)), None)
    if make is None:
        return set()
    names = {*inspect.signature(make).parameters, *inspect.signature(BaseNode.__init__).parameters}
    return names - {"self", "kwargs"}


def _leaf(field: fields.Field) -> str:
    if isinstance(field, own.ArmVersionedStr) and field.allow_default_version:
        return "azureml"
    for known, word in LEAVES:
        if isinstance(field, known):
            strict = word in ("integer", "number") and getattr(field, "strict", False)
            return f"strict {word}" if strict else word
    if type(field) is fields.Field:
        return "anything"
    raise UnknownFieldError(f"{type(field).__mro__}")


def _union(members: list[Any]) -> Any:
    flat: list[Any] = []
    for member in members:
        for one in member["any"] if isinstance(member, dict) and set(member) == {"any"} else [member]:
            if one not in flat:
                flat.append(one)
    if "anything" in flat and {"null": "anything"} not in flat:
        return "anything"
    if "str" in flat:
        flat = [one for one in flat if one not in STRINGS and not (isinstance(one, dict) and "enum" in one)]
    return flat[0] if len(flat) == 1 else {"any": flat}


def _fold(transform: Callable[[str], str | None]) -> str:
    told = tuple(transform(probe) for probe in ("fooBar", "foo_bar", "FOO"))
    for name, expected in FOLDS.items():
        if told == expected:
            return name
    raise UnknownFieldError(f"a change of case that makes {told}")


# kind, as penstock.spec.kind names it -> the loader that the command line uses, and just enough for it to choose
# a schema
JOB, COMPONENT = load.load_job, load.load_component
ROOTS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    # First, because with the first pipeline the SDK adds `${{ }}` to fields that schemas of other kinds share: what it
    # takes depends on what it has seen before, and this is the most that it takes.
    "pipeline job": (JOB, {"type": "pipeline"}),
    "pipeline component": (COMPONENT, {"type": "pipeline"}),
    "command job": (JOB, {"type": "command"}),
    "sweep job": (JOB, {"type": "sweep"}),
    "spark job": (JOB, {"type": "spark"}),
    **{
        f"automl job {task}": (JOB, {"type": "automl", "task": task})
        for task in (
            "classification",
            "regression",
            "forecasting",
            "image_classification",
            "image_classification_multilabel",
            "image_object_detection",
            "image_instance_segmentation",
            "text_classification",
            "text_classification_multilabel",
            "text_ner",
        )
    },
    "command component": (COMPONENT, {"type": "command"}),
    "parallel component": (COMPONENT, {"type": "parallel"}),
    "spark component": (COMPONENT, {"type": "spark"}),
    "automl component": (COMPONENT, {"type": "automl"}),
    "data_transfer component copy_data": (COMPONENT, {"type": "data_transfer", "task": "copy_data"}),
    "data_transfer component import_data": (COMPONENT, {"type": "data_transfer", "task": "import_data"}),
    "data_transfer component export_data": (COMPONENT, {"type": "data_transfer", "task": "export_data"}),
    "environment": (load.load_environment, {"name": "x"}),
    "data": (load.load_data, {"name": "x"}),
    "model": (load.load_model, {"name": "x"}),
    "managed_online endpoint": (load.load_online_endpoint, {"name": "x"}),
    "kubernetes_online endpoint": (load.load_online_endpoint, {"name": "x", "compute": "azureml:x"}),
    "batch endpoint": (load.load_batch_endpoint, {"name": "x"}),
    "managed_online deployment": (load.load_online_deployment, {"name": "x"}),
    "kubernetes_online deployment": (load.load_online_deployment, {"name": "x", "type": "kubernetes"}),
    "batch deployment": (load.load_batch_deployment, {"name": "x"}),
    "model batch deployment": (load.load_model_batch_deployment, {"name": "x", "type": "model"}),
    "pipeline batch deployment": (load.load_pipeline_component_batch_deployment, {"name": "x", "type": "pipeline"}),
    "job schedule": (load.load_schedule, {"name": "x", "create_job": "x"}),
    "monitor schedule": (load.load_schedule, {"name": "x", "create_monitor": {}}),
    "data schedule": (load.load_schedule, {"name": "x", "import_data": {}}),
    **{
        f"{kind} compute": (load.load_compute, {"name": "x", "type": kind})
        for kind in ("amlcompute", "computeinstance", "kubernetes", "virtualmachine", "synapsespark")
    },
    "workspace": (load.load_workspace, {"name": "x"}),
    "hub workspace": (load.load_workspace, {"name": "x", "kind": "hub"}),
    "project workspace": (load.load_workspace, {"name": "x", "kind": "project"}),
    "registry": (load.load_registry, {"name": "x"}),
    **{
        f"{kind} datastore": (load.load_datastore, {"name": "x", "type": kind})
        for kind in ("azure_blob", "azure_file", "azure_data_lake_gen1", "azure_data_lake_gen2", "one_lake")
    },
}
# Component files that a job names: the client reads them with other schemas, which need no name.
USED = {
    "command component": components.AnonymousCommandComponentSchema,
    "parallel component": components.AnonymousParallelComponentSchema,
    "spark component": components.AnonymousSparkComponentSchema,
    "data_transfer component copy_data": components.AnonymousDataTransferCopyComponentSchema,
    "pipeline component": _AnonymousPipelineComponentSchema,
}


class _Asked(BaseException):
    """The schema that a loader has asked to load its data, and what it said of unknown keys.

    No Exception, so that the SDK's own handlers let it pass.
    """

    def __init__(self, schema: Schema, unknown: str | None) -> None:
        self.schema, self.unknown = schema, unknown


def _chosen(loader: Callable[..., Any], data: dict[str, Any]) -> _Asked:
    """What the loader would load `data` with."""

    def ask(schema: Schema, *_: Any, **options: Any) -> None:
        raise _Asked(schema, options.get("unknown"))

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(Schema, "load", ask):
        file = Path(folder) / "x.yml"
        file.write_text(yaml.safe_dump(data))
        try:
            loader(file)
        except _Asked as asked:
            return asked
    raise UnknownFieldError(f"{loader.__name__} loads {data} without a schema")


def walked() -> dict[str, Any]:
    """The whole of it."""
    walk, roots = _Walk(), {}
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind, (loader, data) in ROOTS.items():
            asked = _chosen(loader, data)
            roots[kind] = walk.opened(asked.schema, asked.unknown)
        for kind, schema in USED.items():
            made = schema(context={BASE_PATH_CONTEXT_KEY: Path()})
            roots[f"used {kind}"] = walk.opened(made, INCLUDE)
    logging.disable(logging.NOTSET)
    told = {*DEMANDED, *NOT_DEMANDED, *(name for name, _ in NARROWER)}
    if told - walk.definitions.keys():
        raise UnknownFieldError(f"no schema is called {', '.join(sorted(told - walk.definitions.keys()))} any more")
    return {"sdk": sdk.__version__, "roots": roots, "definitions": dict(sorted(walk.definitions.items()))}


def text() -> str:
    """The file's text: one line per root and per definition, so that a difference can be read."""
    found = walked()
    parts = [f'"sdk": {json.dumps(found["sdk"])}']
    for name in ("roots", "definitions"):
        lines = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in found[name].items()]
        parts.append(f'"{name}": {{\n' + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text())
