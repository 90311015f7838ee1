"""PS005 to PS009: what the schemas of Azure's client say of keys and values."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.check.memory import remembered
from penstock.check.rule import Told, rule
from penstock.check.structure import Comparison, Owner, Problem, Problems
from penstock.check.structure_schema import JOB_TYPES, root_of, used_component
from penstock.check.subject import Subject
from penstock.spec.finding import did_you_mean
from penstock.spec.model import CommandComponent, Component
from penstock.spec.source import Mapping

# What PS106 and PS301 say in words of their own.
_TOLD_ELSEWHERE = ("component", "trial", "command")


def _told(subject: Subject, what: str) -> Iterator[Told]:
    for problem in remembered(subject, ("structure", str(subject.file)), lambda: _problems(subject)):
        if problem.what == what:
            yield Told(problem.message, problem.place, problem.fix)


@rule("PS005", "A value of the wrong type")
def wrong_type(subject: Subject) -> Iterator[Told]:
    yield from _told(subject, "type")


@rule("PS006", "A value that is not one of the allowed ones")
def not_allowed(subject: Subject) -> Iterator[Told]:
    yield from _told(subject, "value")


@rule("PS007", "An unknown key", azure_only=True)
def unknown_key(subject: Subject) -> Iterator[Told]:
    yield from _told(subject, "unknown")


@rule("PS008", "A key that Azure ignores", "warning")
def ignored_key(subject: Subject) -> Iterator[Told]:
    yield from _told(subject, "ignored")


@rule("PS009", "A required key is missing", azure_only=True)
def missing_key(subject: Subject) -> Iterator[Told]:
    yield from _told(subject, "missing")


def _problems(subject: Subject) -> Problems:
    """Of the file itself, and of the component files that its nodes name."""
    found = [*_own(subject)]
    inline = {id(node.job.inline) for node in subject.nodes()}
    for component in subject.components():
        if component is not subject.component and id(component) not in inline:
            found += _used_once(component, subject)
    return tuple(problem for problem in found if not (problem.what == "missing" and problem.key in _TOLD_ELSEWHERE))


def _used_once(component: Component, subject: Subject) -> Problems:
    return remembered(subject, ("structure", "used", component.source.place.file), lambda: _used(component))


def _own(subject: Subject) -> Problems:
    root, kind = subject.root, subject.kind
    if kind.family == "job":
        problem = _odd_job_type(root, kind.type)
        if problem is not None:
            return (problem,)
    field = root_of(kind, root)
    owner = Owner(f"the {kind}", "", root.place)
    return Comparison().compare(root, field, owner) if field is not None else ()


def _odd_job_type(root: Mapping, kind: str) -> Problem | None:
    """What is wrong with a job's `type`, by which the client chooses the schema: without one it is a command job."""
    stated = root.text("type")
    if stated is None:
        if kind == "command":
            return None
        message = f"the {kind} job does not say its type; Azure takes it for a command job."
        return Problem("missing", "type", message, root.place, f"Add type: {kind} to it.")
    if stated in JOB_TYPES:
        return None
    place = root.entries["type"].value.place
    return Problem("value", "type", f"'{stated}' is no type of job.", place, did_you_mean(stated, JOB_TYPES))


def _used(component: Component) -> Problems:
    kind = "command" if isinstance(component, CommandComponent) else component.source.text("type") or "pipeline"
    source = component.source
    field = used_component(kind.lower(), source)
    return Comparison().compare(source, field, Owner(component.name, "", source.place)) if field is not None else ()
