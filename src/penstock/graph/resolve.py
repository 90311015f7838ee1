"""Flattens a pipeline and resolves every binding.

Two passes over a tree of scopes (a scope is a pipeline: the job itself or a nested component): `_open` looks up the
components and makes the tree, `_bind` gives every input its value. Since a binding to another node only names it,
nodes may refer to nodes that stand further down in the file, or, wrongly, to each other in a circle (see `order`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from penstock.graph.control import Around, read_control
from penstock.graph.library import Library, NotFound
from penstock.graph.literals import azure_text, coerce
from penstock.graph.model import (
    ARTIFACTS,
    Broken,
    Composite,
    Given,
    Graph,
    GraphNode,
    IfElse,
    Loop,
    LoopInput,
    Missing,
    NodeOutput,
    OuterOutput,
    Unresolved,
    Unset,
    Value,
)
from penstock.graph.scope import (
    Child,
    Scope,
    body_of,
    bound_value,
    job_input,
    output_of,
    outputs_of,
    referenced,
    settings_of,
)
from penstock.spec.finding import Finding, did_you_mean
from penstock.spec.model import (
    Component,
    InputPort,
    JobNode,
    OutputPort,
    PipelineComponent,
    PipelineJob,
    Settings,
)
from penstock.spec.read import CONTROL_TYPES, NODE_TYPES
from penstock.spec.source import Mapping, Scalar

_MAX_NESTED = 10_000  # pipelines in pipelines grow exponentially


def resolve(job: PipelineJob, library: Library) -> tuple[Graph, tuple[Finding, ...]]:
    """The graph of `job`, and what is wrong with the component files that were read for it."""
    resolver = _Resolver(library)
    if job.component is not None and not job.jobs:
        return _of_component(job, job.component, resolver), tuple(library.findings)
    scope = Scope("", dict(job.inputs), chain=())
    resolver.open(scope, job.jobs)
    for name, value in job.inputs.items():
        scope.values[name] = job_input(value, job)
    resolver.bind(scope)
    outputs, bad = outputs_of(scope, dict(job.outputs))
    return resolver.graph(job, outputs, bad), tuple(library.findings)


def _of_component(job: PipelineJob, node: JobNode, resolver: _Resolver) -> Graph:
    """The graph of a job that is a pipeline component with values for its inputs."""
    around = Scope("", {}, chain=(), is_job=True)
    resolver.open(around, {job.name: node})
    child = around.children.get(job.name)
    if child is None or child.inner is None or not isinstance(child.component, PipelineComponent):
        return resolver.graph(job, {}, ())
    resolver.bind(around)
    component = child.component
    outputs, bad = outputs_of(child.inner, dict(component.output_bindings))
    job = replace(job, jobs=component.jobs, outputs={**component.output_bindings, **job.outputs})
    return resolver.graph(job, outputs, bad)


def resolve_component(component: PipelineComponent, library: Library) -> tuple[Graph, tuple[Finding, ...]]:
    """The graph of a pipeline component by itself; its inputs are `Given`."""
    resolver = _Resolver(library)
    scope = Scope("", dict(component.inputs), chain=(_identity(component),))
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
    outputs, bad = outputs_of(scope, dict(component.output_bindings))
    return resolver.graph(job, outputs, bad), tuple(library.findings)


class _Resolver:
    def __init__(self, library: Library) -> None:
        self.library = library
        self.nodes: dict[str, GraphNode] = {}
        self.composites: list[Composite] = []
        self.broken: list[Broken] = []
        self.controls: list[IfElse | Loop] = []
        self.bad_controls: list[Unresolved] = []
        self.previews: list[JobNode] = []
        self._nested = 0

    def graph(self, job: PipelineJob, outputs: dict[str, NodeOutput], bad: tuple[Unresolved, ...]) -> Graph:
        return Graph(
            job=job,
            nodes=with_artifacts(self.nodes, outputs.values()),
            composites=tuple(self.composites),
            broken=tuple(self.broken),
            outputs=outputs,
            bad_outputs=bad,
            controls=tuple(self.controls),
            bad_controls=tuple(self.bad_controls),
            previews=tuple(self.previews),
        )

    def open(self, scope: Scope, jobs: dict[str, JobNode] | object) -> None:
        """Look up the component of every node of `scope`, and open nested pipelines."""
        assert isinstance(jobs, dict)  # noqa: S101 - narrows the model's read-only mapping
        for name, job in jobs.items():
            if job.type in CONTROL_TYPES:
                scope.controls[name] = job
                self.previews.append(job)
                continue
            found = self._too_many(job, scope) or self._component(job, scope)
            if isinstance(found, Broken):
                self.broken.append(found)
                scope.broken.add(name)
                continue
            inner = None
            if isinstance(found, PipelineComponent):
                chain = (*scope.chain, _identity(found))
                inner = Scope("" if scope.is_job else f"{scope.prefix}{name}.", dict(found.inputs), chain)
                self.open(inner, found.jobs)
            scope.children[name] = Child(job, found, inner)
        for job in (*(child.job for child in scope.children.values()), *scope.controls.values()):
            self._publish_outputs(scope, job)

    def _too_many(self, job: JobNode, scope: Scope) -> Broken | None:
        """Why the node is not looked at, if pipelines in pipelines have grown beyond all measure."""
        self._nested += bool(scope.prefix)
        if self._nested <= _MAX_NESTED:
            return None
        name = scope.prefix + job.name
        message = f"nested pipelines make more than {_MAX_NESTED} nodes; '{name}' and what follows is not checked."
        return Broken(name, job, "recursion", message, job.place)

    def _component(self, job: JobNode, scope: Scope) -> Component | Broken:
        name = scope.prefix + job.name
        own = job.inline or job.held
        if own is not None:
            return own
        if job.type not in NODE_TYPES:
            return _odd_type(name, job)
        if job.component is None or isinstance(job.component, Mapping):
            key = "trial" if job.type == "sweep" else "component"
            message = f"'{name}' names no component file; write {key}: ./component.yml."
            return Broken(name, job, "component", message, job.place)
        return self._referenced_component(name, job, job.component, scope)

    def _referenced_component(self, name: str, job: JobNode, reference: Scalar, scope: Scope) -> Component | Broken:
        found = self.library.find(azure_text(reference), job.folder)
        if isinstance(found, NotFound):
            return Broken(name, job, found.what, f"'{name}': {found.message}", reference.place)
        if isinstance(found, PipelineComponent) and _identity(found) in scope.chain:
            message = f"'{name}' contains itself: {' -> '.join(n for _, n in (*scope.chain, _identity(found)))}."
            return Broken(name, job, "recursion", message, reference.place)
        return found

    def _publish_outputs(self, scope: Scope, job: JobNode) -> None:
        """Note which of the pipeline's outputs this node's outputs are bound to (`${{parent.outputs.x}}`)."""
        for value in job.outputs.values():
            reference = value.template.binding if value.template else None
            if reference is not None and reference.path[:2] == ("parent", "outputs") and len(reference.path) == 3:
                source = output_of(scope, job.name, value.name, reference)
                if isinstance(source, NodeOutput):
                    scope.outputs[reference.path[2]] = source

    def bind(self, scope: Scope) -> None:
        """Give every input of every node of `scope` its value."""
        for job in scope.controls.values():
            self._control(job, scope)
        for name, child in scope.children.items():
            inputs = {port.name: self._value(child, port, scope) for port in child.component.inputs.values()}
            full_name = scope.prefix + name
            if child.inner is None:
                assert not isinstance(child.component, PipelineComponent)  # noqa: S101 - by construction
                self.nodes[full_name] = GraphNode(
                    full_name, child.job, child.component, inputs, settings_of(child.job, scope)
                )
                continue
            assert isinstance(child.component, PipelineComponent)  # noqa: S101 - by construction
            self.composites.append(Composite(full_name, child.job, child.component, inputs))
            child.inner.values = inputs
            self.bind(child.inner)
            self._outer(full_name, child.job, child.inner)

    def _outer(self, name: str, job: JobNode, inner: Scope) -> None:
        """Note what a nested pipeline says of its outputs at the nodes that make them."""
        for value in job.outputs.values():
            source = inner.outputs.get(value.name)
            node = self.nodes.get(source.node) if source is not None else None
            if source is not None and node is not None and (value.asset or value.path):
                said = OuterOutput(name, source.port, value)
                self.nodes[node.name] = replace(node, outer=(*node.outer, said))

    def _control(self, job: JobNode, scope: Scope) -> None:
        around = Around(
            prefix=scope.prefix,
            jobs=tuple(scope.children),
            broken=frozenset(scope.broken),
            bodies=lambda name: body_of(scope, name),
            value=lambda reference: referenced(reference, scope),
            folder=job.folder,
        )
        control, bad = read_control(job, around)
        self.bad_controls += bad
        if control is not None:
            self.controls.append(control)
        if isinstance(control, Loop):
            given = {*control.mapping, *(name for item in control.items for name in item.values)}
            scope.looped[control.body.removeprefix(scope.prefix)] = (control.name, frozenset(given))
            values = (value for item in control.items for value in item.values.values())
            self.bad_controls += [value for value in values if isinstance(value, Unresolved)]

    def _value(self, child: Child, port: InputPort, scope: Scope) -> Value:
        loop, names = scope.looped.get(child.job.name, ("", frozenset()))
        value = self._own_value(child, port, scope)
        if port.name not in names:
            return value
        first = Unset(child.job.place) if isinstance(value, Missing) else value
        return LoopInput(loop, port.name, first, port.type, child.job.place)

    def _own_value(self, child: Child, port: InputPort, scope: Scope) -> Value:
        given = child.job.inputs.get(port.name)
        value: Value = Unset(child.job.place)
        if given is not None:
            value = bound_value(given, port, child.job, scope)
        elif port.name in child.job.searched:
            return Given(port.type, child.job.place)
        if not isinstance(value, Unset):
            return value
        if port.default is not None:
            return coerce(port.default, port, port.default.place)
        return value if port.optional else Missing(child.job.place)


def with_artifacts(nodes: dict[str, GraphNode], outputs: Iterable[NodeOutput]) -> dict[str, GraphNode]:
    """The nodes, those with a port of `ARTIFACTS` whose artifacts somebody takes."""
    values = [value for node in nodes.values() for value in node.inputs.values() if isinstance(value, NodeOutput)]
    taken = {(value.node, value.port): value for value in (*values, *outputs) if value.port in ARTIFACTS}
    found = dict(nodes)
    for (name, port), value in taken.items():
        node = found.get(name)
        if node is not None and port not in node.component.outputs:
            own = OutputPort(port, "uri_folder", value.place)
            found[name] = replace(node, artifacts=(*node.artifacts, own))
    return found


def _odd_type(name: str, job: JobNode) -> Broken:
    place = job.source.key_place("type")
    close = did_you_mean(job.type, (*NODE_TYPES, *CONTROL_TYPES))
    message = f"'{name}' has the type '{job.type}', which no node has. {close}"
    return Broken(name, job, "type", message, place)


def _identity(component: PipelineComponent) -> tuple[Path, str]:
    return component.folder / component.source.place.file, component.name
