"""What an invocation of a batch endpoint runs: a published pipeline.

https://learn.microsoft.com/azure/machine-learning/how-to-use-batch-pipeline-deployments
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.azure.arm import Arm
from penstock.azure.declared import TAG, TAG_VALUE, Declared, Found
from penstock.store.stages import Stage

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_VERSION = "2024-04-01"


class BatchDeployment:
    """A deployment whose `component` is NAME:VERSION or NAME@latest; made the default one of its endpoint."""

    def __init__(self, client: MLClient, arm: Arm, stage: Stage, declared: Declared) -> None:
        self._client, self._arm, self._stage, self._entity = client, arm, stage, declared.entity
        self._component = str(declared.entity.component)
        self.label = f"batch deployment {self._entity.name} of {self._entity.endpoint_name}"

    def waits_for(self) -> str:
        """Its pipeline, if that is not published yet."""
        if self._published() is not None:
            return ""
        return f"{self._component} is not published yet: penstock publish --stage {self._stage.name}, then this again"

    def look(self) -> Found | None:
        there = self._arm.get(self._id, _VERSION)
        if there is None:
            return None
        published, ran = self._published(), _component_of(there)
        other = published is not None and published.lower() != ran.lower()
        differences = (f"it runs {_shown(ran)}, {_shown(published or '')} is published",) if other else ()
        return Found((there.get("tags") or {}).get(TAG) == TAG_VALUE, differences)

    def make(self) -> None:
        self._entity.component = self._published()
        self._entity.tags = {**(self._entity.tags or {}), TAG: TAG_VALUE}
        self._client.batch_deployments.begin_create_or_update(self._entity).result()
        endpoint = self._client.batch_endpoints.get(self._entity.endpoint_name)
        endpoint.defaults = {"deployment_name": self._entity.name}
        self._client.batch_endpoints.begin_create_or_update(endpoint).result()

    def left_in_it(self) -> list[str]:
        return []

    def remove(self) -> None:
        self._client.batch_deployments.begin_delete(self._entity.name, self._entity.endpoint_name).result()

    def _published(self) -> str | None:
        """The ARM id of its component; None if there is none, which the client tells in two ways."""
        from azure.ai.ml.exceptions import ValidationException
        from azure.core.exceptions import ResourceNotFoundError

        name, _, label = self._component.removeprefix("azureml:").partition("@")
        name, _, version = name.partition(":")
        try:
            found = self._client.components.get(name, version or None, label=label or None)
        except (ResourceNotFoundError, ValidationException):
            return None
        return str(found.id)

    @property
    def _id(self) -> str:
        endpoint = f"{self._stage.workspace_id}/batchEndpoints/{self._entity.endpoint_name}"
        return f"{endpoint}/deployments/{self._entity.name}"


def _component_of(deployment: dict[str, Any]) -> str:
    configuration = deployment["properties"].get("deploymentConfiguration") or {}
    return str((configuration.get("componentId") or {}).get("assetId", ""))


def _shown(component_id: str) -> str:
    parts = component_id.split("/")
    return f"{parts[-3]}:{parts[-1]}" if len(parts) > 2 else component_id or "nothing"
