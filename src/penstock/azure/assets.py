"""Environments and components at a workspace or a registry: what is there, and its tags.

Underscored methods of azure-ai-ml's operations are called for what nothing public gives: a version exactly as Azure
keeps it, which is what has to be sent back when only its tags are to change. So the version of azure-ai-ml is pinned.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.azure.client import AzureError, asking
from penstock.spec.reference import version_order

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

DIGEST = "penstock.digest"


class Remote(Struct, frozen=True):
    """A version that is there.

    Attributes:
        digest: of its content, where penstock has published it.
        spec: what it is made of, in the form of Azure's REST interface.
        rest: the client's model of all of it.
    """

    name: str
    version: str
    digest: str | None
    tags: Mapping[str, str]
    spec: Mapping[str, Any]
    rest: Any


class Assets:
    """The environments and components that a client sees. Every method raises AzureError."""

    def __init__(self, client: MLClient) -> None:
        self.client = client

    def get(self, kind: str, name: str, version: str) -> Remote | None:
        """A version; None if it is not there."""
        try:
            with asking(f"{kind} {name} {version}"):
                rest = self._read(kind, name, version)
        except AzureError as error:
            if error.status == 404:
                return None
            raise
        return _remote(kind, name, version, rest)

    def _read(self, kind: str, name: str, version: str) -> Any:
        if kind == "environment":
            return self.client.environments._get(name, version)
        return self.client.components._get_component_version(name, version)

    def versions(self, kind: str, name: str) -> list[str]:
        """The versions of a name that are not archived, the highest last."""
        operations = self.client.environments if kind == "environment" else self.client.components
        try:
            with asking(f"the versions of {kind} {name}"):
                found = [str(each.version) for each in operations.list(name=name)]
        except AzureError as error:
            if error.status == 404:
                return []
            raise
        return sorted(found, key=version_order)

    def newest(self, kind: str, name: str) -> str:
        """The number of the version that @latest stands for now."""
        operations = self.client.environments if kind == "environment" else self.client.components
        with asking(f"{kind} {name}@latest"):
            return str(operations._get_latest_version(name).version)

    def create(self, kind: str, entity: Any) -> None:
        """Make a version, with all that it uploads."""
        operations = self.client.environments if kind == "environment" else self.client.components
        with asking(f"{kind} {entity.name} {entity.version}"), _without_chatter():
            operations.create_or_update(entity)

    def retag(self, kind: str, remote: Remote, tags: Mapping[str, str]) -> None:
        """Give a version other tags; nothing else of it is touched."""
        remote.rest.properties.tags = dict(tags)
        with asking(f"{kind} {remote.name} {remote.version}"):
            self._write(kind, remote)

    def _write(self, kind: str, remote: Remote) -> None:
        from azure.ai.ml._utils._registry_utils import begin_create_or_update_registry_versioned_asset

        operations: Any = self.client.environments if kind == "environment" else self.client.components
        group = operations._resource_group_name
        if operations._registry_name:
            client, registry = operations._registry_service_client, operations._registry_name
            named = (f"{kind}s", remote.name, remote.version)
            begin_create_or_update_registry_versioned_asset(client, *named, group, registry, remote.rest)
            return
        versions = operations._version_operations if kind == "environment" else operations._version_operation
        workspace = {"resource_group_name": group, "workspace_name": operations._workspace_name}
        versions.create_or_update(name=remote.name, version=remote.version, body=remote.rest, **workspace)


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """The client prints dots to stdout while it waits, the end of a progress bar and "Done" to stderr."""
    nowhere, waiting = io.StringIO(), logging.getLogger("azure.ai.ml._utils._endpoint_utils")
    level = waiting.level
    waiting.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield
    finally:
        waiting.setLevel(level)


def _remote(kind: str, name: str, version: str, rest: Any) -> Remote:
    properties = rest.properties
    return Remote(
        name=name,
        version=version,
        digest=(properties.properties or {}).get(DIGEST),
        tags=dict(properties.tags or {}),
        spec=spec_of(kind, rest),
        rest=rest,
    )


def spec_of(kind: str, rest: Any) -> dict[str, Any]:
    """What a version is made of, of the client's model of it."""
    if kind != "environment":
        return dict(rest.properties.component_spec)
    kept = ("image", "condaFile", "build", "osType", "inferenceConfig")
    said = rest.properties.as_dict()
    return {key: said[key] for key in kept if said.get(key) is not None}
