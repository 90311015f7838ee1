"""Flattens a pipeline and resolves every binding.

Two passes over a tree of scopes (a scope is a pipeline: the job itself or a nested component): `_open` looks up the
components and makes the tree, `_bind` gives every input its value. Since a binding to another node only names it,
nodes may refer to nodes that stand further down in the file, or, wrongly, to each other in a circle (see `order`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from penstock.graph.library import Library, NotFound
from penstock.graph.literals import azure_text, coerce
from penstock.graph.model import (
    Broken,
    Composite,
    Data,
    Given,
    Graph,
    GraphNode,
    Invalid,
    Literal,
    Missing,
    NodeOutput,
    Unresolved,
    Unset,
    Value,
)
from penstock.spec.expression import Reference, Template, parse_template
from penstock.spec.finding import Finding, did_you_mean
from penstock.spec.model import (
    Component,
    InputPort,
    InputValue,
    JobNode,
    OutputValue,
    PipelineComponent,
    PipelineJob,
    Settings,
)
from penstock.spec.read import CONTROL_TYPES, NODE_TYPES
from penstock.spec.source import Mapping, Scalar, scalar_text

_MAX_NESTED = 10_000  # pipelines in pipelines grow exponentially


def resolve(job: PipelineJob, library: Library) -> tuple[Graph, tuple[Finding, ...]]:
    """The graph of `job`, and what is wrong with the component files that were read for it."""
    resolver = _Resolver(library)
    scope = _Scope("", dict(job.inputs), chain=())
    resolver.open(scope, job.jobs)
    for name, value in job.inputs.items():
        scope.values[name] = _job_input(value, job)
    resolver.bind(scope)
    outputs, bad = _outputs(scope, dict(job.outputs))
    graph = Graph(job, resolver.nodes, tuple(resolver.composites), tuple(resolver.broken), outputs, bad)
    return graph, tuple(library.findings)


def resolve_component(component: PipelineComponent, library: Library) -> tuple[Graph, tuple[Finding, ...]]:
    """The graph of a pipeline component by itself; its inputs are `Given`."""
    resolver = _Resolver(library)
    scope = _Scope("", dict(component.inputs), chain=(_identity(component),))
    resolver.open(scope, component.jobs)
    scope.values = {name: Given(port.type, port.place) for name, port in component.inputs.items()}
    resolver.bind(scope)
    job = PipelineJob(
        name=component.name,
        experiment_name=None,
        inputs={},
        outputs=component.output_bindings,
        jobs=component.jobs,
        settings=Settings(),
        source=component.source,
        folder=component.folder,
        place=component.source.key_place("jobs"),
    )
    outputs, bad = _outputs(scope, dict(component.output_bindings))
    graph = Graph(job, resolver.nodes, tuple(resolver.composites), tuple(resolver.broken), outputs, bad)
    return graph, tuple(library.findings)


@dataclass
class _Child:
    """A node of a scope: its component, and its own scope if that is a pipeline."""

    job: JobNode
    component: Component
    inner: _Scope | None


@dataclass
class _Scope:
    """A pipeline that is being resolved. `chain` holds the pipeline components around it."""

    prefix: str
    declared: dict[str, InputPort | InputValue]
    chain: tuple[tuple[Path, str], ...]
    children: dict[str, _Child] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    values: dict[str, Value] = field(default_factory=dict)
    outputs: dict[str, NodeOutput] = field(default_factory=dict)


class _Resolver:
    def __init__(self, library: Library) -> None:
        self.library = library
        self.nodes: dict[str, GraphNode] = {}
        self.composites: list[Composite] = []
        self.broken: list[Broken] = []
        self._nested = 0

    def open(self, scope: _Scope, jobs: dict[str, JobNode] | object) -> None:
        """Look up the component of every node of `scope`, and open nested pipelines."""
        assert isinstance(jobs, dict)  # noqa: S101 - narrows the model's read-only mapping
        for name, job in jobs.items():
            found = self._too_many(job, scope) or self._component(job, scope)
            if isinstance(found, Broken):
                self.broken.append(found)
                scope.broken.add(name)
                continue
            inner = None
            if isinstance(found, PipelineComponent):
                chain = (*scope.chain, _identity(found))
                inner = _Scope(f"{scope.prefix}{name}.", dict(found.inputs), chain)
                self.open(inner, found.jobs)
            scope.children[name] = _Child(job, found, inner)
        for child in scope.children.values():
            self._publish_outputs(scope, child)

    def _too_many(self, job: JobNode, scope: _Scope) -> Broken | None:
        """Why the node is not looked at, if pipelines in pipelines have grown beyond all measure."""
        self._nested += bool(scope.prefix)
        if self._nested <= _MAX_NESTED:
            return None
        name = scope.prefix + job.name
        message = f"nested pipelines make more than {_MAX_NESTED} nodes; '{name}' and what follows is not checked."
        return Broken(name, job, "recursion", message, job.place)

    def _component(self, job: JobNode, scope: _Scope) -> Component | Broken:
        name = scope.prefix + job.name
        if job.inline is not None:
            return job.inline
        if job.type not in NODE_TYPES:
            return _odd_type(name, job)
        if job.component is None or isinstance(job.component, Mapping):
            key = "trial" if job.type == "sweep" else "component"
            message = f"'{name}' names no component file; write {key}: ./component.yml."
            return Broken(name, job, "component", message, job.place)
        return self._referenced_component(name, job, job.component, scope)

    def _referenced_component(self, name: str, job: JobNode, reference: Scalar, scope: _Scope) -> Component | Broken:
        found = self.library.find(azure_text(reference), job.folder)
        if isinstance(found, NotFound):
            return Broken(name, job, found.what, f"'{name}': {found.message}", reference.place)
        if isinstance(found, PipelineComponent) and _identity(found) in scope.chain:
            message = f"'{name}' contains itself: {' -> '.join(n for _, n in (*scope.chain, _identity(found)))}."
            return Broken(name, job, "recursion", message, reference.place)
        return found

    def _publish_outputs(self, scope: _Scope, child: _Child) -> None:
        """Note which of the pipeline's outputs this node's outputs are bound to (`${{parent.outputs.x}}`)."""
        for value in child.job.outputs.values():
            reference = value.template.binding if value.template else None
            if reference is not None and reference.path[:2] == ("parent", "outputs") and len(reference.path) == 3:
                source = _output_of(scope, child.job.name, value.name, reference)
                if isinstance(source, NodeOutput):
                    scope.outputs[reference.path[2]] = source

    def bind(self, scope: _Scope) -> None:
        """Give every input of every node of `scope` its value."""
        for name, child in scope.children.items():
            inputs = {port.name: self._value(child, port, scope) for port in child.component.inputs.values()}
            full_name = scope.prefix + name
            if child.inner is None:
                assert not isinstance(child.component, PipelineComponent)  # noqa: S101 - by construction
                self.nodes[full_name] = GraphNode(
                    full_name, child.job, child.component, inputs, _settings(child.job, scope)
                )
                continue
            assert isinstance(child.component, PipelineComponent)  # noqa: S101 - by construction
            self.composites.append(Composite(full_name, child.job, child.component, inputs))
            child.inner.values = inputs
            self.bind(child.inner)

    def _value(self, child: _Child, port: InputPort, scope: _Scope) -> Value:
        given = child.job.inputs.get(port.name)
        value: Value = Unset(child.job.place)
        if given is not None:
            value = _bound(given, port, child.job, scope)
        elif port.name in child.job.searched:
            return Given(port.type, child.job.place)
        if not isinstance(value, Unset):
            return value
        if port.default is not None:
            return coerce(port.default, port, port.default.place)
        return value if port.optional else Missing(child.job.place)


_BOUND_SETTINGS = ("compute", "resources", "distribution", "limits")


def _settings(job: JobNode, scope: _Scope) -> dict[str, str]:
    """What the bindings in a node's settings come to; one that leads to nothing is told by the rules of `check`."""
    found = {}
    for key in _BOUND_SETTINGS:
        node = job.source.get(key)
        entries = [(f"{key}.{entry.key.text}", entry.value) for entry in node] if isinstance(node, Mapping) else []
        for path, value in [*entries, (key, node)]:
            template = parse_template(scalar_text(value), value.place) if isinstance(value, Scalar) else None
            bound = _referenced(template.binding, scope) if template is not None and template.binding else None
            if isinstance(bound, Literal):
                found[path] = bound.text
    return found


