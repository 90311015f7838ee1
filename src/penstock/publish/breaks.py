"""The pipelines of a repository that a changed component breaks, and those that go on naming its old version."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from penstock.graph.literals import coerce
from penstock.graph.model import Invalid
from penstock.publish.interface import Change
from penstock.publish.project import Item, Project
from penstock.spec.model import Component, InputPort, InputValue, JobNode, PipelineComponent
from penstock.spec.place import Place
from penstock.spec.reference import read_reference
from penstock.spec.source import Entry, Node, Scalar, Sequence, scalar_text
from penstock.spec.source import Mapping as Object

DEPRECATED = "deprecated"


class Break(Struct, frozen=True, order=True):
    """Where a pipeline and a component no longer fit."""

    place: Place
    message: str


class _Graph(Struct, frozen=True):
    """The nodes of a pipeline, of a job or a component, and the plain values of its inputs."""

    jobs: Mapping[str, JobNode]
    values: Mapping[str, Scalar]


def broken_by(item: Item, component: Component, changes: Iterable[Change], project: Project) -> list[Break]:
    """The places in the project's pipelines which `changes` of a component break, in their order."""
    major = [change for change in changes if change.bump == "major"]
    found = set()
    for graph in _graphs(project) if major else ():
        for node in graph.jobs.values():
            if _uses(node, item):
                found |= {each for change in major for each in _at_node(node, change, component, graph)}
    return sorted(found)


def naming(item: Item, version: str, project: Project) -> list[Place]:
    """Where pipelines name a version of an item as `azureml:NAME:VERSION`."""
    found = []
    for graph in _graphs(project):
        for node in graph.jobs.values():
            reference = node.component
            named = read_reference(scalar_text(reference)) if isinstance(reference, Scalar) else None
            if named is not None and (named.name, named.version) == (item.name, version):
                assert reference is not None  # noqa: S101 - has just been read
                found.append(reference.place)
    return sorted(found)


def _graphs(project: Project) -> Iterator[_Graph]:
    for job in project.jobs.values():
        given = {name: value.scalar for name, value in job.inputs.items() if value.scalar is not None}
        yield _Graph(job.jobs, given)
    for component in project.components.values():
        if isinstance(component, PipelineComponent):
            defaults = {name: port.default for name, port in component.inputs.items() if port.default is not None}
            yield _Graph(component.jobs, defaults)


def _uses(node: JobNode, item: Item) -> bool:
    """Whether a node takes what the file of `item` says, now or as its newest version."""
    if not isinstance(node.component, Scalar):
        return False
    text = scalar_text(node.component)
    if not text.startswith("azureml:"):
        return Path(os.path.normpath(node.folder / text.removeprefix("file:"))) == item.file
    named = read_reference(text)
    return named is not None and named.name == item.name and named.is_latest


def _at_node(node: JobNode, change: Change, component: Component, graph: _Graph) -> Iterator[Break]:
    if change.kind == "output":
        yield from _at_output(node, change, graph)
        return
    given, searched = node.inputs.get(change.port), _searched(node, change.port)
    if change.what == "required":
        if given is None and searched is None:
            yield Break(node.place, f"'{node.name}' gives no value to '{change.port}'")
    elif change.what == "narrowed":
        yield from _outside(node, component.inputs[change.port], given, graph)
    else:
        if given is not None:
            yield Break(given.place, f"'{node.name}' gives a value to '{change.port}'")
        if searched is not None:
            yield Break(searched.key.place, f"'{node.name}' searches '{change.port}'")


def _searched(node: JobNode, port: str) -> Entry | None:
    """What the search space of a sweep says of an input of its trial."""
    space = node.source.mapping("search_space")
    return space.entries.get(port) if space is not None else None


def _outside(node: JobNode, port: InputPort, given: InputValue | None, graph: _Graph) -> Iterator[Break]:
    """The values that an input gets at a node and does not take."""
    bound = given.template.binding if given is not None and given.template is not None else None
    value = given.scalar if given is not None else None
    if bound is not None and bound.path[:2] == ("parent", "inputs"):
        value = graph.values.get(".".join(bound.path[2:]))
        if value is not None and _refused(value, port):
            message = f"the pipeline gives {scalar_text(value)} to '{port.name}' of '{node.name}'"
            yield Break(value.place, message)
    elif given is not None and value is not None and _refused(value, port):
        yield Break(given.value_place, f"'{node.name}' gives {scalar_text(value)} to '{port.name}'")
    searched = _searched(node, port.name)
    for value in _offered(searched.value) if searched is not None else ():
        if _refused(value, port):
            yield Break(value.place, f"'{node.name}' searches '{port.name}' at {scalar_text(value)}")


def _offered(space: Node) -> Iterator[Scalar]:
    """The values of a choice, the ends of a range; those of a logarithmic or a normal one are not known here."""
    if not isinstance(space, Object):
        return
    kind = (space.text("type") or "choice").lower()
    values = space.get("values")
    if kind == "choice" and isinstance(values, Sequence):
        yield from (each for each in values.items if isinstance(each, Scalar))
    for key in ("min_value", "max_value") if kind in ("uniform", "quniform") else ():
        end = space.get(key)
        if isinstance(end, Scalar):
            yield end
    upper = space.get("upper")
    if kind == "randint" and isinstance(upper, Scalar) and isinstance(upper.value, int):
        yield from (replace(upper, value=value, text=str(value)) for value in (0, upper.value - 1))


def _refused(value: Scalar, port: InputPort) -> bool:
    """Whether a port does not take a plain value; what a binding brings is not known here."""
    is_bound = isinstance(value.value, str) and "${{" in value.value
    return not is_bound and isinstance(coerce(value, port, value.place), Invalid)


def _at_output(node: JobNode, change: Change, graph: _Graph) -> Iterator[Break]:
    path = ("parent", "jobs", node.name, "outputs", change.port)
    if change.port in node.outputs:
        yield Break(node.outputs[change.port].place, f"'{node.name}' says where '{change.port}' goes")
    for other in graph.jobs.values():
        for value in other.inputs.values():
            references = value.template.references() if value.template is not None else ()
            if any(reference.path == path for reference in references):
                yield Break(value.place, f"'{other.name}' takes '{change.port}' of '{node.name}'")


def deprecated_uses(project: Project) -> list[Break]:
    """The nodes of pipelines that use a component whose tag `deprecated` says what to use instead."""
    found = []
    for graph in _graphs(project):
        for node in graph.jobs.values():
            for item in project.items.values():
                if item.kind == "component" and DEPRECATED in item.tags and _uses(node, item):
                    assert node.component is not None  # noqa: S101 - it uses a component
                    message = f"'{node.name}' uses {item}, which is deprecated: {item.tags[DEPRECATED]}"
                    found.append(Break(node.component.place, message))
    return sorted(found)
