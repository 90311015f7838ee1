"""Nodes whose component only a workspace or a registry knows: their ports are not known, their bindings are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from penstock.check.subject import Subject
from penstock.graph.literals import azure_text
from penstock.graph.model import Broken, Data, Unresolved
from penstock.spec.expression import Reference
from penstock.spec.model import JobNode, PipelineComponent


class Scope(Struct, frozen=True):
    """The pipeline that a node stands in: its inputs, and its nodes, by names that `prefix` completes."""

    prefix: str
    inputs: tuple[str, ...]
    jobs: Mapping[str, JobNode]


def registered(subject: Subject) -> Iterator[tuple[Broken, Scope]]:
    """The nodes with a registered component, each with the pipeline around it."""
    graph = subject.graph
    found = [broken for broken in graph.broken if broken.what == "registered"] if graph is not None else []
    if graph is None or not found:
        return
    whole = subject.component
    own = whole.inputs if isinstance(whole, PipelineComponent) else graph.job.inputs
    scopes = {"": Scope("", tuple(own), graph.job.jobs)}
    for outer in graph.composites:
        scopes[outer.name] = Scope(f"{outer.name}.", tuple(outer.component.inputs), outer.component.jobs)
    for broken in found:
        prefix = broken.name.rpartition(".")[0]
        if prefix in scopes:
            yield broken, scopes[prefix]


def unresolved(subject: Subject) -> Iterator[Unresolved]:
    """The expressions in inputs of such nodes that lead to nothing."""
    outputs = {node.name: tuple(node.component.outputs) for node in subject.nodes()}
    for broken, scope in registered(subject):
        for value in broken.job.inputs.values():
            for reference in value.template.references() if value.template is not None else ():
                problem = _problem(reference, scope, outputs)
                if problem is not None:
                    yield problem


def _problem(reference: Reference, scope: Scope, outputs: Mapping[str, tuple[str, ...]]) -> Unresolved | None:
    path, text, place = reference.path, str(reference), reference.place
    if len(path) == 1:  # what belongs to the run
        return None
    if path[:2] == ("parent", "inputs") and len(path) >= 3:
        name = ".".join(path[2:])
        return None if name in scope.inputs else Unresolved(text, "input", name, scope.inputs, place)
    if path[:2] != ("parent", "jobs") or len(path) != 5 or path[3] != "outputs":
        return Unresolved(text, "syntax", "", (), place)
    job, port = path[2], path[4]
    if job not in scope.jobs:
        return Unresolved(text, "job", job, tuple(scope.jobs), place)
    known = outputs.get(scope.prefix + job)
    return None if known is None or port in known else Unresolved(text, "output", port, known, place)


def data_of(broken: Broken) -> Iterator[tuple[str, Data]]:
    """The data that such a node names by a path, with the input's name."""
    for name, value in broken.job.inputs.items():
        if value.is_data and value.scalar is not None and not (value.template and any(value.template.references())):
            kind = value.type or "uri_folder"
            yield name, Data(azure_text(value.scalar), kind, broken.job.folder, value.mode, value.value_place)


def needs(subject: Subject) -> dict[str, tuple[str, ...]]:
    """Which node waits for which, by the bindings alone, if one of the pipeline's own nodes is registered."""
    scope = next((scope for _, scope in registered(subject) if not scope.prefix), None)
    if scope is None:
        return {}
    return {
        name: tuple(
            reference.path[2]
            for value in job.inputs.values()
            for reference in (value.template.references() if value.template is not None else ())
            if reference.path[:2] == ("parent", "jobs") and len(reference.path) > 2 and reference.path[2] in scope.jobs
        )
        for name, job in scope.jobs.items()
    }
