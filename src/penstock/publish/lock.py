"""components/components.lock.json: for each name the version, and what that version stands for.

It is what `publish --check` compares with, so that nothing has to be asked of Azure. `publish --bump` writes it; a
person resolves a merge conflict in it by taking either side and calling that. How its text is laid out does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from penstock.errors import DefinitionError
from penstock.publish.interface import Interface
from penstock.publish.project import KINDS, Item, Kind
from penstock.spec.place import Place
from penstock.spec.source import Mapping as Object
from penstock.spec.source import Node, parse

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


class LockError(DefinitionError):
    """A lock that cannot be read, and that `publish --bump` writes anew. `what` tells what is wrong, and where."""

    def __init__(self, place: Place, what: str, way_out: str) -> None:
        super().__init__(f"{place}: {what}. {way_out}")
        self.what = f"{place}: {what}"


_ANEW = "Write it anew: penstock publish --bump"


def read_lock(data: bytes | str | None, file: str) -> Lock:
    """The lock that a text says; an empty one for no text.

    Raises:
        LockError: it says none; with the place.
        DefinitionError: a later penstock has written it.
    """
    if data is None:
        return Lock()
    try:
        document = json.loads(data.decode("utf-8") if isinstance(data, bytes) else data)
    except UnicodeDecodeError:
        raise LockError(Place(file), "this is not UTF-8 text", _ANEW) from None
    except json.JSONDecodeError as error:
        place, what = Place(file, error.lineno, error.colno), f"this is not JSON: {error.msg}"
        way_out = "Take one side of a merge conflict, and call penstock publish --bump"
        raise LockError(place, what, way_out) from None
    found = document.get("format") if isinstance(document, dict) else None
    if isinstance(found, int) and found > FORMAT:
        message = f"its format is {found}, and this penstock reads {FORMAT}; use the penstock that wrote it"
        raise DefinitionError(f"{Place(file)}: {message}")
    if found != FORMAT:
        raise LockError(Place(file), f"its format is {found}, and this penstock reads {FORMAT}", _ANEW)
    entries: dict[tuple[Kind, str], Locked] = {}
    try:
        for kind, table in _TABLES.items():
            read = msgspec.convert(document.get(table, {}), dict[str, Locked])
            entries |= {(kind, name): entry for name, entry in read.items()}
    except msgspec.ValidationError as error:
        raise LockError(Place(file), str(error), _ANEW) from None
    return Lock(entries)


def version_place(text: str, file: str, item: Item) -> Place:
    """Where the lock has the version of an item, however its text is laid out; its begin if it has none.

    JSON is YAML, and so read with places.
    """
    found: Node | None = parse(text, file).root
    for key in (_TABLES[item.kind], item.name, "version"):
        found = found.get(key) if isinstance(found, Object) else None
    return found.place if found is not None else Place(file)
