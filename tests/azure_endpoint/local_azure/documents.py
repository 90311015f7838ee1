"""Azure Resource Manager's documents: what was put at a path, found again at that path in any case of letters."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]


class Documents:
    """Thread-safe; `lock` is held by whoever reads and then writes."""

    def __init__(self) -> None:
        self._kept: dict[str, Document] = {}
        self.lock = threading.RLock()

    def __contains__(self, path: str) -> bool:
        return _key(path) in self._kept

    def __iter__(self) -> Iterator[str]:
        return iter([document["id"] for document in list(self._kept.values())])

    def get(self, path: str) -> Document | None:
        return self._kept.get(_key(path))

    def put(self, path: str, body: Document) -> Document:
        """Keep `body`'s envelope under `path`, with id, name and type as ARM adds them."""
        parts = path.strip("/").split("/")
        kept = {**body, "id": path, "name": parts[-1], "type": resource_type(path)}
        moment = {"At": "2026-01-01T00:00:00Z", "By": "a laptop", "ByType": "Application"}
        kept["systemData"] = {
            f"{what}{key}": each for what in ("created", "lastModified") for key, each in moment.items()
        }
        with self.lock:
            self._kept[_key(path)] = kept
        return kept

    def clear(self) -> None:
        with self.lock:
            self._kept.clear()

    def remove(self, path: str) -> bool:
        """Remove a document and all below it."""
        key = _key(path)
        with self.lock:
            gone = [each for each in self._kept if each == key or each.startswith(f"{key}/")]
            for each in gone:
                del self._kept[each]
        return bool(gone)

    def children(self, collection: str) -> list[Document]:
        """The documents right in a collection (`.../components`), oldest first."""
        begin = f"{_key(collection)}/"
        with self.lock:
            return [d for k, d in self._kept.items() if k.startswith(begin) and "/" not in k[len(begin) :]]


def _key(path: str) -> str:
    return "/" + path.strip("/").lower()


def resource_type(path: str) -> str:
    """`Microsoft.X/a/b` of `.../providers/Microsoft.X/a/NAME/b/NAME`."""
    _, _, rest = path.partition("/providers/")
    if not rest:
        return "Microsoft.Resources/resourceGroups"
    provider, *pairs = rest.split("/")
    return "/".join([provider, *pairs[::2]])
