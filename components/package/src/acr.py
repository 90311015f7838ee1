"""The image of a package, built where it is kept: a quick build of Azure Container Registry Tasks.

https://learn.microsoft.com/azure/container-registry/container-registry-tasks-overview. The package's folder is sent as
the build's context; nothing but the registry needs Docker. The identity is that of the job: on Azure ML's compute its
managed identity, which needs the role Contributor on the registry.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock_steps.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.ContainerRegistry/registries/(?P<name>[A-Za-z0-9]+)",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z0-9]{5,50}", re.ASCII)
_REPOSITORY = re.compile(r"[a-z0-9]+(?:[._/-][a-z0-9]+)*", re.ASCII)
_SUCCEEDED = "Succeeded"
_GOING_ON = {"Queued", "Started", "Running"}
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 15.0
_BUILD_S, _UPLOAD_S = 3600, 600
_LOG_LINES = 30


@dataclass(frozen=True)
class ContainerRegistry:
    """A registry and where it is."""

    subscription: str
    group: str
    name: str

    @property
    def server(self) -> str:
        """The address that images are pulled from."""
        return f"{self.name.lower()}.azurecr.io"


def find_registry(given: str, environment: Mapping[str, str] = os.environ) -> ContainerRegistry:
    """The registry of an ARM id; or of a name, in the resource group of the job's workspace.

    Raises StepError for what is neither, and for a name where no job of Azure ML says which group is meant.
    """
    found = _ID.fullmatch(given)
    if found is not None:
        return ContainerRegistry(found["subscription"], found["group"], found["name"])
    name = given.removesuffix(".azurecr.io")
    if not _NAME.fullmatch(name):
        raise StepError(f"--registry {given} is neither a container registry's name nor its ARM id")
    subscription, group = environment.get("AZUREML_ARM_SUBSCRIPTION"), environment.get("AZUREML_ARM_RESOURCEGROUP")
    if not subscription or not group:
        raise StepError(
            f"--registry {given}: which resource group it is in is known in a job at Azure only; give its ARM id, "
            "/subscriptions/.../registries/NAME"
        )
    return ContainerRegistry(subscription, group, name)


def repository_of(given: str | None, model: str) -> str:
    """The repository: what is given, else the model's name as far as it can be one. Raises StepError."""
    repository = given or re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    if not _REPOSITORY.fullmatch(repository):
        raise StepError(f"--repository {repository} cannot name a repository: lower-case letters, digits and . _ - /")
    return repository


def build(registry: ContainerRegistry, repository: str, package: Path, digest: str) -> str:
    """Build the package's Dockerfile and return the image by its digest, `SERVER/REPOSITORY@sha256:...`.

    The image's tag is the package's digest, so whoever has the image knows which package it is of.

    Raises:
        StepError: it cannot be queued, or it fails; with the end of its log.
    """
    from azure.mgmt.containerregistrytasks import models

    tag = f"{repository}:{digest.replace(':', '-')}"
    with _client(registry) as client, _told(registry):
        place = client.registries.get_build_source_upload_url(registry.group, registry.name)
        _upload(place.upload_url, context(package))
        request = models.DockerBuildRequest(
            source_location=place.relative_path,
            docker_file_path="Dockerfile",
            image_names=[tag],
            is_push_enabled=True,
            platform=models.PlatformProperties(os="Linux", architecture="amd64"),
            timeout=_BUILD_S,
        )
        run = client.registries.schedule_run(registry.group, registry.name, request)
        run_id = run.properties.run_id
        print(f"build {run_id} of {registry.server}/{tag} is queued")
        properties = _ended(client, registry, run_id)
        if properties.status != _SUCCEEDED:
            status = getattr(properties.status, "value", properties.status)
            raise StepError(
                f"build {run_id} of {registry.server}/{tag} has ended as {status}: "
                f"{properties.run_error_message or 'its log says why'}{_log(client, registry, run_id)}"
            )
    images = [image.digest for image in properties.output_images or () if image.digest]
    if not images:
        raise StepError(f"build {run_id} of {registry.server}/{tag} tells of no image that it has pushed")
    return f"{registry.server}/{repository}@{images[0]}"


def context(package: Path) -> bytes:
    """The folder as a .tar.gz: the same bytes for the same files, whoever owns them and whenever they were made."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for path in sorted(package.rglob("*")):
            if path.is_file():
                info = tarfile.TarInfo(path.relative_to(package).as_posix())
                info.size, info.mode = path.stat().st_size, 0o644
                with path.open("rb") as file:
                    tar.addfile(info, file)
    return packed.getvalue()


@contextmanager
def _client(registry: ContainerRegistry) -> Iterator[ContainerRegistryTasksMgmtClient]:
    try:
        from azure.identity import DefaultAzureCredential
        from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
    except ImportError as error:
        raise StepError(f"--registry needs {error.name}, which this environment has not") from None
    identity = os.environ.get("DEFAULT_IDENTITY_CLIENT_ID")  # that of the compute, as Azure ML tells its jobs
    chosen = {"managed_identity_client_id": identity} if identity else {}
    credential = DefaultAzureCredential(**chosen)
    with ContainerRegistryTasksMgmtClient(credential, registry.subscription) as client:
        yield client


@contextmanager
def _told(registry: ContainerRegistry) -> Iterator[None]:
    """Azure's refusals as a StepError."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        said = " ".join(str(getattr(error, "message", error)).split())
        raise StepError(f"{registry.server} does not build the image: {said}") from None


def _upload(url: str, data: bytes) -> None:
    import requests

    headers = {"x-ms-blob-type": "BlockBlob"}
    try:
        requests.put(url, data=data, headers=headers, timeout=_UPLOAD_S).raise_for_status()
    except requests.RequestException as error:
        raise StepError(f"the build's context cannot be sent: {type(error).__name__}") from None  # its URL is a secret


def _ended(client: ContainerRegistryTasksMgmtClient, registry: ContainerRegistry, run_id: str) -> Any:
    wait = _FIRST_WAIT_S
    while True:
        properties = client.runs.get(registry.group, registry.name, run_id).properties
        if properties.status not in _GOING_ON:
            return properties
        time.sleep(wait)
        wait = min(wait * 1.5, _LONGEST_WAIT_S)


def _log(client: ContainerRegistryTasksMgmtClient, registry: ContainerRegistry, run_id: str) -> str:
    """The end of a build's log."""
    import requests

    try:
        link = client.runs.get_log_sas_url(registry.group, registry.name, run_id).log_link
        text = requests.get(link, timeout=_UPLOAD_S).text
    except Exception as error:  # noqa: BLE001 - that it failed is told, with its log or without
        return f"\n(its log cannot be had: {type(error).__name__})"
    return "".join(f"\n    {line}" for line in text.splitlines()[-_LOG_LINES:])
