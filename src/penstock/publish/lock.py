"""components/components.lock.json: for each name the version, and what that version stands for.

It is what `publish --check` compares with, so that nothing has to be asked of Azure. `publish --bump` writes it; a
person resolves a merge conflict in it by taking either side and calling that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from penstock.errors import DefinitionError
from penstock.publish.interface import Interface
from penstock.publish.project import KINDS, Item, Kind
from penstock.spec.place import Place

FILE = "components/components.lock.json"
FORMAT = 1
_TABLES: dict[Kind, str] = {"environment": "environments", "component": "components", "pipeline": "pipelines"}


class Locked(Struct, frozen=True, omit_defaults=True):
    """What a version stands for. `parts` are the digests of `penstock.publish.content`."""

    version: str
    digest: str
    parts: Mapping[str, str]
    interface: Interface | None = None


class Lock(Struct, frozen=True):
    """The lock file: by kind, by name."""

    entries: Mapping[tuple[Kind, str], Locked] = field(default_factory=dict)

    def get(self, kind: Kind, name: str) -> Locked | None:
        return self.entries.get((kind, name))


def locked(item: Item, version: str) -> Locked:
    """An item as the lock has it."""
    return Locked(version, item.digest, dict(item.parts), item.interface)


def to_text(lock: Lock) -> str:
    """The file's text: the same for the same content."""
    document: dict[str, Any] = {"format": FORMAT}
    for kind in KINDS:
        entries = {name: entry for (each, name), entry in lock.entries.items() if each == kind}
        document[_TABLES[kind]] = msgspec.to_builtins(entries)
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_lock(text: str | None, file: str) -> Lock:
    """The lock that a text says; an empty one for no text. Raises DefinitionError with the place."""
    if text is None:
        return Lock()
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"this is not JSON: {error.msg}. Take one side of a merge conflict, and call penstock publish --bump"
        raise DefinitionError(f"{Place(file, error.lineno, error.colno)}: {message}") from None
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        message = f"its format is {found}, and this penstock reads {FORMAT}; use the penstock that wrote it"
        raise DefinitionError(f"{Place(file)}: {message}")
    entries: dict[tuple[Kind, str], Locked] = {}
    try:
        for kind, table in _TABLES.items():
            read = msgspec.convert(document.get(table, {}), dict[str, Locked])
            entries |= {(kind, name): entry for name, entry in read.items()}
    except msgspec.ValidationError as error:
        raise DefinitionError(f"{Place(file)}: {error}. Write it anew: penstock publish --bump") from None
    return Lock(entries)


def version_place(text: str, file: str, name: str) -> Place:
    """Where the version of a pipeline stands in the lock, which is the only place that has it."""
    inside, ours = False, False
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r' "\w+":', line):
            inside = line.startswith(' "pipelines":')
        elif re.match(r'  "', line):
            ours = inside and line.startswith(f'  "{name}":')
        elif ours and line.startswith('   "version":'):
            return Place(file, number, line.index('"version": ') + len('"version": ') + 1)
    return Place(file)
