"""What Azure ML v2 job and component YAML says, as frozen structs.

Reading is permissive: a missing or odd value becomes None and the rules of `check` tell of it. `source` is the
mapping that an object was read from, so that a rule can look at keys that the model does not know.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from pathlib import Path

from msgspec import Struct

from penstock.spec.expression import Template
from penstock.spec.place import Place
from penstock.spec.source import Mapping, Node, Scalar

LITERAL_TYPES = ("string", "number", "integer", "boolean")
DATA_TYPES = ("uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model", "safetensors_model")


class InputPort(Struct, frozen=True):
    """An input that a component or a pipeline declares."""

    name: str
    type: str
    optional: bool
    default: Scalar | None
    minimum: Scalar | None
    maximum: Scalar | None
    enum: tuple[Scalar, ...]
    place: Place

    @property
    def is_literal(self) -> bool:
        return self.type in LITERAL_TYPES


class OutputPort(Struct, frozen=True):
    """An output that a component or a pipeline declares."""

    name: str
    type: str
    place: Place


class InputValue(Struct, frozen=True):
    """What a job gives to an input: text that may hold expressions, a plain value, or data at a path.

    `template` is the text or the data's `path`; `scalar` the value as it stands; `is_data` tells the object form
    (`{type, path, mode}`) from the plain one.
    """

    name: str
    template: Template | None
    scalar: Scalar | None
    is_data: bool
    type: str | None
    mode: str | None
    place: Place
    value_place: Place


class OutputValue(Struct, frozen=True):
    """What a job says of an output: a binding to the pipeline's output, or settings of its own.

    `asset` and `asset_version` are what it is registered by.
    """

    name: str
    template: Template | None
    type: str | None
    mode: str | None
    path: str | None
    place: Place
    asset: str | None = None
    asset_version: str | None = None


class Code(Struct, frozen=True):
    """The snapshot: `code` and `additional_includes`, as written."""

    path: str | None
    path_place: Place
    includes: tuple[Scalar, ...]


class CommandComponent(Struct, frozen=True):
    """A command component, or the inline definition of a command node."""

    name: str
    version: str | None
    inputs: MappingType[str, InputPort]
    outputs: MappingType[str, OutputPort]
    command: Template | None
    code: Code
    environment: Node | None
    environment_variables: MappingType[str, str]
    is_deterministic: bool
    source: Mapping
    folder: Path
    place: Place


class OtherComponent(Struct, frozen=True):
    """A component of another type (parallel, spark, data_transfer, automl), or the inline definition of such a node."""

    name: str
    type: str
    version: str | None
    inputs: MappingType[str, InputPort]
    outputs: MappingType[str, OutputPort]
    is_deterministic: bool
    source: Mapping
    folder: Path
    place: Place


class JobNode(Struct, frozen=True):
    """A node of a pipeline: an entry of `jobs:`.

    `component` is the reference as it stands (`component:`, of a sweep node `trial:`); `inline` the definition that the
    node holds itself, `held` the anonymous component that stands as an object below `component:`. `searched` are the
    inputs that a sweep's search space gives values to.
    `timeout_s` is its `limits: timeout`, in seconds.
    """

    name: str
    type: str
    component: Scalar | Mapping | None
    inline: CommandComponent | OtherComponent | None
    held: CommandComponent | OtherComponent | None
    searched: frozenset[str]
    inputs: MappingType[str, InputValue]
    outputs: MappingType[str, OutputValue]
    environment_variables: MappingType[str, str]
    timeout_s: float | None
    source: Mapping
    folder: Path
    place: Place


class Settings(Struct, frozen=True):
    """A pipeline job's `settings`."""

    continue_on_step_failure: bool = False
    force_rerun: bool = False


class PipelineComponent(Struct, frozen=True):
    """A pipeline component: a graph with ports."""

    name: str
    version: str | None
    inputs: MappingType[str, InputPort]
    outputs: MappingType[str, OutputPort]
    output_bindings: MappingType[str, OutputValue]
    jobs: MappingType[str, JobNode]
    source: Mapping
    folder: Path
    place: Place


class PipelineJob(Struct, frozen=True):
    """A pipeline job, or a single job made into a pipeline of one node.

    `component` is the pipeline component whose graph a job without `jobs` has.
    """

    name: str
    experiment_name: str | None
    inputs: MappingType[str, InputValue]
    outputs: MappingType[str, OutputValue]
    jobs: MappingType[str, JobNode]
    settings: Settings
    source: Mapping
    folder: Path
    place: Place
    component: JobNode | None = None


Component = CommandComponent | PipelineComponent | OtherComponent
