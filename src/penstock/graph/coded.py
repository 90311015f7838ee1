"""What has code and an environment: a command component as it is, a step of another type by its script."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from penstock.spec.model import Code, CommandComponent, OtherComponent
from penstock.spec.place import Place
from penstock.spec.source import Mapping, Node, Scalar, Sequence, scalar_text
from penstock.spec.write import with_value

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


class Scripted(Struct, frozen=True):
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


def coded_of(component: CommandComponent | OtherComponent) -> Coded | None:
    """The code and environment of a step; None for a type that has none of its own."""
    if isinstance(component, CommandComponent):
        return component
    return scripted_of(component)


def with_environment(component: CommandComponent | OtherComponent, node: Node) -> CommandComponent | OtherComponent:
    """The component with another environment."""
    if isinstance(component, CommandComponent):
        return replace(component, environment=node)
    source, task = component.source, component.source.mapping("task")
    if component.type == "parallel" and task is not None:
        return replace(component, source=with_value(source, "task", with_value(task, "environment", node)))
    return replace(component, source=with_value(source, "environment", node))


def scripted_of(component: OtherComponent) -> Scripted | None:
    """A parallel or spark step, by the script that it names."""
    if component.type == "parallel":
        return _parallel(component)
    return _spark(component) if component.type == "spark" else None


def _parallel(component: OtherComponent) -> Scripted:
    task = component.source.mapping("task") or Mapping(component.place, {})
    return Scripted(
        name=component.name,
        kind="parallel",
        folder=component.folder,
        code=code_at(task),
        environment=task.get("environment"),
        environment_variables=variables_at(component.source),
        script=scalar(task, "entry_script"),
        source=task,
        place=component.place,
    )


def _spark(component: OtherComponent) -> Scripted:
    return Scripted(
        name=component.name,
        kind="spark",
        folder=component.folder,
        code=code_at(component.source),
        environment=component.source.get("environment"),
        environment_variables=variables_at(component.source),
        script=scalar(component.source.mapping("entry"), "file"),
        source=component.source,
        place=component.place,
    )


def code_at(source: Mapping) -> Code:
    """The `code` and `additional_includes` of an object."""
    listed = source.get("additional_includes")
    items = listed.items if isinstance(listed, Sequence) else ()
    node = source.get("code")
    place = node.place if node is not None else source.place
    return Code(source.text("code"), place, tuple(item for item in items if isinstance(item, Scalar)))


def variables_at(source: Mapping) -> dict[str, str]:
    """The `environment_variables` of an object, as text."""
    given = (entry for entry in source.mapping("environment_variables") or ())
    return {entry.key.text: scalar_text(entry.value) for entry in given if isinstance(entry.value, Scalar)}


def scalar(source: Mapping | None, key: str) -> Scalar | None:
    """The key's value, if it is a plain one."""
    node = source.get(key) if source is not None else None
    return node if isinstance(node, Scalar) and node.value is not None else None
