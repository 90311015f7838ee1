"""A pipeline job as one pipeline component: in the Studio Designer, the whole graph is one block.

What `mldesigner compile` makes of the same pipeline in Python: ports in place of values, components by name. The type
of a plain input is that of the port that it is bound to; its value becomes the default. Data has none: Azure ML takes
no default for it. What belongs to a run (computes, settings, experiment) is the job's and stays there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.publish.interface import InputPort, Interface, OutputPort, Scalar
from penstock.spec.model import LITERAL_TYPES, Component, InputValue, JobNode, PipelineJob
from penstock.spec.model import InputPort as SpecInput
from penstock.spec.source import Scalar as ScalarNode
from penstock.spec.source import plain, scalar_text

SCHEMA = "https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json"
Used = Callable[[str, Path], tuple[Component | None, str]]


class Block(Struct, frozen=True):
    """The one component of a pipeline: its ports, and its nodes as plain values.

    `described` is what a person reads: display_name, description, tags.
    """

    interface: Interface
    jobs: Mapping[str, Any]
    described: Mapping[str, Any]

    def document(self, name: str, version: str) -> dict[str, Any]:
        """The pipeline component's YAML as plain values."""
        inputs = {key: _port(port) for key, port in self.interface.inputs.items()}
        outputs = {key: {"type": port.type} for key, port in self.interface.outputs.items()}
        head = {"$schema": SCHEMA, "type": "pipeline", "name": name, "version": version}
        return {**head, **self.described, "inputs": inputs, "outputs": outputs, "jobs": dict(self.jobs)}


def block_of(job: PipelineJob, used: Used) -> Block:
    """The component that a pipeline job becomes; `used` tells of a reference the component and its published name."""
    components = {name: _component(node, used) for name, node in job.jobs.items()}
    inputs = {name: _input(value, _bound(name, job, components)) for name, value in job.inputs.items()}
    outputs = {name: OutputPort((value.type or "uri_folder").lower()) for name, value in job.outputs.items()}
    jobs = {name: _node(node, used) for name, node in job.jobs.items()}
    told = {key: plain(job.source.get(key)) for key in ("display_name", "description", "tags")}
    return Block(Interface(inputs, outputs), jobs, {key: value for key, value in told.items() if value})


def _component(node: JobNode, used: Used) -> Component | None:
    own = node.inline or node.held
    if own is not None or not isinstance(node.component, ScalarNode):
        return own
    return used(scalar_text(node.component), node.folder)[0]


def _bound(name: str, job: PipelineJob, components: Mapping[str, Component | None]) -> list[SpecInput]:
    """The ports that the pipeline's input is bound to."""
    found = []
    for node_name, node in job.jobs.items():
        component = components[node_name]
        for value in node.inputs.values():
            bound = value.template.binding if value.template is not None else None
            is_bound = bound is not None and bound.path == ("parent", "inputs", name)
            if is_bound and component is not None and value.name in component.inputs:
                found.append(component.inputs[value.name])
    return found


def _input(value: InputValue, bound: list[SpecInput]) -> InputPort:
    """The port; it is optional if all that it goes to is."""
    optional = bool(bound) and all(port.optional for port in bound)
    if value.is_data:
        return InputPort(value.type or "uri_folder", optional)
    plain_value: Scalar | None = value.scalar.value if value.scalar is not None else None
    literal = next((port.type for port in bound if port.is_literal), None)
    kind = literal or value.type or {bool: "boolean", int: "integer", float: "number"}.get(type(plain_value), "string")
    if kind not in LITERAL_TYPES:
        return InputPort(kind, optional)
    if kind == "string" and plain_value is not None and not isinstance(plain_value, str):
        plain_value = str(plain_value)
    return InputPort(kind, optional, default=plain_value)


def _port(port: InputPort) -> dict[str, Any]:
    said = {"type": port.type, "default": port.default, "optional": port.optional or None}
    return {key: value for key, value in said.items() if value is not None}


def _node(node: JobNode, used: Used) -> dict[str, Any]:
    found: dict[str, Any] = plain(node.source)
    if isinstance(node.component, ScalarNode):
        key = "trial" if node.type == "sweep" else "component"
        found[key] = used(scalar_text(node.component), node.folder)[1]
    return found
