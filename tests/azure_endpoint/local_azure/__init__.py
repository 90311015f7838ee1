"""A local Azure: what Azure Machine Learning's own client finds when it is pointed at this machine.

It proves the client side, and nothing of Azure: its answers have the form that the client of azure-ai-ml 1.35 reads,
and it refuses what Azure is documented to refuse. Real parts stand behind it: Azurite keeps the blobs, penstock's
engine runs the jobs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

import flask

from local_azure import build_systems, components, login, online_endpoints
from local_azure.azurite import Azurite
from local_azure.blobs import Blobs
from local_azure.build_systems import BuildSystems
from local_azure.certificates import make_certificates
from local_azure.container_registry import ContainerRegistries
from local_azure.deployments import Deployments
from local_azure.documents import Documents
from local_azure.errors import install
from local_azure.faults import Faults
from local_azure.history import History
from local_azure.jobs import Jobs
from local_azure.models import ModelRegistry
from local_azure.online_endpoints import OnlineEndpoints
from local_azure.operations import Operations
from local_azure.proxy import Proxy
from local_azure.registries import HOST, REGISTRY, Registries
from local_azure.resources import Resources
from local_azure.schedules import Schedules
from local_azure.server import App, Request, Server
from local_azure.workspaces import LOCATION, Workspaces

SUBSCRIPTION = "33333333-3333-4333-8333-333333333333"
GROUP = "rg-penstock"
WORKSPACE = "mlw-penstock"


class LocalAzure:
    """A subscription with one resource group and one workspace, from `with` to the end of it.

    `environment` are the variables that point a client process here; nothing else does. `requests` is what was asked,
    in order; `documents` what ARM has; `faults` what shall go wrong; `refused` the hosts that are no Azure of ours.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificates = make_certificates(folder)
        self.faults, self.documents = Faults(), Documents()
        self.azurite = Azurite(_made(folder / "azurite"), self.certificates)
        self.resources = Resources(SUBSCRIPTION, self.documents, Operations(self.faults))
        components.hang_on(self.resources)
        self.workspaces = Workspaces(self.resources, self.azurite)
        self.blobs = Blobs(self.azurite, self.documents)
        self.jobs = Jobs(self.resources, self.blobs, _made(folder / "runs"), lambda: self.environment)
        self.deployments = Deployments(self.resources)
        self.models = ModelRegistry(self.resources, self.blobs, self.jobs)
        self.images: dict[str, Path] = {}
        """Image by its digest (REGISTRY/REPOSITORY@sha256:...) -> the package that it was built of."""
        self.container_registries = ContainerRegistries(
            self.resources, self.azurite, _made(folder / "images"), self.images
        )
        self.online = OnlineEndpoints(self.resources, self.blobs, _made(folder / "online"), self.images.get)
        self.history = History(self.jobs, self.blobs)
        self.schedules = Schedules(self.resources, self.jobs)
        self.login, self.build_systems = login.Login(), BuildSystems()
        hosts: dict[str, App] = {
            r"management\.azure\.com": _app(self.resources.app),
            online_endpoints.HOST: _app(self.online.app),
            r"westeurope\.api\.azureml\.ms": _app(self.history.app),
            re.escape(HOST): Registries(self.resources, self.azurite),
            r"login\.microsoftonline\.com": _app(self.login.app),
            build_systems.HOSTS: _app(self.build_systems.app),
        }
        self._server = Server(self.certificates.server_context(), hosts, self.faults)
        self._proxy = Proxy(self._where)
        self.environment: dict[str, str] = {}

    @property
    def requests(self) -> list[Request]:
        return self._server.requests

    @property
    def refused(self) -> list[str]:
        return self._proxy.refused

    @property
    def group(self) -> str:
        return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"

    @property
    def workspace(self) -> str:
        """The ARM id of the workspace that is there from the beginning."""
        return f"{self.group}/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"

    @property
    def registry(self) -> str:
        """The ARM id of the registry that is there from the beginning."""
        return f"{self.group}/providers/Microsoft.MachineLearningServices/registries/{REGISTRY}"

    def writes(self) -> list[Request]:
        """What changed something at Azure."""
        return [request for request in self.requests if request.is_write]

    def secrets(self) -> list[str]:
        """What only its owner may see: the keys of the storage account and of endpoints, the identity's tokens."""
        token = Path(self.environment["AZURE_FEDERATED_TOKEN_FILE"]).read_text(encoding="utf-8")
        return [self.azurite.key, token, self.build_systems.devops["SYSTEM_ACCESSTOKEN"], *self.online.keys]

    def _where(self, host: str) -> tuple[str, int] | None:
        if host.endswith(".blob.core.windows.net"):
            return "127.0.0.1", self.azurite.port
        return ("127.0.0.1", self._server.port) if self._server.answers(host) else None

    def __enter__(self) -> Self:
        self.azurite.start()
        self._server.start()
        self._proxy.start()
        authority = str(self.certificates.authority)
        self.environment = {
            "HTTPS_PROXY": self._proxy.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": authority,
            "CURL_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,
            "AZURE_TENANT_ID": login.TENANT,
            "AZURE_CLIENT_ID": login.CLIENT,
            "AZURE_FEDERATED_TOKEN_FILE": str(login.write_federated_token(self.folder)),
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        }
        self.reset()
        return self

    def reset(self) -> None:
        """As at the beginning: one group, one new workspace with empty datastores, nothing asked, no fault."""
        self.jobs.stop()
        self.online.stop()
        self.images.clear()
        self.documents.clear()
        self.documents.put(self.group, {"location": LOCATION, "properties": {"provisioningState": "Succeeded"}})
        body = {"location": LOCATION, "properties": {"friendlyName": WORKSPACE}, "identity": {"type": "SystemAssigned"}}
        self.workspaces.created(self.workspace, self.documents.put(self.workspace, body))
        self.documents.put(self.registry, {"location": LOCATION, "properties": {"regions": [{"location": LOCATION}]}})
        self.faults.clear()
        self.requests.clear()
        self.refused.clear()
        self.resources.unregistered.clear()
        self.resources.soft_deleted.clear()
        self.login.assertions.clear()
        self.login.lifetime_s = self.login.LIFETIME_S

    def __exit__(self, *_: object) -> None:
        self.jobs.stop()
        self.online.stop()
        self._proxy.stop()
        self._server.stop()
        self.azurite.stop()


def _app(app: flask.Flask) -> flask.Flask:
    install(app)
    return app


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
