"""The expression language: `${{ ... }}` and, in commands, `$[[ ... ]]`.

    ${{inputs.x}}  ${{outputs.y}}                         in a component's command
    ${{parent.inputs.x}}  ${{parent.jobs.a.outputs.y}}    in a pipeline's nodes
    $[[ --flag ${{inputs.x}} ]]                           left out when an optional input in it has no value

An expression may stand inside a longer string; blanks inside the braces are allowed. Sources: Azure ML's "Expressions"
(core YAML syntax reference) and "Optional inputs in command" (component YAML reference).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from penstock.spec.place import Place

_EXPRESSION = re.compile(r"\$\{\{\s*([^{}]*?)\s*\}\}")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)


class Reference(Struct, frozen=True):
    """What stands between `${{` and `}}`, split at its dots, and where it begins."""

    path: tuple[str, ...]
    place: Place

    def __str__(self) -> str:
        return "${{" + ".".join(self.path) + "}}"


class Optional(Struct, frozen=True):
    """A `$[[ ... ]]` part of a command."""

    parts: tuple[str | Reference, ...]


class Template(Struct, frozen=True):
    """A text with expressions in it."""

    text: str
    parts: tuple[str | Reference | Optional, ...]
    place: Place

    @property
    def binding(self) -> Reference | None:
        """The reference, if the whole text is one."""
        only = [part for part in self.parts if not isinstance(part, str) or part.strip()]
        return only[0] if len(only) == 1 and isinstance(only[0], Reference) else None

    def references(self, *, optional: bool | None = None) -> Iterator[Reference]:
        """All references; with `optional`, only those inside (True) or outside (False) of `$[[ ]]`."""
        for part in self.parts:
            if isinstance(part, Reference) and optional is not True:
                yield part
            elif isinstance(part, Optional) and optional is not False:
                yield from (inner for inner in part.parts if isinstance(inner, Reference))

    def render(self, value_of: Callable[[Reference], str | None]) -> str:
        """The text with every reference replaced; a None inside `$[[ ]]` drops that part, elsewhere it is empty."""
        return "".join(_render(part, value_of) for part in self.parts)


def _render(part: str | Reference | Optional, value_of: Callable[[Reference], str | None]) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Reference):
        return value_of(part) or ""
    values = [inner if isinstance(inner, str) else value_of(inner) for inner in part.parts]
    return "".join(value for value in values if value is not None) if None not in values else ""


_ROOTS = r"(?:parent|inputs|outputs|search_space)\.[\w.-]+"
_ALMOST = re.compile(
    rf"\$\{{\{{\s*{_ROOTS}(?:\s*\}}(?!\}}))?|(?<!\$)\{{\{{\s*{_ROOTS}\s*\}}\}}|\$\{{\s*{_ROOTS}\s*\}}(?!\}})|\$\[\[(?!.*\]\])",
    re.DOTALL,
)


def malformed(text: str) -> str | None:
    """The first piece of a text that is nearly an expression: one that is not closed, or lacks `$` or a brace."""
    found = _ALMOST.search(_EXPRESSION.sub(lambda match: "_" * len(match.group()), text))
    return found.group() if found else None


def well_formed(piece: str) -> str:
    """What was meant by `malformed`."""
    if piece == "$[[":
        return "$[[ ... ]], with two brackets at the end"
    return "${{" + piece.strip("${} \n") + "}}"


def parse_template(text: str, place: Place, *, command: bool = False) -> Template:
    """Find the expressions in `text`; `$[[ ]]` only in a command. `place` is where the text begins."""
    parts: list[str | Reference | Optional] = []
    end = 0
    if command:
        for match in _OPTIONAL.finditer(text):
            parts += _references(text[end : match.start()], place)
            parts.append(Optional(tuple(_references(match.group(1), place))))
            end = match.end()
    parts += _references(text[end:], place)
    return Template(text, tuple(parts), place)


def _references(text: str, place: Place) -> list[str | Reference]:
    parts: list[str | Reference] = []
    end = 0
    for match in _EXPRESSION.finditer(text):
        if match.start() > end:
            parts.append(text[end : match.start()])
        parts.append(Reference(tuple(match.group(1).split(".")), place))
        end = match.end()
    if end < len(text):
        parts.append(text[end:])
    return parts
