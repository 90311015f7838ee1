"""What `azureml:...` names: an asset of a workspace or a registry, or a path in a datastore.

azureml:NAME:VERSION   azureml:NAME@LABEL
azureml://registries/R/components/NAME/versions/VERSION   .../labels/LABEL
azureml://subscriptions/S/resourcegroups/G/workspaces/W/data/NAME/versions/VERSION
azureml:/subscriptions/S/resourceGroups/G/providers/Microsoft.MachineLearningServices/workspaces/W/data/NAME/...
azureml://datastores/NAME/paths/PATH   azureml://subscriptions/.../workspaces/W/datastores/NAME/paths/PATH

Source: "CLI (v2) core YAML syntax", and the patterns of azure-ai-ml 1.35 (constants/_common.py,
_utils/_storage_utils.py).
"""

from __future__ import annotations

import re
from typing import Literal, cast

from msgspec import Struct

PREFIX = "azureml:"
AssetType = Literal["component", "data", "environment", "model"]
ASSET_TYPES: tuple[AssetType, ...] = ("component", "data", "environment", "model")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
VERSION = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
LATEST = "latest"
# /subscriptions/ID/resourceGroups/GROUP/...: what Azure's client takes for one, with azureml: before it or without
RESOURCE_ID = re.compile(r"/subscriptions/[^/]+/resourcegroups/[^/]+/", re.IGNORECASE)

_PLURALS = {"components": "component", "data": "data", "environments": "environment", "models": "model"}
_SHORT = re.compile(r"(?P<name>[^:@/]+)(?:(?P<mark>[:@])(?P<version>[^:@/]+))?")
_WORKSPACE = r"/*subscriptions/[^/]+/resourcegroups/[^/]+/(?:providers/[^/]+/)?workspaces/[^/]+/|/*workspaces/[^/]+/"
_WORKSPACE += r"|/*locations/[^/]+/workspaces/[^/]+/"
_LONG = re.compile(
    rf"(?:(?:{_WORKSPACE})|//registries/(?P<registry>[^/]+)/|//)"
    r"(?P<type>components|data|environments|models)/(?P<name>[^/]+)"
    r"(?:/(?:versions/(?P<version>[^/]+)|labels/(?P<label>[^/]+)))?/?",
    re.IGNORECASE,
)
_DATASTORE = re.compile(
    rf"(?:(?:{_WORKSPACE})|//)datastores/(?P<name>[^/]+)(?:/paths(?:/(?P<path>.*))?)?/?", re.IGNORECASE
)


class AssetReference(Struct, frozen=True):
    """An asset. `type` is None where the text does not say it; without version and label the latest is meant."""

    type: AssetType | None
    name: str
    version: str | None = None
    label: str | None = None
    registry: str | None = None

    @property
    def is_latest(self) -> bool:
        return self.version is None and self.label in (None, LATEST)


class DatastorePath(Struct, frozen=True):
    """A path in a datastore, with slashes; empty for all of it."""

    name: str
    path: str


def read_reference(text: str) -> AssetReference | None:
    """The asset that a text names, None if it is no reference to one. Names are those that Azure ML takes."""
    rest = _after_prefix(text)
    if rest is None:
        return None
    if rest.startswith("/"):
        return _long(rest)
    found = _SHORT.fullmatch(rest)
    if found is None:
        return None
    version, label = (found["version"], None) if found["mark"] != "@" else (None, found["version"])
    return _checked(AssetReference(None, found["name"], version, label))


def _after_prefix(text: str) -> str | None:
    """What follows `azureml:`; a resource id is known without it."""
    if text.startswith(PREFIX):
        return text.removeprefix(PREFIX).strip()
    return text.strip() if RESOURCE_ID.match(text) else None


def _long(rest: str) -> AssetReference | None:
    found = _LONG.fullmatch(rest)
    if found is None:
        return None
    kind = cast("AssetType", _PLURALS[found["type"].lower()])
    return _checked(AssetReference(kind, found["name"], found["version"], found["label"], found["registry"]))


def _checked(reference: AssetReference) -> AssetReference | None:
    version = reference.version or reference.label
    good = NAME.fullmatch(reference.name) and (version is None or VERSION.fullmatch(version))
    return reference if good else None


def read_datastore_path(text: str) -> DatastorePath | None:
    """The path in a datastore that a text names, None if it names none or one outside of it."""
    found = _DATASTORE.fullmatch(_after_prefix(text) or "")
    if found is None or not NAME.fullmatch(found["name"]):
        return None
    parts = [part for part in (found["path"] or "").split("/") if part not in ("", ".")]
    return None if ".." in parts else DatastorePath(found["name"], "/".join(parts))


def version_order(version: str) -> tuple[int, tuple[tuple[int, str], ...]]:
    """A key to sort versions by: 10 comes after 9, 1.10 after 1.9, and what has letters in it before all numbers."""
    parts = re.findall(r"\d+|[^\d.]+", version)
    numeric = re.fullmatch(r"\d+(\.\d+)*", version) is not None
    return int(numeric), tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)
