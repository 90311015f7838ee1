"""The command line that a script takes, read from its source: argparse, click and typer, as far as it is static.

    Code (the snapshot's files) -> Interface (options, and how sure they are) -> Problem (a command that does not fit)

What cannot be read for certain makes the interface incomplete, or None: then nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Literal

from msgspec import Struct

Converter = Literal["text", "int", "float", "bool", "other"]


class Option(Struct, frozen=True):
    """An option or a positional argument of a script.

    Attributes:
        names: its flags; of a positional its one name.
        required: it certainly must be given.
        low: the least number of values that it takes.
        high: the greatest one, None without a limit.
        convert: what the script makes of a value; `bool` is Python's own, for which every text but "" is true.
        choices: the values that are taken, None for any.
        sure: whether it is certainly there, rather than under a condition.
    """

    names: tuple[str, ...]
    positional: bool = False
    required: bool = False
    low: int = 1
    high: int | None = 1
    convert: Converter = "text"
    choices: tuple[object, ...] | None = None
    ignore_case: bool = False
    sure: bool = True

    @property
    def label(self) -> str:
        """The name to call it by: the longest flag."""
        return max(self.names, key=len)

    def refuses(self, text: str) -> str | None:
        """Why the script does not take the value `text`, in words; None if it does or that is not known."""
        value: object = text
        if self.convert in ("int", "float"):
            try:
                value = int(text) if self.convert == "int" else float(text)
            except ValueError:
                return "a whole number" if self.convert == "int" else "a number"
        if self.choices is None or self.convert in ("other", "bool"):
            return None
        known: Iterable[object] = self.choices
        if self.ignore_case:
            value, known = text.lower(), [str(choice).lower() for choice in self.choices]
        return None if value in known else f"one of {', '.join(str(choice) for choice in self.choices)}"


class Interface(Struct, frozen=True, dict=True):
    """The command line of a script.

    Attributes:
        library: what reads it.
        options: all that are known.
        complete: there are no others.
        abbreviations: an unambiguous beginning of a long flag will do (argparse).
        takes_unknown: what is not defined is no error (`parse_known_args`).
        file: the file of the snapshot that it was read from.
    """

    library: Literal["argparse", "click", "typer"]
    options: tuple[Option, ...]
    complete: bool
    abbreviations: bool
    takes_unknown: bool
    file: str

    @cached_property
    def flags(self) -> dict[str, Option]:
        """The options that are no positionals, by each of their names."""
        return {name: option for option in self.options if not option.positional for name in option.names}

    @property
    def positionals(self) -> tuple[Option, ...]:
        return tuple(option for option in self.options if option.positional)

    def option(self, flag: str) -> Option | Literal["ambiguous"] | None:
        """The option that `flag` names, abbreviations included."""
        if flag in self.flags:
            return self.flags[flag]
        if not self.abbreviations or not flag.startswith("--"):
            return None
        found = {name: option for name, option in self.flags.items() if name.startswith(flag)}
        if len(found) > 1 and len({id(option) for option in found.values()}) > 1:
            return "ambiguous"
        return next(iter(found.values()), None)
