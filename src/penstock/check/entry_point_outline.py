"""What a Python file's text tells without being parsed."""

from __future__ import annotations

import re

from msgspec import Struct

# in code: a library's name alone, as in a docstring, reads nothing
_COMMAND_LINE = re.compile(
    r"\b(?:import|from)\b[^\n]*\b(?:argparse|click|typer)\b|\b(?:argparse|click|typer)\s*\.\s*\w"
    r"|add_argument|parse_args|parse_known|argv"
)
_IMPORT = re.compile(
    r"(^|[;:])([ \t]*)(?:from[ \t]+([.\w]+)[ \t]+)?import\b[ \t]*(\([^)]*\)|(?:\\\n|[^\n;#])*)", re.MULTILINE
)


class Outline(Struct, frozen=True):
    """What a file's text tells without being parsed.

    Text in strings may look like an import: more are listed than there are, none less.

    Attributes:
        about_arguments: whether it names a reader of the command line.
        imported: the dotted names that its imports may mean.
        at_top: those of the imports that are not indented.
    """

    about_arguments: bool
    imported: tuple[str, ...]
    at_top: frozenset[str] = frozenset()


def outline(data: bytes) -> Outline:
    """The outline of a file."""
    text = data.decode("utf-8", "replace")
    found: dict[str, None] = {}
    at_top: set[str] = set()
    for before, indent, base, names in _IMPORT.findall(text):
        joined = base if base.endswith(".") or not base else f"{base}."
        listed = [name.split()[0] for name in names.strip("()").replace("\\", " ").split(",") if name.split()]
        named = [base, *(joined + name for name in listed)] if base else listed
        found |= dict.fromkeys(named)
        if not indent or before == ";":
            at_top.update(named)
    return Outline(_COMMAND_LINE.search(text) is not None, tuple(found), frozenset(at_top))
