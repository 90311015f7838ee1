"""eastus.api.azureml.ms: where registries are looked up, and their assets, which are documents as a workspace's are."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import flask
from azure.core.exceptions import ResourceExistsError

from local_azure import login
from local_azure.azurite import ACCOUNT, Azurite
from local_azure.errors import install, not_found
from local_azure.resources import Resources

REGISTRY = "mlr-penstock"
HOST = "eastus.api.azureml.ms"
_FRONT = "/mferp/managementfrontend"
_AUDIENCES = ("https://management.azure.com", "https://ml.azure.com", "https://management.core.windows.net")

_ID = re.compile(r'"id": ?"/subscriptions/[^"]+/registries/([^/"]+)/([^"]+)"')


class Registries:
    """Discovery and uploads here; all else of a registry is answered by `resources`."""

    def __init__(self, resources: Resources, azurite: Azurite) -> None:
        self._resources, self._azurite = resources, azurite
        self._app = flask.Flask("registries")
        upload = f"{_FRONT}/subscriptions/<path:registry>/tempdatarefs/<name>/versions/<version>"
        for rule, answer, method in (
            ("/registrymanagement/v1.0/registries/<name>/discovery", self._discovery, "GET"),
            (upload, self._upload, "PUT"),
        ):
            self._app.add_url_rule(rule, answer.__name__, answer, methods=[method])
        self._app.before_request(_let_in)
        install(self._app)
        resources.app.after_request(_with_uris)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith(_FRONT) and "/tempdatarefs/" not in path:
            return self._resources.app({**environ, "PATH_INFO": path.removeprefix(_FRONT)}, start_response)
        return self._app(environ, start_response)

    def _discovery(self, name: str) -> Any:
        ending = f"/registries/{name.lower()}"
        found = next((path for path in self._resources.documents if path.lower().endswith(ending)), None)
        if found is None:
            raise not_found(f"/providers/Microsoft.MachineLearningServices/registries/{name}")
        _, _, subscription, _, group, *_ = found.split("/")
        return {
            "registryName": name,
            "primaryRegion": "eastus",
            "regions": ["eastus"],
            "subscriptionId": subscription,
            "resourceGroup": group,
            "primaryRegionResourceProviderUri": f"https://{HOST}/",
        }

    def _upload(self, registry: str, name: str, version: str) -> Any:
        """A place of its own for what is going to be a version."""
        container = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{registry}/{name}/{version}"))
        with self._azurite.client() as client, contextlib.suppress(ResourceExistsError):
            client.create_container(container)
        uri = f"https://{ACCOUNT}.blob.core.windows.net/{container}"
        sas = {"credentialType": "SAS", "sasUri": f"{uri}?{self._azurite.container_sas(container)}"}
        return {"blobReferenceForConsumption": {"blobUri": uri, "credential": sas}}


def _let_in() -> Any:
    why = login.why_refused(_AUDIENCES)
    return ({"error": {"code": "AuthenticationFailed", "message": why}}, 401) if why is not None else None


def _with_uris(response: flask.Response) -> flask.Response:
    """What is in a registry bears a URI for an id, not a path of ARM."""
    if response.is_json and "/registries/" in flask.request.path:
        body = response.get_data(as_text=True)
        response.set_data(_ID.sub(r'"id": "azureml://registries/\1/\2"', body))
    return response
