"""The workspace of a stage: made with a storage account, a key vault and Application Insights, removed with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from penstock.azure.arm import Arm
from penstock.azure.declared import TAG, TAG_VALUE, Declared, Found, is_ours, noted, removed_from
from penstock.store.stages import Stage

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

# What Azure's client makes beside a workspace, by the attribute of the workspace that names it -> version of its API.
_BESIDE = {"application_insights": "2020-02-02", "storage_account": "2023-05-01", "key_vault": "2023-07-01"}
_LOGS_VERSION, _GROUPS, _WORKSPACES = "2023-09-01", "2021-04-01", "2024-04-01"
_TYPES = {
    "microsoft.insights/components": _BESIDE["application_insights"],
    "microsoft.keyvault/vaults": _BESIDE["key_vault"],
    "microsoft.operationalinsights/workspaces": _LOGS_VERSION,
    "microsoft.storage/storageaccounts": _BESIDE["storage_account"],
}
# The client puts a workspace's tags on all that it makes with it: so this is found when the workspace is gone.
_MADE_WITH = "penstock_workspace"


class WorkspaceOfStage:
    """The workspace that a stage names. Name, location and container registry are the stage's, all else the file's.

    It belongs to the `others` as well, the stages in the same workspace, until they are removed; a tag says which are.
    """

    def __init__(
        self,
        client: MLClient,
        arm: Arm,
        stage: Stage,
        declared: Declared,
        registry: str,
        others: Sequence[Stage] = (),
    ) -> None:
        self._client, self._arm, self._stage, self._entity = client, arm, stage, declared.entity
        self._others = [each.name for each in others]
        self._declared = {key for key in _BESIDE if getattr(declared.entity, key)}
        self._group = f"/subscriptions/{stage.subscription}/resourceGroups/{stage.resource_group}"
        self._entity.name, self._entity.location = stage.workspace, stage.location or self._entity.location
        if registry:
            self._entity.container_registry = registry
        self._entity.tags = {**(self._entity.tags or {}), TAG: TAG_VALUE, _MADE_WITH: stage.workspace}
        self.label = f"workspace {self._entity.name}"

    def look(self) -> Found | None:
        """Azure fills in most of a workspace, and others own the rest: what is there is not compared."""
        there = self._there()
        if there is not None:
            removed = removed_from(there.tags)
            again = (f"stage {self._stage.name} was removed from it",) if self._stage.name in removed else ()
            users = tuple(each for each in self._others if each not in removed)
            return Found(is_ours(there.tags), again, users)
        return Found(is_ours=True, is_gone=True) if any(self._found_by_tag()) else None

    def waits_for(self) -> str:
        return ""

    def make(self) -> None:
        """One that is there is as it should be, but for the note that the stage was removed."""
        there = self._there()
        if there is None:
            self._client.workspaces.begin_create(self._entity).result()
        else:
            self._note(there, is_removed=False)

    def left_in_it(self) -> list[str]:
        client = self._client
        if self._there() is None:
            return []
        endpoints = [*client.online_endpoints.list(), *client.batch_endpoints.list()]
        return [
            f"{kind} {each.name}"
            for kind, found in (("endpoint", endpoints), ("compute", client.compute.list()))
            for each in found
        ]

    def leave(self) -> None:
        """Note that the stage uses it no more."""
        there = self._there()
        if there is not None and self._stage.name not in removed_from(there.tags):
            self._note(there, is_removed=True)

    def remove(self) -> None:
        """For good: one that is only marked as deleted keeps its name for two weeks, without what it needs to return.

        https://learn.microsoft.com/azure/machine-learning/concept-soft-delete. What was made with it goes too, which is
        not its container registry, nor what the file names: after it, so that a workspace which Azure does not remove
        (it is locked, say) still has its data.
        """
        there = self._there()
        beside = dict(self._found_by_tag())
        if there is not None:
            beside |= self._named_by(there)
            deletion = self._client.workspaces.begin_delete(
                self._entity.name, delete_dependent_resources=False, permanently_delete=True
            )
            deletion.result()
        for id_, version in beside.items():
            self._arm.delete(id_, version)

    def _note(self, there: Any, *, is_removed: bool) -> None:
        tags = noted(there.tags, self._stage.name, is_removed=is_removed)
        self._arm.patch(self._stage.workspace_id, _WORKSPACES, {"tags": tags})

    def _there(self) -> Any | None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return self._client.workspaces.get(self._entity.name)
        except ResourceNotFoundError:
            return None

    def _found_by_tag(self) -> Iterator[tuple[str, str]]:
        """The ids of what was made with it, in lower case, and the versions of their API."""
        for each in self._arm.each(f"{self._group}/resources", _GROUPS):
            tags, version = each.get("tags") or {}, _TYPES.get(str(each["type"]).lower())
            name = str(tags.get(_MADE_WITH, "")).lower()
            if version is not None and is_ours(tags) and name == self._entity.name.lower():
                yield str(each["id"]).lower(), version

    def _named_by(self, there: Any) -> Iterator[tuple[str, str]]:
        """The same, of what the workspace itself names."""
        for key, version in _BESIDE.items():
            id_ = str(getattr(there, key) or "").lower()
            if not id_ or key in self._declared:
                continue
            yield id_, version
            document = self._arm.get(id_, version) if key == "application_insights" else None
            logs = str(((document or {}).get("properties") or {}).get("WorkspaceResourceId") or "").lower()
            if logs.startswith(f"{self._group}/".lower()):
                yield logs, _LOGS_VERSION
