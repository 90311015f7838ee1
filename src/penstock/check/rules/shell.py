"""PS210, PS211: values that break the command that they are put into: Azure puts the text there, then bash reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from penstock.check.entry_point_match import references
from penstock.check.rule import Told, rule
from penstock.check.rules.entry_point import matches
from penstock.check.shell_values import Taken, taken
from penstock.check.subject import Subject
from penstock.graph.literals import azure_text
from penstock.graph.model import GraphNode, Literal, Unset
from penstock.spec.model import CommandComponent
from penstock.spec.place import Place


@rule("PS210", "A value that leaves a quote open")
def open_quote(subject: Subject) -> Iterator[Told]:
    for whose, component, name, value, place in _values(subject):
        found = taken(component.command, value, name) if component.command is not None else None
        if found is not None and found.what == "open":
            text = value[name] or ""
            message = f"{whose}, {_shown(text)}, goes into the command as it is; {found.how}."
            yield Told(message, place, _fix(name, text))


@rule("PS211", "A value that the shell takes apart", "warning")
def taken_apart(subject: Subject) -> Iterator[Told]:
    for whose, component, name, value, place in _values(subject):
        found = taken(component.command, value, name) if component.command is not None else None
        text = value[name] or ""
        if found is not None and found.what != "open" and not _is_meant(found, text, component, name, subject):
            message = f"{whose}, {_shown(text)}, goes into the command as it is; {found.how}."
            yield Told(message, place, _fix(name, text))


_Value = tuple[str, CommandComponent, str, Mapping[str, str | None], Place]


def _values(subject: Subject) -> Iterator[_Value]:
    """The plain values of inputs, of nodes and of components by themselves, each with all that are known with it."""
    for component in subject.commands():
        defaults = {port.name: port.default for port in component.inputs.values() if port.default is not None}
        texts: dict[str, str | None] = {name: azure_text(default) for name, default in defaults.items()}
        for name, default in defaults.items():
            yield f"{component.name}: the default of '{name}'", component, name, texts, default.place
    for node in subject.graph.nodes.values() if subject.graph else ():
        if isinstance(node.component, CommandComponent):
            yield from _of_node(node, node.component)


def _of_node(node: GraphNode, component: CommandComponent) -> Iterator[_Value]:
    texts: dict[str, str | None] = {}
    for name, value in node.inputs.items():
        if isinstance(value, Literal):
            texts[name] = value.text
        elif isinstance(value, Unset):
            texts[name] = None
    for name, value in node.inputs.items():
        port = component.inputs.get(name)
        default = port.default if port is not None else None
        if isinstance(value, Literal) and (default is None or default.place != value.place):
            yield f"'{node.name}': the value of '{name}'", component, name, texts, value.place


def _shown(text: str) -> str:
    short = text if len(text) <= 40 else f"{text[:40]}..."
    return repr(short) if not short.isprintable() or "'" in short else f"'{short}'"


def _fix(name: str, text: str) -> str:
    if "'" not in text:
        return f"Write '${{{{inputs.{name}}}}}' in the command, in single quotes."
    if not set('"$`\\') & set(text):
        return f'Write "${{{{inputs.{name}}}}}" in the command, in double quotes.'
    return "Pass it in a file."


_SETTING = re.compile(r"\$\{?[A-Z_][A-Z0-9_]*\}?")
_FLAG = re.compile(r"--?[A-Za-z][\w-]*")


def _is_meant(found: Taken, text: str, component: CommandComponent, name: str, subject: Subject) -> bool:
    """Whether the author may want just that: several arguments in one value, a variable of the step, quotes."""
    if found.what == "variable" and _SETTING.search(text) and "$" not in _SETTING.sub("", text):
        return True
    if found.quote:
        return False
    flag, equals, _ = found.word.head.partition("=")
    attached = bool(equals) and _FLAG.fullmatch(flag) is not None
    behind = found.before is not None and _FLAG.fullmatch(found.before.text or "") is not None
    if found.program in ("echo", "printf") or not (attached or behind):
        return True
    if found.what != "words":
        is_json = text.lstrip().startswith(("{", "["))
        return not is_json and any(text.count(mark) for mark in "'\"")
    return not attached and _takes_several(component, name, text, subject)


def _takes_several(component: CommandComponent, name: str, text: str, subject: Subject) -> bool:
    for _, found in matches(component, subject):
        for given in found.given:
            for word in given.values:
                if any(ref.path == ("inputs", *name.split(".")) for ref in references(word)):
                    return given.option.high != 1 or not given.option.low <= 1
    return text.startswith("-")
