"""The columns that an MLTable's `extract_columns_from_partition_format` reads from the paths of files."""

from __future__ import annotations

import re
from typing import Any

from penstock.errors import DefinitionError

_PART = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}|(\*+)")
_DATE_PARTS = ("yyyy", "MM", "dd", "HH", "mm", "ss")


def parse_partition_format(text: str) -> dict[str, Any]:
    """A regular expression with a group per column, the names of the columns, and of those that are dates the groups.

    Raises DefinitionError, in words, for a format without columns or with an odd date.
    """
    pattern, end = "", 0
    columns: dict[str, str] = {}
    dates: dict[str, list[str]] = {}
    for match in _PART.finditer(text):
        pattern += re.escape(text[end : match.start()])
        end = match.end()
        name, form = match[1], match[2]
        if match[3]:
            pattern += ".*" if match[3] == "**" else "[^/]*"
        elif form is not None:
            dates[name] = _date_groups(name, form, len(dates))
            pattern += _date_pattern(form, dates[name])
        else:
            group = f"column{len(columns)}"
            columns[name] = group
            pattern += f"(?P<{group}>[^/]*)"
    if not columns and not dates:
        raise DefinitionError(f"'{text}' names no column, as {{name}} or {{name:yyyy/MM/dd}} do")
    return {"pattern": pattern + re.escape(text[end:]), "format": text, "columns": columns, "dates": dates}


def _date_groups(name: str, form: str, number: int) -> list[str]:
    parts = re.findall("[A-Za-z]+", form)
    if tuple(parts) != _DATE_PARTS[: len(parts)]:
        raise DefinitionError(f"the date of '{name}' is no beginning of yyyy/MM/dd/HH/mm/ss: '{form}'")
    return [f"date{number}_{part}" for part in parts]


def _date_pattern(form: str, groups: list[str]) -> str:
    names = iter(groups)
    pieces = re.split("([A-Za-z]+)", form)
    return "".join(
        rf"(?P<{next(names)}>\d{{{len(piece)}}})" if index % 2 else re.escape(piece)
        for index, piece in enumerate(pieces)
    )
