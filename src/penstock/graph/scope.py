"""A pipeline that is being resolved, and what the expressions in it come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from penstock.graph.control import Body, body_name, output_type
from penstock.graph.literals import azure_text, coerce
from penstock.graph.model import (
    ARTIFACTS,
    Data,
    Given,
    Invalid,
    Joined,
    Literal,
    LoopInput,
    NodeOutput,
    Unresolved,
    Unset,
    Value,
)
from penstock.spec.expression import Reference, Template, parse_template
from penstock.spec.model import Component, InputPort, InputValue, JobNode, OutputValue, PipelineJob
from penstock.spec.source import Mapping, Scalar, scalar_text


@dataclass
class Child:
    """A node of a scope: its component, and its own scope if that is a pipeline."""

    job: JobNode
    component: Component
    inner: Scope | None


@dataclass
class Scope:
    """A pipeline that is being resolved. `chain` holds the pipeline components around it.

    `is_job`: it is there for a job that names a component, whose nodes are the job's own.
    `looped`: of a loop's body, the loop's name and the inputs that the loop gives values to.
    """

    prefix: str
    declared: dict[str, InputPort | InputValue]
    chain: tuple[tuple[Path, str], ...]
    is_job: bool = False
    children: dict[str, Child] = field(default_factory=dict)
    controls: dict[str, JobNode] = field(default_factory=dict)
    looped: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    values: dict[str, Value] = field(default_factory=dict)
    outputs: dict[str, NodeOutput] = field(default_factory=dict)


_BOUND_SETTINGS = (
    "compute",
    "resources",
    "distribution",
    "limits",
    "mini_batch_size",
    "mini_batch_error_threshold",
    "error_threshold",
    "max_concurrency_per_instance",
    "logging_level",
    "retry_settings",
)


def settings_of(job: JobNode, scope: Scope) -> dict[str, str]:
    """What the bindings in a node's settings come to; one that leads to nothing is told by the rules of `check`."""
    found = {}
    for key in _BOUND_SETTINGS:
        node = job.source.get(key)
        entries = [(f"{key}.{entry.key.text}", entry.value) for entry in node] if isinstance(node, Mapping) else []
        for path, value in [*entries, (key, node)]:
            template = parse_template(scalar_text(value), value.place) if isinstance(value, Scalar) else None
            bound = referenced(template.binding, scope) if template is not None and template.binding else None
            if isinstance(bound, Literal):
                found[path] = bound.text
    for name, text in job.environment_variables.items():
        if "${{" in text:
            found[f"environment_variables.{name}"] = _with_literals(parse_template(text, job.place), scope)
    return found


def _with_literals(template: Template, scope: Scope) -> str:
    """A text with the pipeline's plain inputs put in; the other expressions stay as they are."""
    values = [referenced(part, scope) if isinstance(part, Reference) else None for part in template.parts]
    known = zip(template.parts, values, strict=True)
    return "".join(value.text if isinstance(value, Literal) else str(part) for part, value in known)


def job_input(value: InputValue, job: PipelineJob) -> Value:
    """A pipeline job's own input: data or a value; its type is checked where it is used."""
    if value.is_data:
        return _data(value, None, job.folder)
    if value.scalar is None:
        return Unset(value.place)
    return Literal(azure_text(value.scalar), "any", value.value_place)


def _data(value: InputValue, port: InputPort | None, folder: Path) -> Value:
    if value.scalar is None:
        return Unset(value.place)
    kind = value.type or (port.type if port else "uri_folder")
    return Data(azure_text(value.scalar), kind, folder, value.mode, value.value_place)


def bound_value(given: InputValue, port: InputPort, job: JobNode, scope: Scope) -> Value:
    """The value that a node gives to `port`."""
    template = given.template
    if template is None or given.scalar is None:
        return Unset(given.place)
    references = [reference for reference in template.references() if not _is_of_the_run(reference)]
    if not references:
        if given.is_data or not (port.is_literal or port.type == "any"):
            return _data(given, port, job.folder)
        return coerce(given.scalar, port, given.value_place)
    if template.binding is not None:
        return _typed(referenced(template.binding, scope), port, template)
    return _joined(template, port, scope)


def _is_of_the_run(reference: Reference) -> bool:
    """`${{name}}` or `${{default_datastore}}`: the service puts in what belongs to the run."""
    return len(reference.path) == 1


def _typed(value: Value, port: InputPort, template: Template) -> Value:
    """A literal that comes through a binding, checked against the port that it comes to."""
    if not isinstance(value, Literal):
        return value
    checked = coerce(Scalar(value.place, value.text, value.text), port, value.place)
    return checked if isinstance(checked, Literal) else Invalid(checked.what, checked.message, template.place)


