"""A private certificate authority, and one certificate for every Azure host that is answered here."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

HOSTS = (
    "127.0.0.1",
    "localhost",
    "management.azure.com",
    "login.microsoftonline.com",
    "ml.azure.com",
    "*.api.azureml.ms",
    "*.azurecr.io",
    "*.blob.core.windows.net",
    "*.inference.ml.azure.com",
    "*.westeurope.inference.ml.azure.com",
    "dev.azure.com",
    "pipelines.actions.githubusercontent.com",
)


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority that clients trust, and what the servers show (with its key)."""

    authority: Path
    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_certificates(folder: Path) -> Certificates:
    authority, shown = (
        folder / "authority.pem",
        Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key"),
    )
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(authority))
    issued = ca.issue_cert(*HOSTS)
    shown.key.touch(mode=0o600)
    issued.private_key_pem.write_to_path(str(shown.key))
    for index, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(str(shown.certificate), append=index > 0)
    return shown
