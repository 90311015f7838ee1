"""What a body refers to: ids of ARM, short names of assets, registries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from local_azure.documents import Documents
from local_azure.errors import RefusedError, not_found

_ID = re.compile(
    r"(?:azureml:)?(/subscriptions/[^\s'\"]+/providers/Microsoft\.MachineLearningServices/[^\s'\"]+)", re.IGNORECASE
)
_SHORT = re.compile(r"azureml:([\w.-]+)(?::([\w.-]+)|@([\w.-]+))?")
_KINDS = {
    "environment": "environments",
    "environmentId": "environments",
    "component": "components",
    "componentId": "components",
}
_REGISTRY = re.compile(r"azureml://registries/([^/]+)/(\w+)/([^/]+)/(versions|labels)/([^/]+)")
_BUILT_IN = {"serverless"}


def check_references(documents: Documents, owner: str, body: Any) -> None:
    """Raise ARM's 404 for the first thing that `body` refers to and that is not there.

    `owner`: the path of the workspace or registry.
    """
    for key, text in _texts(body):
        path = resolve(documents, owner, key, text)
        if path is not None and path not in documents:
            raise not_found(path)


def resolve(documents: Documents, owner: str, key: str, text: str) -> str | None:
    """The document that `text`, found at `key`, refers to; None if it is no reference to a document."""
    found = _ID.fullmatch(text)
    if found is not None:
        return None if found[1].rstrip("/").rpartition("/")[2] in _BUILT_IN else _labelled(documents, found[1])
    registry = _REGISTRY.fullmatch(text)
    if registry is not None:
        base = next((p for p in documents if p.lower().endswith(f"/registries/{registry[1].lower()}")), None)
        if base is None:
            raise RefusedError(404, "RegistryNotFound", f"The registry {registry[1]} could not be found.")
        return _labelled(documents, f"{base}/{registry[2]}/{registry[3]}/{registry[4]}/{registry[5]}")
    short = _SHORT.fullmatch(text)
    if short is None or key not in _KINDS:
        return None
    kind = f"{owner}/{_KINDS[key]}/{short[1]}"
    return f"{kind}/versions/{short[2]}" if short[2] else _labelled(documents, f"{kind}/labels/{short[3] or 'latest'}")


def _labelled(documents: Documents, path: str) -> str:
    """With the number of the newest version in place of `labels/latest`."""
    container, label, name = path.rpartition("/labels/")
    if not label:
        return path
    versions = documents.children(f"{container}/versions")
    if name != "latest" or not versions:
        raise not_found(path)
    return str(versions[-1]["id"])


def _texts(body: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(body, dict):
        for name, value in body.items():
            yield from _texts(value, name)
    elif isinstance(body, list):
        for value in body:
            yield from _texts(value, key)
    elif isinstance(body, str):
        yield key, body
