"""PS005 to PS010: what the schemas of Azure's client say of keys and values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from penstock.check.memory import remembered
from penstock.check.rule import Told, rule
from penstock.check.rules.references import no_environments
from penstock.check.structure import Comparison, Owner, Problem, Problems
from penstock.check.structure_schema import COMPONENT_TYPES, JOB_TYPES, root_of, tasks, used_component
from penstock.check.subject import Subject
from penstock.spec.finding import did_you_mean
from penstock.spec.kind import Kind
from penstock.spec.model import LITERAL_TYPES, CommandComponent, Component
from penstock.spec.place import Place
from penstock.spec.source import Mapping, plain


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


@rule("PS010", "A name that is not in the file", "warning")
def no_name(subject: Subject) -> Iterator[Told]:
    for told in _told(subject, "unnamed"):
        yield Told(told.message, told.place, "Write it, or give it to the command line with --name or --endpoint-name.")


def _problems(subject: Subject) -> Problems:
    """Of the file itself, and of the component files that its nodes name."""
    found = [*_own(subject)]
    inline = {id(own) for node in subject.nodes() for own in (node.job.inline, node.job.held)}
    for component in subject.components():
        if component is not subject.component and id(component) not in inline:
            found += _used_once(component, subject)
    told = _odd_node_types(subject) | {node.place for node in no_environments(subject)}
    return tuple(_as_in_a_job(problem, subject) for problem in found if problem.place not in told)


_OF_LITERAL = re.compile(rf"'type' cannot be '({'|'.join(LITERAL_TYPES)})'\.")


def _as_in_a_job(problem: Problem, subject: Subject) -> Problem:
    """A job's input that is declared as a component declares it is the usual mistake."""
    if subject.kind.family != "job" or problem.what != "value" or not _OF_LITERAL.match(problem.message):
        return problem
    return replace(problem, fix="A job gives the value itself: NAME: VALUE. Only data has a type there.")


def _odd_node_types(subject: Subject) -> set[Place]:
    """Where node types stand that PS106 and PS114 tell of."""
    if subject.graph is None:
        return set()
    sources = [node.job.source for node in subject.graph.broken if node.what == "type"]
    sources += [job.source for job in subject.graph.previews]
    return {source.entries["type"].value.place for source in sources if "type" in source.entries}


def _used_once(component: Component, subject: Subject) -> Problems:
    return remembered(subject, ("structure", "used", component.source.place.file), lambda: _used(component))


def _own(subject: Subject) -> Problems:
    root, kind = subject.root, subject.kind
    problem = _odd_type(root, kind) or _odd_task(root, kind)
    if problem is not None:
        return (problem,)
    field = root_of(kind, root)
    owner = Owner(f"the {kind}", "", root.place)
    found = Comparison().compare(root, field, owner) if field is not None else ()
    if kind.family == "component" and plain(root.get("type")) is None:  # the client takes an empty type: for none
        return tuple(problem for problem in found if problem.key != "type")
    return found


def _odd_type(root: Mapping, kind: Kind) -> Problem | None:
    """What is wrong with the `type` by which the client chooses a schema: what has none is of type command to it."""
    known = {"job": JOB_TYPES, "component": COMPONENT_TYPES}.get(kind.family)
    if known is None:
        return None
    stated = root.text("type")
    if stated is None and kind.type != "command":
        message = f"the {kind} does not say its type; Azure takes it for a command {kind.family}."
        return Problem("missing", "type", message, root.place, f"Add type: {kind.type} to it.")
    if stated is None or stated in known:
        return None
    message = f"'{stated}' is no type of {kind.family}."
    return Problem("value", "type", message, root.entries["type"].value.place, did_you_mean(stated, known))


def _odd_task(root: Mapping, kind: Kind) -> Problem | None:
    """The same for `task`, of the kinds that have one schema per task."""
    known, stated = tasks(kind), root.text("task")
    if not known or stated in known:
        return None
    if stated is None:
        fix = f"Add task:, one of {', '.join(known)}."
        return Problem("missing", "task", f"the {kind} does not say its task.", root.place, fix)
    place = root.entries["task"].value.place
    return Problem("value", "task", f"'{stated}' is no task of an {kind}.", place, did_you_mean(stated, known))


def _used(component: Component) -> Problems:
    kind = "command" if isinstance(component, CommandComponent) else component.source.text("type") or "pipeline"
    source = component.source
    field = used_component(kind.lower(), source)
    return Comparison().compare(source, field, Owner(component.name, "", source.place)) if field is not None else ()
