"""PS305: ports that are declared and used nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.check.entry_point_code import Module
from penstock.check.rule import Told, rule
from penstock.check.snapshots import snapshot_of, started
from penstock.check.subject import Subject
from penstock.graph.model import ARTIFACTS
from penstock.spec.model import CommandComponent
from penstock.spec.source import Mapping, Node, Scalar, Sequence

_BY_VARIABLE = re.compile(r"AZURE_?ML_?(INPUT|OUTPUT|DATAREFERENCE)", re.IGNORECASE)


@rule("PS305", "A port that the command does not use", "warning")
def unused_port(subject: Subject) -> Iterator[Told]:
    for component in subject.commands():
        if component.command is None or not (component.inputs or component.outputs):
            continue
        texts = list(_texts(component.source))
        unused = [
            (kind, port)
            for kind, ports in (("inputs", component.inputs), ("outputs", component.outputs))
            for port in ports.values()
            if not _is_used(kind, port.name, texts) and not (kind == "outputs" and port.name in ARTIFACTS)
        ]
        if unused and not any(map(_BY_VARIABLE.search, texts)) and not _reads_variables(component, subject):
            for kind, port in unused:
                yield Told(_message(component.name, kind, port.name), port.place, _fix(kind, port.name))


def _is_used(kind: str, name: str, texts: list[str]) -> bool:
    used = re.compile(rf"\{{\{{\s*({kind}|search_space)\.{re.escape(name)}(\.|\s*\}}\}})")
    return any(map(used.search, texts))


def _message(component: str, kind: str, name: str) -> str:
    if kind == "inputs":
        return f"{component}: the command does not use the input '{name}'."
    return f"{component}: the command does not use the output '{name}', so nothing is written to it."


def _fix(kind: str, name: str) -> str:
    return f"Pass ${{{{{kind}.{name}}}}} to the script, or remove the port."


def _texts(node: Node) -> Iterator[str]:
    """All texts of a component, in whatever key: an expression may stand in `distribution` too."""
    todo: list[Node] = [node]
    while todo:
        current = todo.pop()
        if isinstance(current, Mapping):
            todo += [entry.value for entry in current]
        elif isinstance(current, Sequence):
            todo += current.items
        elif isinstance(current, Scalar) and isinstance(current.value, str):
            yield current.value


def _reads_variables(component: CommandComponent, subject: Subject) -> bool:
    """Whether code finds ports by the variables that Azure sets."""
    snapshot = snapshot_of(component, subject)
    if snapshot is None:
        return False
    scripts = [begun.module for begun in started(component, subject)]
    others = [snapshot.code.module(name) for name in sorted(snapshot.paths)[:200] if name.endswith(".py")]
    return any(isinstance(module, Module) and _BY_VARIABLE.search(module.text) for module in (*scripts, *others))
