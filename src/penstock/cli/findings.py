"""Findings for a person: the place, the message, the line of the file with a caret below it."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator

import click

from penstock.check.comments import decoded, lines_of
from penstock.spec.finding import Finding

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_WIDTH = 160
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def wants_colour() -> bool:
    """Whether stdout is a terminal that shows colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def printed(text: str) -> None:
    """Print to stdout whatever the text holds; what its encoding lacks is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), color=wants_colour())


def as_text(findings: Iterable[Finding], read: Callable[[str], bytes]) -> Iterator[str]:
    """The lines to print. `read` gives the bytes of a file, empty if there are none."""
    sources: dict[str, list[str]] = {}
    for finding in findings:
        place = finding.place
        if place.file not in sources:
            sources[place.file] = lines_of(decoded(read(place.file)))
        where = click.style(printable(str(place)), bold=True)
        severity = click.style(finding.severity, fg=_COLOURS[finding.severity], bold=True)
        message = f"{finding.message} {finding.fix}".strip()
        yield f"{where}: {severity} {finding.rule}: {printable(message)}"
        lines = sources[place.file]
        if place.line <= len(lines) and lines[place.line - 1].strip():
            yield from _excerpt(lines[place.line - 1], place.column)


def _excerpt(line: str, column: int) -> Iterator[str]:
    """The line, or the part of a long one around the column, and a caret."""
    start = max(0, column - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = printable(line[start : start + _WIDTH])
    width = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in shown[: column - 1 - start])
    yield f"    {shown.rstrip()}"
    yield f"    {' ' * width}{click.style('^', fg='green', bold=True)}"


def printable(text: str) -> str:
    """The text without what would move the cursor, change colours or the direction of writing."""
    return _CONTROL.sub(lambda match: " " if match.group() == "\t" else "\N{REPLACEMENT CHARACTER}", text)
