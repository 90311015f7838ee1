"""What `penstock publish` has left at the local Azure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_azure import LocalAzure

# The versions that the project of publishable.py is published as.
ALL = {"environments/other/1", "environments/small/3", "components/count/4", "components/shout/1.0.0"}
ALL |= {"components/talk/1.0.0"}


def there(azure: LocalAzure, owner: str | None = None) -> set[str]:
    """The versions of environments and components that are there: `components/shout/1.0.0`."""
    begin = re.escape(owner or azure.workspace)
    found = (
        re.fullmatch(rf"{begin}/((?:components|environments)/[^/]+)/versions/([^/]+)", id_)
        for id_ in [*azure.documents]
    )
    return {f"{match[1]}/{match[2]}" for match in found if match is not None}


def document_of(azure: LocalAzure, name: str, owner: str | None = None) -> dict[str, Any]:
    kind, asset, version = name.split("/")
    document = azure.documents.get(f"{owner or azure.workspace}/{kind}/{asset}/versions/{version}")
    assert document is not None, name
    return dict(document["properties"])


def names_of(entries: list[dict[str, str]]) -> list[str]:
    return [f"{entry['kind']} {entry['name']} {entry['version']}" for entry in entries]
