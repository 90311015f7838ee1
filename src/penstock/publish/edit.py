"""The texts that a new version changes: everything around it stays as it is, to the byte."""

from __future__ import annotations

import re

from penstock.errors import DefinitionError
from penstock.spec.place import Place

_PROPERTIES = r"(?:[&!]\S*[ \t]+)*"  # an anchor, a tag
_BOM = "\ufeff"


def with_version(text: str, place: Place, old: str, new: str) -> str:
    """A YAML text with another version at `place`; its quotes, its anchor and its tag stay.

    Raises DefinitionError if `old` does not stand there as it is: in a block of lines, or with an escape in it.
    """
    if text.startswith(_BOM):
        return _BOM + with_version(text.removeprefix(_BOM), place, old, new)
    lines = text.splitlines(keepends=True)
    line, start = lines[place.line - 1], place.column - 1
    found = re.match(rf"({_PROPERTIES})([\"']?){re.escape(old)}\2", line[start:])
    if found is None:
        message = f"the version {old} does not stand here as it is, so it cannot be changed; write version: {new}"
        raise DefinitionError(f"{place}: {message}")
    version = f"{found[1]}{found[2]}{new}{found[2]}"
    lines[place.line - 1] = f"{line[:start]}{version}{line[start + found.end() :]}"
    return "".join(lines)


def with_constant(text: str, name: str, new: str) -> str:
    """A Python text with another version in `COMPONENT = Component("NAME", "VERSION")`, if it has such a line."""
    pattern = rf"^(COMPONENT\s*=\s*Component\(\s*([\"']){re.escape(name)}\2\s*,\s*([\"']))[^\"'\n]*(\3)"
    return re.sub(pattern, rf"\g<1>{new}\g<4>", text, flags=re.MULTILINE)


def with_entry(changelog: str, version: str, message: str) -> str:
    """A changelog with an entry for `version` above the newest one, headed as that is; at the end if there is none."""
    first = re.search(r"^## (\[?)", changelog, re.MULTILINE)
    heading = f"## [{version}]" if first is not None and first[1] else f"## {version}"
    end = "\r\n" if "\r\n" in changelog else "\n"
    entry = f"{heading}{end}{end}- {message}{end}"
    if first is None:
        return f"{changelog.rstrip()}{end}{end}{entry}"
    return f"{changelog[: first.start()]}{entry}{end}{changelog[first.start() :]}"


def has_entry(changelog: str, version: str) -> bool:
    """Whether a changelog has a heading for `version`."""
    return re.search(rf"^## \[?{re.escape(version)}(?![\w.])", changelog, re.MULTILINE) is not None