def _joined(template: Template, port: InputPort, scope: Scope) -> Value:
    """Bindings inside a longer string: the text, if all of them are plain values."""
    texts: list[str | LoopInput] = []
    for part in template.parts:
        if not isinstance(part, Reference) or _is_of_the_run(part):
            texts.append(str(part))
            continue
        value = referenced(part, scope)
        if isinstance(value, Unresolved | Given):
            return value
        if isinstance(value, LoopInput):
            texts.append(value)
        elif isinstance(value, Joined):
            texts += value.parts
        elif isinstance(value, Literal):
            texts.append(value.text)
        else:
            return Unresolved(str(part), "mixed", "", (), template.place)
    if any(isinstance(text, LoopInput) for text in texts):
        return Joined(tuple(texts), port, template.place)
    return coerce(Scalar(template.place, "".join(map(str, texts)), ""), port, template.place)


def referenced(reference: Reference, scope: Scope) -> Value:
    path = reference.path
    if path[:2] == ("parent", "inputs") and len(path) >= 3:
        name = ".".join(path[2:])
        if name in scope.values:
            return scope.values[name]
        return Unresolved(str(reference), "input", name, tuple(scope.declared), reference.place)
    if path[:2] == ("parent", "jobs") and len(path) == 5 and path[3] == "outputs":
        return output_of(scope, path[2], path[4], reference)
    return Unresolved(str(reference), "syntax", "", (), reference.place)


def output_of(scope: Scope, job: str, port: str, reference: Reference) -> NodeOutput | Unresolved:
    if job in scope.broken:
        return Unresolved(str(reference), "broken", job, (), reference.place)
    if job in scope.controls:
        return _output_of_loop(scope, scope.controls[job], port, reference)
    child = scope.children.get(job)
    if child is None:
        return Unresolved(str(reference), "job", job, tuple(scope.children), reference.place)
    found = _source(scope, child, job, port)
    if found is not None:
        return NodeOutput(found.node, found.port, _output_type(child, port, found.type), reference.place)
    if child.inner is not None and child.inner.broken and port in child.component.outputs:
        return Unresolved(str(reference), "broken", job, (), reference.place)
    return Unresolved(str(reference), "output", port, tuple(child.component.outputs), reference.place)


def _source(scope: Scope, child: Child, job: str, port: str) -> NodeOutput | None:
    """The leaf output behind a node's output."""
    if child.inner is not None:
        return child.inner.outputs.get(port)
    declared = child.component.outputs.get(port)
    if declared is None:
        return NodeOutput(scope.prefix + job, port, "uri_folder", child.job.place) if port in ARTIFACTS else None
    return NodeOutput(scope.prefix + job, port, declared.type, declared.place)


def _output_of_loop(scope: Scope, job: JobNode, port: str, reference: Reference) -> NodeOutput | Unresolved:
    body = body_of(scope, body_name(job) or "")
    if body is None:
        return Unresolved(str(reference), "broken", job.name, (), reference.place)
    if port not in body.leaves:
        return Unresolved(str(reference), "output", port, tuple(body.leaves), reference.place)
    return NodeOutput(scope.prefix + job.name, port, output_type(job, body.outputs[port]), reference.place)


def body_of(scope: Scope, name: str) -> Body | None:
    """A node as the body of a loop."""
    child = scope.children.get(name)
    if child is None:
        return None
    outputs = child.component.outputs
    if child.inner is not None:
        return Body(child.component.inputs, outputs, child.inner.outputs)
    full_name = scope.prefix + name
    leaves = {port: NodeOutput(full_name, port, found.type, found.place) for port, found in outputs.items()}
    return Body(child.component.inputs, outputs, leaves)


def _output_type(child: Child, port: str, source: str) -> str:
    """What the output is to its takers: what the node says of it, else the pipeline around its source."""
    stated = child.job.outputs.get(port)
    if stated is not None and stated.type is not None:
        return stated.type.lower()
    declared = child.component.outputs.get(port) if child.inner is not None else None
    return declared.type if declared is not None and declared.type != "uri_folder" else source


def outputs_of(scope: Scope, declared: dict[str, OutputValue]) -> tuple[dict[str, NodeOutput], tuple[Unresolved, ...]]:
    """The pipeline's outputs, in the order in which they are declared."""
    outputs, bad = {}, []
    for name, value in declared.items():
        source = scope.outputs.get(name)
        reference = value.template.binding if value.template else None
        if source is None and reference is not None and reference.path[:2] == ("parent", "jobs"):
            found = referenced(reference, scope)
            source = found if isinstance(found, NodeOutput) else None
        if source is not None:
            outputs[name] = source
        elif not scope.broken:
            bad.append(Unresolved(name, "output", name, (), value.place))
    return outputs, tuple(bad)
