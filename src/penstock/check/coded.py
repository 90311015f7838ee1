"""What has code and an environment: a step of any type, or a deployment. One notion for all rules about these two."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from penstock.check.memory import remembered
from penstock.check.subject import Subject
from penstock.spec.model import Code, OtherComponent
from penstock.spec.place import Place
from penstock.spec.source import Mapping, Node, Scalar, Sequence, scalar_text

ScriptKind = Literal["parallel", "spark", "online", "batch"]


class Coded(Protocol):
    """A command component is one as it is, all else by way of `Scripted`. `source` is where `code` stands."""

    @property
    def name(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def code(self) -> Code: ...
    @property
    def environment(self) -> Node | None: ...
    @property
    def environment_variables(self) -> MappingType[str, str]: ...
    @property
    def source(self) -> Mapping: ...


@dataclass(frozen=True, slots=True)
class Scripted:
    """A parallel or spark step, or a deployment: it names a script where a command component has a command."""

    name: str
    kind: ScriptKind
    folder: Path
    code: Code
    environment: Node | None
    environment_variables: MappingType[str, str]
    script: Scalar | None
    source: Mapping
    place: Place


def coded(subject: Subject) -> tuple[Coded, ...]:
    """All in a subject that has code and an environment."""
    return (*subject.commands(), *scripted(subject))


def scripted(subject: Subject, *kinds: ScriptKind) -> tuple[Scripted, ...]:
    """The steps and the deployment in a subject that name a script; of these kinds, if any are given."""

    def find() -> tuple[Scripted, ...]:
        return tuple(_all(subject))

    found = remembered(subject, ("scripted", subject.file, id(subject.root)), find)
    return tuple(one for one in found if one.kind in kinds) if kinds else found


def _all(subject: Subject) -> Iterator[Scripted]:
    for component in subject.components():
        if isinstance(component, OtherComponent) and component.type == "parallel":
            yield _parallel(component)
        elif isinstance(component, OtherComponent) and component.type == "spark":
            yield _spark(component)
    kind: dict[str, ScriptKind] = {"managed_online": "online", "kubernetes_online": "online", "batch": "batch"}
    if subject.kind.family == "deployment" and subject.kind.type in kind:
        yield _deployment(subject, kind[subject.kind.type])


def _parallel(component: OtherComponent) -> Scripted:
    task = component.source.mapping("task") or Mapping(component.place, {})
    return Scripted(
        name=component.name,
        kind="parallel",
        folder=component.folder,
        code=_code(task),
        environment=task.get("environment"),
        environment_variables=_variables(component.source),
        script=scalar(task, "entry_script"),
        source=task,
        place=component.place,
    )


def _spark(component: OtherComponent) -> Scripted:
    return Scripted(
        name=component.name,
        kind="spark",
        folder=component.folder,
        code=_code(component.source),
        environment=component.source.get("environment"),
        environment_variables=_variables(component.source),
        script=scalar(component.source.mapping("entry"), "file"),
        source=component.source,
        place=component.place,
    )


def _deployment(subject: Subject, kind: ScriptKind) -> Scripted:
    configuration = subject.root.mapping("code_configuration") or Mapping(subject.root.place, {})
    return Scripted(
        name="the deployment",
        kind=kind,
        folder=subject.folder,
        code=_code(configuration),
        environment=subject.root.get("environment"),
        environment_variables=_variables(subject.root),
        script=scalar(configuration, "scoring_script"),
        source=configuration,
        place=subject.root.place,
    )


def _code(source: Mapping) -> Code:
    listed = source.get("additional_includes")
    items = listed.items if isinstance(listed, Sequence) else ()
    node = source.get("code")
    place = node.place if node is not None else source.place
    return Code(source.text("code"), place, tuple(item for item in items if isinstance(item, Scalar)))


def _variables(source: Mapping) -> dict[str, str]:
    given = (entry for entry in source.mapping("environment_variables") or ())
    return {entry.key.text: scalar_text(entry.value) for entry in given if isinstance(entry.value, Scalar)}


def scalar(source: Mapping | None, key: str) -> Scalar | None:
    """The key's value, if it is a plain one."""
    node = source.get(key) if source is not None else None
    return node if isinstance(node, Scalar) and node.value is not None else None
