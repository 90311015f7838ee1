"""`# penstock: ignore[PS204] reason` in the text of a YAML file.

A comment is found as YAML's own scanner would: outside every token. So a `#` in a quoted string, in a plain word or in
a block of text is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from msgspec import Struct

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_MARK = re.compile(r"#\s*penstock:\s*ignore\b")
_WHOLE = re.compile(r"#\s*penstock:\s*ignore\s*(?:\[(?P<rules>[^\]]*)\])?(?P<reason>.*)")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*(?=\s|$)")


class Comment(Struct, frozen=True):
    """A suppression in a file: where it stands, and the lines whose findings it is for.

    These are more than one if a text of several lines begins on the first: no comment can stand in it.
    """

    line: int
    column: int
    target: int
    last: int
    rules: tuple[str, ...]
    reason: str


def lines_of(text: str) -> list[str]:
    """The lines of a text as YAML counts them."""
    return _LINE_END.split(text)


def decoded(data: bytes) -> str:
    """A file's text as `spec.source.parse` reads it; what is not UTF-8 is replaced."""
    return data.decode("utf-8-sig", errors="replace")


def comments(data: bytes) -> tuple[Comment, ...]:
    """The suppressions in a YAML file, in order. What stands behind a fault of the syntax is not looked at."""
    if b"penstock:" not in data:
        return ()
    lines = lines_of(decoded(data))
    marks = [(number, match) for number, line in enumerate(lines) for match in _MARK.finditer(line)]
    if not marks:
        return ()
    spans = _Spans("\n".join(lines))
    free = [(number, match.start()) for number, match in marks if spans.free(number, match.start())]
    return tuple(_comment(lines, number, column, spans) for number, column in free)


def _comment(lines: list[str], number: int, column: int, spans: _Spans) -> Comment:
    whole = _WHOLE.match(lines[number], column)
    rules = (whole.group("rules") or "") if whole else ""
    reason = whole.group("reason").strip() if whole else ""
    alone = not lines[number][:column].strip() or lines[number].lstrip().startswith("#")
    target = _next_line(lines, number) if alone else number
    named = tuple(filter(None, re.split(r"[\s,]+", rules)))
    return Comment(number + 1, column + 1, target + 1, spans.last(target) + 1, named, reason)


def _next_line(lines: list[str], number: int) -> int:
    """The line that a comment alone on its line is for: the next that is no comment itself."""
    for following in range(number + 1, len(lines)):
        if not lines[following].lstrip().startswith("#"):
            return following
    return number


class _Spans:
    """Where the tokens of a text stand, as (line, column) from 0."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._spans: list[tuple[tuple[int, int], tuple[int, int]]] = []
        self._texts: list[tuple[int, int]] = []
        self._end = (len(self._lines), 0)
        try:
            for token in _tokens(text):
                self._add(token)
        except yaml.MarkedYAMLError as error:
            mark: Any = error.context_mark or error.problem_mark
            if mark is not None:
                self._end = (mark.line, mark.column)
        except yaml.YAMLError:
            self._end = (0, 0)

    def free(self, line: int, column: int) -> bool:
        """Whether no token covers the place."""
        place = (line, column)
        return place < self._end and not any(start <= place < end for start, end in self._spans)

    def last(self, line: int) -> int:
        """The last line of the texts that begin on a line; that line itself if there are none."""
        return max((end for start, end in self._texts if start == line), default=line)

    def _add(self, token: Any) -> None:
        start, end = (token.start_mark.line, token.start_mark.column), token.end_mark
        if isinstance(token, yaml.ScalarToken) and end.line > start[0]:
            self._texts.append((start[0], end.line if end.column else end.line - 1))
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            header = _BLOCK_HEADER.match(self._lines[start[0]], start[1])
            if header:
                self._spans.append((start, (start[0], header.end())))
            start = (start[0] + 1, 0)
        self._spans.append((start, (token.end_mark.line, token.end_mark.column)))


def _tokens(text: str) -> Iterator[Any]:
    loader = _Loader(text)
    try:
        while loader.check_token():
            yield loader.get_token()
    finally:
        loader.dispose()