def _odd_type(name: str, job: JobNode) -> Broken:
    place = job.source.key_place("type")
    if job.type in CONTROL_TYPES:
        message = f"'{name}' is a {job.type} node, a private preview that Azure's client refuses by default."
        return Broken(name, job, "preview", message, place)
    message = f"'{name}' has the type '{job.type}', which no node has. {did_you_mean(job.type, NODE_TYPES)}"
    return Broken(name, job, "type", message, place)


def _identity(component: PipelineComponent) -> tuple[Path, str]:
    return component.folder / component.source.place.file, component.name


def _job_input(value: InputValue, job: PipelineJob) -> Value:
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


def _bound(given: InputValue, port: InputPort, job: JobNode, scope: _Scope) -> Value:
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
        return _typed(_referenced(template.binding, scope), port, template)
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


def _joined(template: Template, port: InputPort, scope: _Scope) -> Value:
    """Bindings inside a longer string: the text, if all of them are plain values."""
    texts = []
    for part in template.parts:
        if not isinstance(part, Reference) or _is_of_the_run(part):
            texts.append(str(part))
            continue
        value = _referenced(part, scope)
        if isinstance(value, Unresolved | Given):
            return value
        if not isinstance(value, Literal):
            return Unresolved(str(part), "mixed", "", (), template.place)
        texts.append(value.text)
    return coerce(Scalar(template.place, "".join(texts), ""), port, template.place)


