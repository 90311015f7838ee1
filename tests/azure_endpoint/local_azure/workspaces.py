"""What a workspace brings with it: its datastores in Azurite, their secrets, and where uploads go."""

from __future__ import annotations

import uuid
from typing import Any

import flask
from azure.core.exceptions import ResourceExistsError

from local_azure.azurite import ACCOUNT, Azurite
from local_azure.documents import Document
from local_azure.resources import Resources

LOCATION = "westeurope"
SERVICE = f"https://{LOCATION}.api.azureml.ms"
_STORE = {"workspaceblobstore": "azureml-blobstore", "workspaceartifactstore": "azureml"}


class Workspaces:
    """Hangs on `resources` what happens around workspaces, and the uploads into them."""

    def __init__(self, resources: Resources, azurite: Azurite) -> None:
        self._documents, self._azurite = resources.documents, azurite
        resources.written["workspaces"] = self.created
        resources.found["workspaces/codes/versions"] = self._codes
        resources.actions["workspaces/datastores/listSecrets"] = self._secrets
        for kind in ("codes", "data", "models"):
            resources.actions[f"workspaces/{kind}/versions/startPendingUpload"] = self._upload

    def created(self, path: str, document: Document) -> None:
        """Fill in what the service adds, and make the default datastores."""
        properties = document["properties"]
        properties.setdefault("workspaceId", str(uuid.uuid4()))
        group = path.partition("/providers/")[0]
        storage = f"{group}/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
        properties.update(
            discoveryUrl=f"{SERVICE}/discovery",
            mlFlowTrackingUri=f"azureml://{LOCATION}.api.azureml.ms/mlflow/v1.0{path}",
            storageAccount=properties.get("storageAccount") or storage,
            provisioningState="Succeeded",
        )
        for name, prefix in _STORE.items():
            container = f"{prefix}-{properties['workspaceId']}" if name == "workspaceblobstore" else prefix
            self._make(container)
            self._documents.put(f"{path}/datastores/{name}", {"properties": self._datastore(container, name)})

    def _datastore(self, container: str, name: str) -> dict[str, Any]:
        return {
            "datastoreType": "AzureBlob",
            "accountName": ACCOUNT,
            "containerName": container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "credentials": {"credentialsType": "AccountKey"},
            "isDefault": name == "workspaceblobstore",
            "tags": {},
        }

    def _make(self, container: str) -> None:
        with self._azurite.client() as client:
            try:
                client.create_container(container)
            except ResourceExistsError:
                return

    def _secrets(self, path: str, _body: Any) -> Any:
        container = self._documents.get(path)["properties"]["containerName"]  # type: ignore[index]
        return {"secretsType": "Sas", "sasToken": self._azurite.container_sas(container)}

    def _codes(self, path: str) -> Any:
        """A code is found by the hash of its content under whatever name it was put."""
        wanted = flask.request.args.get("hash")
        codes, _, _ = path.rpartition("/codes/")
        found = [
            version
            for code in self._documents.children(f"{codes}/codes")
            for version in self._documents.children(f"{code['id']}/versions")
            if version["properties"].get("properties", {}).get("hash_sha256") == wanted
        ]
        return {"value": found} if wanted else None

    def _upload(self, path: str, _body: Any) -> Any:
        """A place of its own for what is going to be version `path`."""
        owner = path.lower().partition("/codes/")[0].partition("/data/")[0].partition("/models/")[0]
        document = self._documents.get(owner)
        assert document is not None
        container = f"{uuid.uuid5(uuid.NAMESPACE_URL, path)}"
        self._make(container)
        uri = f"https://{ACCOUNT}.blob.core.windows.net/{container}"
        return {
            "pendingUploadId": str(uuid.uuid4()),
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": {
                "blobUri": uri,
                "storageAccountArmId": document["properties"].get("storageAccount", ""),
                "credential": {"credentialType": "SAS", "sasUri": f"{uri}?{self._azurite.container_sas(container)}"},
            },
        }
