"""PS110 to PS112, PS115: nodes and the pipelines around them, pipelines in pipelines included."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.graph.model import Composite, GraphNode
from penstock.spec.finding import did_you_mean
from penstock.spec.model import CommandComponent, Component, PipelineComponent
from penstock.spec.read import NODE_TYPES
from penstock.spec.source import Scalar

Placed = GraphNode | Composite


def _type(component: Component) -> str:
    if isinstance(component, CommandComponent):
        return "command"
    return "pipeline" if isinstance(component, PipelineComponent) else component.type


@rule("PS110", "A node whose component is of another type", azure_only=True)
def other_type(subject: Subject) -> Iterator[Told]:
    for node in subject.nodes():
        stated = node.job.source.get("type")
        if node.job.inline is not None or not isinstance(stated, Scalar) or node.job.type not in NODE_TYPES:
            continue
        wanted, actual = "command" if node.job.type == "sweep" else node.job.type, _type(node.component)
        if actual in NODE_TYPES and actual != wanted:
            message = f"'{node.name}' is a {node.job.type} node, but {node.component.name} is a {actual} component."
            fix = "A sweep tries out a command component." if node.job.type == "sweep" else f"Write type: {actual}."
            yield Told(message, stated.place, fix)


def _outer(subject: Subject) -> Iterator[tuple[Placed, PipelineComponent | None]]:
    """Each node with the pipeline component that it stands in; None is the job itself."""
    composites = {outer.name: outer.component for outer in subject.graph.composites} if subject.graph else {}
    whole = subject.component if isinstance(subject.component, PipelineComponent) else None
    for node in subject.nodes():
        prefix = node.name.rpartition(".")[0]
        yield node, composites.get(prefix) if prefix else whole


@rule("PS111", "An optional input of a pipeline goes to a required one", azure_only=True)
def optional_to_required(subject: Subject) -> Iterator[Told]:
    for node, outer in _outer(subject):
        for name, given in node.job.inputs.items() if outer is not None else ():
            binding = given.template.binding if given.template is not None else None
            port = node.component.inputs.get(name)
            if outer is None or port is None or binding is None or binding.path[:2] != ("parent", "inputs"):
                continue
            source = outer.inputs.get(".".join(binding.path[2:]))
            if source is not None and source.optional and not port.optional:
                message = f"'{node.name}': '{name}' is required, but {outer.name} need not be given '{source.name}'."
                fix = f"Remove optional: from '{source.name}', or make '{name}' of {node.component.name} optional."
                yield Told(message, given.value_place, fix)


@rule("PS112", "An output goes to a pipeline output that is not declared")
def undeclared_output(subject: Subject) -> Iterator[Told]:
    if subject.kind.type != "pipeline" or subject.graph is None:
        return
    for node, outer in _outer(subject):
        declared: Collection[str] = outer.outputs if outer is not None else subject.graph.job.outputs
        for value in node.job.outputs.values():
            binding = value.template.binding if value.template is not None else None
            name = ".".join(binding.path[2:]) if binding is not None else ""
            if binding is None or binding.path[:2] != ("parent", "outputs") or not name:
                continue
            if name not in declared and value.name in node.component.outputs:
                message = f"'{node.name}': {binding} names the pipeline output '{name}', which is not declared."
                fix = did_you_mean(name, declared) or f"Add {name}: below the pipeline's outputs:."
                yield Told(message, binding.place, fix)


@rule("PS115", "A component that is deprecated", "warning")
def deprecated(subject: Subject) -> Iterator[Told]:
    for node in subject.nodes():
        tags = node.component.source.mapping("tags")
        told = tags.text("deprecated") if tags is not None else None
        if told is not None and isinstance(node.job.component, Scalar):
            message = f"'{node.name}': {node.component.name} is deprecated: {told}."
            yield Told(message, node.job.component.place, "Name another component.")
