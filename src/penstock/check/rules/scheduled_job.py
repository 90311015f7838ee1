"""PS936, PS937, PS939 and PS953: a schedule and the job that it starts."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from pathlib import Path

from penstock.check.environments import document_of
from penstock.check.memory import remembered
from penstock.check.rule import Told, rule
from penstock.check.subject import Subject, subject_of
from penstock.graph.literals import coerce
from penstock.graph.model import Composite, Graph, GraphNode, Invalid
from penstock.spec.finding import did_you_mean
from penstock.spec.model import InputPort
from penstock.spec.source import Mapping, Node, Scalar, scalar_text


def _job(subject: Subject) -> tuple[Scalar, Subject | None] | None:
    """Where a schedule names its job's file, and that file; None if there is none, or it is not Azure ML's YAML."""
    created = subject.root.get("create_job") if subject.kind.family == "schedule" else None
    named = created.get("job") if isinstance(created, Mapping) else created
    if not isinstance(named, Scalar) or not isinstance(named.value, str) or named.value.startswith("azureml:"):
        return None
    path = Path(os.path.normpath(subject.folder / scalar_text(named).removeprefix("file:")))
    document = document_of(path, subject)
    if document is None or document.root is None:
        return None
    return named, remembered(subject, ("job", path), lambda: subject_of(document, path, subject.files))


@rule("PS939", "What a schedule starts is not a job")
def not_a_job(subject: Subject) -> Iterator[Told]:
    found = _job(subject)
    job = found[1] if found is not None else None
    if found is not None and job is not None and job.kind.family != "job":
        article = "an" if str(job.kind)[0] in "aeiou" else "a"
        message = f"'{scalar_text(found[0])}' is {article} {job.kind}; a schedule starts a job."
        fix = "Name a pipeline job whose node uses it." if job.kind.family == "component" else "Name the job's YAML."
        yield Told(message, found[0].place, fix)


def _given(subject: Subject) -> Iterator[tuple[Scalar, Node, Graph]]:
    """The inputs that a schedule gives to its pipeline job: name, value, and the job's graph."""
    found = _job(subject)
    job = found[1] if found is not None else None
    created = subject.root.mapping("create_job")
    inputs = created.mapping("inputs") if created is not None else None
    if job is not None and job.graph is not None and str(job.kind) == "pipeline job":
        for entry in inputs or ():
            yield entry.key, entry.value, job.graph


@rule("PS936", "A schedule's input that its job does not have", "warning")
def unknown_input(subject: Subject) -> Iterator[Told]:
    for name, _, graph in _given(subject):
        if name.text not in graph.job.inputs:
            message = f"the job has no input '{name.text}', so its steps never get this value."
            yield Told(message, name.place, did_you_mean(name.text, graph.job.inputs))


@rule("PS937", "A schedule's value that the job's steps do not take")
def unfit_value(subject: Subject) -> Iterator[Told]:
    for name, value, graph in _given(subject):
        for node, port in _takers(graph, name.text):
            checked = (
                coerce(value, port, value.place) if isinstance(value, Scalar) and value.value is not None else None
            )
            if isinstance(checked, Invalid):
                yield Told(f"'{node}' of the job: {checked.message}", value.place)
                break


def _takers(graph: Graph, name: str) -> Iterator[tuple[str, InputPort]]:
    """The job's nodes that take its input `name` as it is, and the port that it comes to."""
    nodes: tuple[GraphNode | Composite, ...] = (*graph.nodes.values(), *graph.composites)
    for node in nodes:
        for given in node.job.inputs.values() if "." not in node.name else ():
            binding = given.template.binding if given.template is not None else None
            port = node.component.inputs.get(given.name)
            if (
                port is not None
                and port.is_literal
                and binding is not None
                and binding.path == ("parent", "inputs", name)
            ):
                yield node.name, port


@rule("PS953", "Data that is the latest only when the schedule is made", "warning")
def frozen_data(subject: Subject) -> Iterator[Told]:
    """azure-sdk-for-python issue 32576: a schedule keeps the version that `@latest` meant when it was put."""
    if subject.kind.family != "schedule":
        return
    fix = "Let the job's first step look into a folder whose path stays, as the component newest_data does."
    created = subject.root.mapping("create_job")
    for path in _latest(created.mapping("inputs") if created is not None else None):
        yield Told(f"each fire gets the version that is the latest now: {scalar_text(path)}.", path.place, fix)
    found = _job(subject)
    job = found[1].root if found is not None and found[1] is not None and found[1].kind.family == "job" else None
    if found is None or job is None:
        return
    given = created.mapping("inputs") if created is not None else None
    replaced = given.entries if given is not None else {}
    own = [*_latest(job.mapping("inputs"), replaced)]
    for entry in job.mapping("jobs") or ():
        own += _latest(entry.value.mapping("inputs") if isinstance(entry.value, Mapping) else None)
    for path in own:
        message = f"each fire gets the version that is the latest now: {scalar_text(path)} at {path.place}."
        yield Told(message, found[0].place, fix)


def _latest(inputs: Mapping | None, without: Container[str] = ()) -> Iterator[Scalar]:
    """The paths `azureml:NAME@latest` of inputs."""
    for entry in inputs or ():
        path = entry.value.get("path") if isinstance(entry.value, Mapping) else entry.value
        if isinstance(path, Scalar) and entry.key.text not in without:
            text = scalar_text(path)
            if text.startswith("azureml:") and text.endswith("@latest"):
                yield path
