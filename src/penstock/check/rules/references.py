"""PS405, PS406, PS505, PS506: references to what a workspace or a registry holds."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.check.memory import remembered
from penstock.check.references import Problem, ReferenceKind, problem_of
from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.spec.source import Entry, Mapping, Node, Scalar, Sequence, scalar_text

_KINDS: dict[str, ReferenceKind] = {
    "environment": "environment",
    "component": "component",
    "trial": "component",
    "compute": "compute",
    "default_compute": "compute",
    "path": "data",
    "model": "model",
}
_NO_REFERENCES = {"tags", "properties", "description", "display_name", "environment_variables", "command", "metadata"}
CURATED = "azureml:AzureML-"


@rule("PS405", "A URI that is not Azure ML's", azure_only=True)
def odd_uri(subject: Subject) -> Iterator[Told]:
    for _, node, problem in _problems(subject):
        if problem.what == "uri":
            yield Told(f"'{node.value}' {problem.message}.", node.place, problem.fix)


@rule("PS406", "A reference without a name, a version or a label", azure_only=True)
def odd_reference(subject: Subject) -> Iterator[Told]:
    for kind, node, problem in _problems(subject):
        if problem.what != "uri" and kind != "environment":
            yield Told(f"the {kind} '{node.value}' {problem.message}.", node.place, problem.fix)


@rule("PS505", "An environment without version or label", azure_only=True)
def environment_without_version(subject: Subject) -> Iterator[Told]:
    for kind, node, problem in _problems(subject):
        if problem.what == "version" and kind == "environment" and not scalar_text(node).startswith(CURATED):
            yield Told(f"the environment '{node.value}' {problem.message}.", node.place, problem.fix)


@rule("PS506", "An environment that is none", azure_only=True)
def odd_environment(subject: Subject) -> Iterator[Told]:
    for kind, node, problem in _problems(subject):
        if problem.what == "form" and kind == "environment":
            yield Told(f"the environment '{node.value}' {problem.message}.", node.place, problem.fix)
    for node in no_environments(subject):
        text = scalar_text(node)
        is_file = text.endswith((".yml", ".yaml"))
        fix = f"Write file:{text}." if is_file else "Write azureml:NAME:VERSION, or an object with image:."
        yield Told(f"the environment '{text}' is neither registered nor a file.", node.place, fix)


def no_environments(subject: Subject) -> Iterator[Scalar]:
    """Texts that stand where an environment may and are no reference to one."""
    for kind, node in references(subject):
        text = scalar_text(node)
        if kind == "environment" and text and not text.startswith(("azureml:", "file:", "${{")):
            yield node


def _problems(subject: Subject) -> Iterator[tuple[ReferenceKind, Scalar, Problem]]:
    for kind, node in references(subject):
        problem = problem_of(scalar_text(node), kind)
        if problem is not None:
            yield kind, node, problem


def references(subject: Subject) -> tuple[tuple[ReferenceKind, Scalar], ...]:
    """Every value in the subject and its components that stands where a reference may."""

    def find() -> tuple[tuple[ReferenceKind, Scalar], ...]:
        roots = {subject.root.place: subject.root}
        roots |= {component.source.place: component.source for component in subject.components()}
        found = {scalar.place: (kind, scalar) for root in roots.values() for kind, scalar in _walk(root)}
        return tuple(found.values())

    return remembered(subject, ("references", subject.file, id(subject.root)), find)


def _walk(root: Mapping) -> Iterator[tuple[ReferenceKind, Scalar]]:
    seen: set[int] = set()
    todo: list[Node] = [root]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Sequence):
            todo += node.items
        for entry in node if isinstance(node, Mapping) else ():
            yield from _entry(entry)
            if entry.key.text not in _NO_REFERENCES:
                todo.append(entry.value)


def _entry(entry: Entry) -> Iterator[tuple[ReferenceKind, Scalar]]:
    key, value = entry.key.text, entry.value
    if isinstance(value, Scalar) and key in _KINDS and isinstance(value.value, str):
        yield _KINDS[key], value
    elif isinstance(value, Mapping) and key == "inputs":
        for item in value:
            if isinstance(item.value, Scalar) and _is_asset(item.value):
                yield "data", item.value


def _is_asset(node: Scalar) -> bool:
    return isinstance(node.value, str) and node.value.startswith("azureml:")
