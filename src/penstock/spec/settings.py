"""The text of a penstock.toml as values."""

from __future__ import annotations

import re
from typing import Any

from penstock.errors import DefinitionError
from penstock.spec.finding import did_you_mean
from penstock.spec.place import Place

TABLES = ("check", "datastores", "map", "stages")


def read_settings(text: str, file: str) -> dict[str, Any]:
    """Raises DefinitionError with the place for what is not TOML, and for a table that is nearly one of `TABLES`."""
    import tomllib  # few projects have such a file

    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(_told(error, text, file)) from None
    for table in settings.keys() - {*TABLES}:
        hint = did_you_mean(table, TABLES)
        if hint.startswith("Did"):
            raise DefinitionError(f"{key_place(text, file, None, table)}: there is no table '{table}'. {hint}")
    return settings


def _told(error: ValueError, text: str, file: str) -> str:
    message = str(error)
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if found is None:
        return f"{Place(file)}: this is not TOML: {message}"
    line = int(found[1]) if found[1] else text.count("\n") + 1
    return f"{Place(file, line, int(found[2] or 1))}: this is not TOML: {message[: found.start()]}"


def key_place(text: str, file: str, table: str | None, key: str) -> Place:
    """Where a key of a table stands, or a table in it, or with None a table itself; line 1 if that is not seen."""
    inside = table is None
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
        if header is not None:
            name = re.sub("[\"' ]", "", header[1])
            if name == f"{table}.{key}" or (table is None and name.split(".")[0] == key):
                return Place(file, number)
            inside = table is None or name == table
        elif inside and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
            return Place(file, number, len(line) - len(line.lstrip()) + 1)
    return Place(file)
