"""Where a part of a scalar stands: the model knows where a text begins, a finding is about a word in it."""

from __future__ import annotations

import re
from pathlib import Path

from penstock.check.memory import bytes_of, remembered
from penstock.check.subject import Subject
from penstock.spec.place import Place


def lines_of(subject: Subject, file: str) -> tuple[str, ...]:
    """The lines of a definition's file; none if it cannot be read (a value of `--set` stands in no file)."""

    def read() -> tuple[str, ...]:
        try:
            return tuple(bytes_of(subject, Path(file)).decode("utf-8-sig", "replace").split("\n"))
        except (OSError, ValueError, KeyError):
            return ()

    return remembered(subject, ("lines", file), read)


def place_in(subject: Subject, start: Place, text: str) -> Place:
    """Where the word `text` first stands in the scalar that begins at `start`; `start` itself if it is not there."""
    lines = lines_of(subject, start.file)
    if not text or not 0 < start.line <= len(lines):
        return start
    first = lines[start.line - 1]
    indent = len(first) - len(first.lstrip())
    least = indent if start.column - 1 <= indent else indent + 1
    word = re.compile(rf"(?<![\w-]){re.escape(text)}(?![\w-])")
    for number in range(start.line - 1, len(lines)):
        line = lines[number]
        if number >= start.line and line.strip() and len(line) - len(line.lstrip()) < least:
            break
        found = word.search(line, start.column - 1 if number == start.line - 1 else 0)
        if found is not None:
            return Place(start.file, number + 1, found.start() + 1)
    return start
