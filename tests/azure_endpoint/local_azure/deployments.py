"""Deployments of templates: how the client of azure-ai-ml creates a workspace with all that belongs to it.

The template is not evaluated; its parameters say what is created: storage, key vault, insights with a workspace for
logs, and the workspace. `tagValues` are the tags of all of them, as in workspace_base.json of the client.
"""

from __future__ import annotations

from typing import Any

from local_azure.documents import Document
from local_azure.errors import bad_request, conflict
from local_azure.resources import Resources

KIND = "Microsoft.Resources/deployments"
_LOGS = "Microsoft.OperationalInsights/workspaces"
_PARTS = {
    "storageAccount": "Microsoft.Storage/storageAccounts",
    "keyVault": "Microsoft.KeyVault/vaults",
    "applicationInsights": "Microsoft.Insights/components",
}


class Deployments:
    """Hangs on `resources` what a deployment does."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        resources.written[KIND] = self._deploy

    def _deploy(self, path: str, document: Document) -> None:
        given = {name: each.get("value") for name, each in document["properties"]["parameters"].items()}
        subscription, group = path.split("/")[2], path.partition("/providers/")[0]
        registry = given.get("containerRegistryName")
        workspace = f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{given['workspaceName']}"
        if workspace.lower() in self._resources.soft_deleted:
            raise conflict(f"The workspace {given['workspaceName']} was deleted, and can only be recovered or purged.")
        properties: dict[str, Any] = {
            "friendlyName": given["friendlyName"],
            "description": given["description"],
            "provisioningState": "Succeeded",
        }
        if given.get("containerRegistryOption") == "existing":
            owner = f"/subscriptions/{subscription}/resourceGroups/{given['containerRegistryResourceGroupName']}"
            properties["containerRegistry"] = f"{owner}/providers/Microsoft.ContainerRegistry/registries/{registry}"
            if properties["containerRegistry"] not in self._resources.documents:
                raise bad_request(f"There is no container registry {registry}.")
        common = {"location": given["location"], "tags": given.get("tagValues") or {}}
        logs = f"{group}/providers/{_LOGS}/{given['logAnalyticsName']}"
        self._resources.documents.put(logs, {**common, "properties": {}})
        for part, kind in _PARTS.items():
            id_ = f"{group}/providers/{kind}/{given[f'{part}Name']}"
            own = {"WorkspaceResourceId": logs} if part == "applicationInsights" else {}
            self._resources.documents.put(id_, {**common, "properties": own})
            properties[part] = id_
        body = {**common, "properties": properties, "identity": {"type": "SystemAssigned"}}
        kept = self._resources.documents.put(workspace, body)
        self._resources.written["workspaces"](workspace, kept)