def _referenced(reference: Reference, scope: _Scope) -> Value:
    path = reference.path
    if path[:2] == ("parent", "inputs") and len(path) >= 3:
        name = ".".join(path[2:])
        if name in scope.values:
            return scope.values[name]
        return Unresolved(str(reference), "input", name, tuple(scope.declared), reference.place)
    if path[:2] == ("parent", "jobs") and len(path) == 5 and path[3] == "outputs":
        return _output_of(scope, path[2], path[4], reference)
    return Unresolved(str(reference), "syntax", "", (), reference.place)


def _output_of(scope: _Scope, job: str, port: str, reference: Reference) -> NodeOutput | Unresolved:
    if job in scope.broken:
        return Unresolved(str(reference), "broken", job, (), reference.place)
    child = scope.children.get(job)
    if child is None:
        return Unresolved(str(reference), "job", job, tuple(scope.children), reference.place)
    if child.inner is None:
        declared = child.component.outputs.get(port)
        if declared is not None:
            return NodeOutput(scope.prefix + job, port, _output_type(child, port, declared.type), reference.place)
    elif port in child.inner.outputs:
        source = child.inner.outputs[port]
        return NodeOutput(source.node, source.port, _output_type(child, port, source.type), reference.place)
    elif child.inner.broken and port in child.component.outputs:
        return Unresolved(str(reference), "broken", job, (), reference.place)
    return Unresolved(str(reference), "output", port, tuple(child.component.outputs), reference.place)


def _output_type(child: _Child, port: str, source: str) -> str:
    """What the output is to its takers: what the node says of it, else the pipeline around its source."""
    stated = child.job.outputs.get(port)
    if stated is not None and stated.type is not None:
        return stated.type.lower()
    declared = child.component.outputs.get(port) if child.inner is not None else None
    return declared.type if declared is not None and declared.type != "uri_folder" else source


def _outputs(scope: _Scope, declared: dict[str, OutputValue]) -> tuple[dict[str, NodeOutput], tuple[Unresolved, ...]]:
    """The pipeline's outputs, in the order in which they are declared."""
    outputs, bad = {}, []
    for name, value in declared.items():
        source = scope.outputs.get(name)
        reference = value.template.binding if value.template else None
        if source is None and reference is not None and reference.path[:2] == ("parent", "jobs"):
            found = _referenced(reference, scope)
            source = found if isinstance(found, NodeOutput) else None
        if source is not None:
            outputs[name] = source
        elif not scope.broken:
            bad.append(Unresolved(name, "output", name, (), value.place))
    return outputs, tuple(bad)
