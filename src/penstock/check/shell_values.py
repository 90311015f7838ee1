"""What bash makes of a value that Azure puts into a command as it is: it may end a quote, or fall apart. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from penstock.check.entry_point_shell import Line, OpenQuote, Word, read_line
from penstock.spec.expression import Optional, Reference, Template

_PLAIN = re.compile(r"[\w./:=@%+,^-]+")
_VARIABLE = re.compile(r"\$(?:\{?(\w+)|[$@*#?!-])")


class Taken(Struct, frozen=True):
    """What becomes of a value: `what` in one word, `how` in words for people.

    open: the command has no end any more; words: bash makes several arguments of the value, or none; variable: bash
    puts something else for a part of it; changed: it becomes another text, or a part of it is syntax to bash.
    `quote` is what stands around the reference; `word` the word that it stands in, `before` the one before that.
    """

    what: Literal["open", "words", "variable", "changed"]
    how: str
    quote: str
    word: Word
    before: Word | None
    program: str


def taken(command: Template, values: Mapping[str, str | None], name: str) -> Taken | None:
    """What becomes of the value of the input `name`; None if nothing does, or it cannot be told for certain.

    `values` are those that are known, by the names of the inputs; a None takes away the `$[[ ]]` that it stands in.
    """
    value = values.get(name)
    if value is None or _PLAIN.fullmatch(value):
        return None
    unset: dict[str, str | None] = {other: None for other, text in values.items() if text is None}
    before = read_line(filled(command, unset))
    found = _where(before, name) if isinstance(before, Line) else None
    if found is None or not isinstance(before, Line):
        return None
    quote, word, previous, program = found
    after = read_line(filled(command, {**unset, name: value}))
    if isinstance(after, OpenQuote):
        still_open = isinstance(read_line(filled(command, values)), OpenQuote)
        says = f"bash says: unexpected EOF while looking for matching `{after.mark}'"
        how = says if "\n" not in value else f"bash finds no end of the quote {after.mark}"
        return Taken("open" if still_open else "changed", how, quote, word, previous, program)
    change = _change(before, after, name, value)
    return Taken(*change, quote, word, previous, program) if change is not None else None


def filled(command: Template, values: Mapping[str, str | None]) -> Template:
    """The command with these values in it, as Azure puts them there."""
    parts: list[str | Reference | Optional] = []
    for part in command.parts:
        if not isinstance(part, Optional):
            parts.append(_put(part, values))
        elif all(values.get(_input(inner), "") is not None for inner in part.parts):
            parts.append(Optional(tuple(_put(inner, values) for inner in part.parts)))
    return Template(command.text, tuple(parts), command.place)


def _put(part: str | Reference, values: Mapping[str, str | None]) -> str | Reference:
    value = values.get(_input(part))
    return part if value is None else value


def _input(part: str | Reference) -> str:
    """The name of the input that a reference names; empty for anything else."""
    return ".".join(part.path[1:]) if isinstance(part, Reference) and part.path[0] == "inputs" else ""


def _where(line: Line, name: str) -> tuple[str, Word, Word | None, str] | None:
    """The reference that matters most: what is quoted least. With its word, the one before and the program."""
    quotes = [quote for reference, quote in line.quotes if _input(reference) == name]
    for words in line.commands:
        for index, word in enumerate(words):
            if any(_input(part) == name for part in word.parts) and (word.quoted is False) == ("" in quotes):
                quote = "" if "" in quotes else '"' if '"' in quotes else "'"
                return quote, word, words[index - 1] if index else None, words[0].text or ""
    return None


def _change(
    before: Line, after: Line | None, name: str, value: str
) -> tuple[Literal["words", "variable", "changed"], str] | None:
    """How the words differ from those that were meant."""
    if after is None:
        return "changed", "bash takes a part of it for its own syntax"
    meant = [_text(word, name, value) for words in before.commands for word in words]
    got = [_text(word) for words in after.commands for word in words]
    variable = _VARIABLE.search(value)
    if variable is not None and _unknown(after) > _unknown(before):
        return "variable", f"bash puts something else for {variable.group()}"
    if meant == got and len(before.commands) == len(after.commands):
        return None
    if len(before.commands) == len(after.commands) and " ".join(meant).split() == " ".join(got).split():
        return "words", "bash makes no argument of it" if not value.strip() else "bash makes several arguments of it"
    return "changed", _how(meant, got, commands=len(before.commands) != len(after.commands))


def _how(meant: list[str], got: list[str], *, commands: bool) -> str:
    if commands:
        return "bash makes another command of a part of it"
    if len(meant) != len(got):
        return "bash makes other arguments of it"
    return next(f"the program gets '{new}'" for old, new in zip(meant, got, strict=True) if old != new)


def _unknown(line: Line) -> int:
    return sum(word.unknown for words in line.commands for word in words)


def _text(word: Word, name: str = "", value: str = "") -> str:
    return "".join(value if name and _input(part) == name else str(part) for part in word.parts)
