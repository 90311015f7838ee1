"""What a Python file's text tells without being parsed."""

from __future__ import annotations

import re

from msgspec import Struct

_COMMAND_LINE = re.compile(r"argparse|add_argument|parse_args|argv|click|typer")
_IMPORT = re.compile(
    r"(?:^|[;:])[ \t]*(?:from[ \t]+([.\w]+)[ \t]+)?import\b[ \t]*(\([^)]*\)|(?:\\\n|[^\n;#])*)", re.MULTILINE
)


class Outline(Struct, frozen=True):
    """What a file's text tells without being parsed: whether it names a reader of the command line, what it imports."""

    about_arguments: bool
    imported: tuple[str, ...]


def outline(data: bytes) -> Outline:
    """The outline of a file. Text in strings may look like an import: there may be more than there are, none less."""
    text = data.decode("utf-8", "replace")
    found: dict[str, None] = {}
    for base, names in _IMPORT.findall(text):
        joined = base if base.endswith(".") or not base else f"{base}."
        listed = [name.split()[0] for name in names.strip("()").replace("\\", " ").split(",") if name.split()]
        found |= dict.fromkeys([base, *(joined + name for name in listed)] if base else listed)
    return Outline(_COMMAND_LINE.search(text) is not None, tuple(found))
