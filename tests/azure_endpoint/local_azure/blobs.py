"""What the client put into blob storage, as files of this machine, and back."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from local_azure.azurite import Azurite
from local_azure.documents import Document, Documents
from local_azure.errors import bad_request

_DATASTORE = re.compile(r"azureml://(?:.*/)?datastores/([^/]+)/paths/(.*)")
_ASSET = re.compile(r"(?:azureml:)?(/subscriptions/.+/(?:data|models)/[^/]+/versions/[^/]+)", re.IGNORECASE)
_URI_KEYS = ("dataUri", "modelUri")


class Blobs:
    """Copies between Azurite and folders. Paths within a datastore have no slash at either end."""

    def __init__(self, azurite: Azurite, documents: Documents) -> None:
        self._azurite, self._documents = azurite, documents

    def download_url(self, url: str, folder: Path) -> None:
        """All blobs below `https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX` into `folder`."""
        container, _, prefix = unquote(urlsplit(url).path).strip("/").partition("/")
        self._download(container, prefix, folder)

    def download_datastore(self, workspace: str, name: str, path: str, folder: Path) -> None:
        """A file or folder of a datastore to where it lies below `folder`, the datastore on this machine."""
        self._download(self._container(workspace, name), path, folder / path)

    def upload(self, workspace: str, name: str, path: str, source: Path) -> None:
        """A file, or all files of a folder, to `path` of a datastore."""
        files = [source] if source.is_file() else [file for file in sorted(source.rglob("*")) if file.is_file()]
        with self._azurite.client() as client:
            container = client.get_container_client(self._container(workspace, name))
            for file in files:
                inside = "" if file == source else f"/{file.relative_to(source).as_posix()}"
                container.upload_blob(f"{path}{inside}", file.read_bytes(), overwrite=True)

    def signed_url(self, workspace: str, name: str, path: str) -> str:
        """Where anybody who has this URL may read one blob of a datastore for an hour."""
        container = self._container(workspace, name)
        base = f"https://{self._azurite.account}.blob.core.windows.net/{container}"
        return f"{base}/{path}?{self._azurite.container_sas(container)}"

    def location(self, uri: str) -> tuple[str, str] | None:
        """The datastore, and the path in it, that a data URI or the id of an asset leads to; None for other URIs."""
        asset = _ASSET.fullmatch(uri)
        if asset is not None:
            document: Document = self._documents.get(asset[1]) or {"properties": {}}
            uri = next((document["properties"][key] for key in _URI_KEYS if key in document["properties"]), uri)
        found = _DATASTORE.fullmatch(uri)
        return (found[1], found[2].strip("/")) if found is not None else None

    def _container(self, workspace: str, name: str) -> str:
        datastore = self._documents.get(f"{workspace}/datastores/{name}")
        if datastore is None:
            raise bad_request(f"There is no datastore {name} in {workspace}.")
        return str(datastore["properties"]["containerName"])

    def _download(self, container: str, prefix: str, target: Path) -> None:
        with self._azurite.client() as client:
            source = client.get_container_client(container)
            for blob in source.list_blobs(name_starts_with=prefix):
                rest = blob.name[len(prefix) :]
                if rest and not rest.startswith("/"):
                    continue  # beside it, with a longer name
                file = target / rest.lstrip("/") if rest else target
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(source.download_blob(blob.name).readall())
