"""Container registries and their quick builds: what is sent is unpacked and known by a digest from then on.

No image is built here (`make test-image` builds one from the same Dockerfile): the digest is that of the context, and
what a deployment of the image serves is the package in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tarfile
import threading
import uuid
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceExistsError

from local_azure.azurite import Azurite
from local_azure.documents import Document
from local_azure.errors import bad_request
from local_azure.resources import Resources

KIND = "Microsoft.ContainerRegistry/registries"
_CONTAINER = "acr-builds"


class ContainerRegistries:
    """Hangs on `resources` what registries do. `images`: REGISTRY/REPOSITORY@sha256:... -> the unpacked context."""

    def __init__(self, resources: Resources, azurite: Azurite, folder: Path, images: dict[str, Path]) -> None:
        self._documents, self._azurite, self._folder, self.images = resources.documents, azurite, folder, images
        self.fails = ""
        """What the next build's log says before it fails."""
        resources.written[KIND] = self._written
        resources.actions[f"{KIND}/listBuildSourceUploadUrl"] = self._upload_url
        resources.actions[f"{KIND}/scheduleRun"] = self._schedule
        resources.actions[f"{KIND}/runs/listLogSasUrl"] = self._log_url

    def _written(self, path: str, document: Document) -> None:
        document["properties"]["loginServer"] = f"{path.rpartition('/')[2].lower()}.azurecr.io"

    def _upload_url(self, path: str, _body: Any) -> Any:
        with self._azurite.client() as client, contextlib.suppress(ResourceExistsError):
            client.create_container(_CONTAINER)
        name = f"{path.rpartition('/')[2]}/{uuid.uuid4()}.tar.gz"
        return {"uploadUrl": self._url(name), "relativePath": name}

    def _url(self, blob: str) -> str:
        base = f"https://{self._azurite.account}.blob.core.windows.net/{_CONTAINER}/{blob}"
        return f"{base}?{self._azurite.container_sas(_CONTAINER)}"

    def _schedule(self, path: str, body: Any) -> Any:
        needed = {"type", "sourceLocation", "dockerFilePath", "imageNames", "platform"}
        if not needed <= body.keys() or body["type"] != "DockerBuildRequest":
            raise bad_request(f"A DockerBuildRequest with {', '.join(sorted(needed))} is needed.")
        run_id = uuid.uuid4().hex[:6]
        properties = {"runId": run_id, "status": "Queued", "runType": "QuickBuild", "provisioningState": "Succeeded"}
        run = self._documents.put(f"{path}/runs/{run_id}", {"properties": properties})
        threading.Thread(target=self._build, args=[path, run, body], daemon=True).start()
        return run

    def _build(self, path: str, run: Document, body: dict[str, Any]) -> None:
        properties, fails = run["properties"], self.fails
        self.fails = ""
        properties["status"] = "Running"
        with self._azurite.client() as client:
            container = client.get_container_client(_CONTAINER)
            data = container.download_blob(body["sourceLocation"]).readall()
            folder = self._folder / run["name"]
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                tar.extractall(folder, filter="data")
            if not (folder / body["dockerFilePath"]).is_file():
                fails = f"unable to evaluate symlinks in Dockerfile path: {body['dockerFilePath']}"
            log = "\n".join(["Downloading source code...", fails or "Successfully pushed image", ""])
            container.upload_blob(f"{run['name']}.log", log.encode(), overwrite=True)
        server = f"{path.rpartition('/')[2].lower()}.azurecr.io"
        repository, _, tag = body["imageNames"][0].partition(":")
        if fails:
            properties["runErrorMessage"] = "failed to run step ID: build: exit status 1"
        else:
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            image = {"registry": server, "repository": repository, "tag": tag, "digest": digest}
            properties["outputImages"] = [image]
            self.images[f"{server}/{repository}@{digest}"] = folder
        properties["status"] = "Failed" if fails else "Succeeded"

    def _log_url(self, path: str, _body: Any) -> Any:
        return {"logLink": self._url(f"{path.rpartition('/')[2]}.log")}
