"""The texts that a new version changes: everything around it stays as it is, to the byte."""

from __future__ import annotations

import re

from penstock.spec.place import Place


def with_version(text: str, place: Place, old: str, new: str) -> str:
    """A YAML text with another version at `place`; its quotes stay. Raises ValueError if `old` does not stand there."""
    lines = text.splitlines(keepends=True)
    line, start = lines[place.line - 1], place.column - 1
    found = re.match(rf"([\"']?){re.escape(old)}\1", line[start:])
    if found is None:
        raise ValueError(f"{place}: {old} does not stand here")
    quote = found[1]
    lines[place.line - 1] = f"{line[:start]}{quote}{new}{quote}{line[start + found.end() :]}"
    return "".join(lines)


def with_constant(text: str, name: str, new: str) -> str:
    """A Python text with another version in `COMPONENT = Component("NAME", "VERSION")`, if it has such a line."""
    pattern = rf"^(COMPONENT\s*=\s*Component\(\s*([\"']){re.escape(name)}\2\s*,\s*([\"']))[^\"'\n]*(\3)"
    return re.sub(pattern, rf"\g<1>{new}\g<4>", text, flags=re.MULTILINE)


def with_entry(changelog: str, version: str, message: str) -> str:
    """A changelog with an entry for `version` above the newest one, headed as that is; at the end if there is none."""
    first = re.search(r"^## (\[?)", changelog, re.MULTILINE)
    heading = f"## [{version}]" if first is not None and first[1] else f"## {version}"
    entry = f"{heading}\n\n- {message}\n"
    if first is None:
        return f"{changelog.rstrip()}\n\n{entry}"
    return f"{changelog[: first.start()]}{entry}\n{changelog[first.start() :]}"


def has_entry(changelog: str, version: str) -> bool:
    """Whether a changelog has a heading for `version`."""
    return re.search(rf"^## \[?{re.escape(version)}(?![\w.])", changelog, re.MULTILINE) is not None
