"""What an invocation of a batch endpoint runs: a published pipeline.

https://learn.microsoft.com/azure/machine-learning/how-to-use-batch-pipeline-deployments
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.azure.arm import Arm
from penstock.azure.declared import TAG, TAG_VALUE, Declared, Found, differences, is_ours
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
        """Besides what is declared of it: what is published, and that its endpoint has a default deployment."""
        there = self._arm.get(self._id, _VERSION)
        if there is None:
            return None
        published, ran = self._published(), _component_of(there)
        found = []
        if published is not None and published.lower() != ran.lower():
            found.append(f"it runs {_shown(ran)}, {_shown(published)} is published")
        found += differences(self._wanted(), _declarable(there))
        found += self._default_is_lost()
        return Found(is_ours(there.get("tags")), tuple(found))

    def make(self) -> None:
        """An update keeps what others have noted, and what is not declared."""
        entity, there = self._entity, self._arm.get(self._id, _VERSION) or {}
        entity.component = self._published()
        entity.tags = {**(there.get("tags") or {}), **(entity.tags or {}), TAG: TAG_VALUE}
        entity.settings = {**_settings_of(there), **(entity.settings or {})}
        entity.description = entity.description or (there.get("properties") or {}).get("description")
        self._client.batch_deployments.begin_create_or_update(entity).result()
        endpoint = self._client.batch_endpoints.get(self._entity.endpoint_name)
        endpoint.defaults = {"deployment_name": self._entity.name}
        self._client.batch_endpoints.begin_create_or_update(endpoint).result()

    def left_in_it(self) -> list[str]:
        return []

    def leave(self) -> None:
        """No other stage is known to use it."""

    def remove(self) -> None:
        self._client.batch_deployments.begin_delete(self._entity.name, self._entity.endpoint_name).result()

    def _wanted(self) -> dict[str, Any]:
        settings = {key: _name(value) for key, value in (self._entity.settings or {}).items()}
        return {"description": self._entity.description, "settings": settings}

    def _default_is_lost(self) -> list[str]:
        """Another deployment may be the default if it is declared, too; an endpoint of others is theirs."""
        endpoint = self._arm.get(self._endpoint_id, _VERSION)
        if endpoint is None or not is_ours(endpoint.get("tags")):
            return []
        default = (endpoint["properties"].get("defaults") or {}).get("deploymentName")
        if default == self._entity.name:
            return []
        other = self._arm.get(f"{self._endpoint_id}/deployments/{default}", _VERSION) if default else None
        if other is not None and is_ours(other.get("tags")):
            return []
        told = f"the default deployment of {self._entity.endpoint_name} is {default or 'none'}"
        return [f"{told}, {self._entity.name} is declared"]

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
    def _endpoint_id(self) -> str:
        return f"{self._stage.workspace_id}/batchEndpoints/{self._entity.endpoint_name}"

    @property
    def _id(self) -> str:
        return f"{self._endpoint_id}/deployments/{self._entity.name}"


def _configuration_of(deployment: dict[str, Any]) -> dict[str, Any]:
    return dict((deployment.get("properties") or {}).get("deploymentConfiguration") or {})


def _component_of(deployment: dict[str, Any]) -> str:
    return str((_configuration_of(deployment).get("componentId") or {}).get("assetId", ""))


def _settings_of(deployment: dict[str, Any]) -> dict[str, Any]:
    return dict(_configuration_of(deployment).get("settings") or {})


def _declarable(deployment: dict[str, Any]) -> dict[str, Any]:
    """What of a deployment a file may declare, its component aside."""
    settings = {key: _name(value) for key, value in _settings_of(deployment).items()}
    return {"description": deployment["properties"].get("description"), "settings": settings}


def _name(value: Any) -> str:
    """A setting; a compute target or datastore by its name alone, which may be written as azureml:NAME and as an id."""
    return str(value).removeprefix("azureml:").rpartition("/")[2]


def _shown(component_id: str) -> str:
    parts = component_id.split("/")
    return f"{parts[-3]}:{parts[-1]}" if len(parts) > 2 else component_id or "nothing"
