"""Who penstock is at Azure.

In a build, the build itself: its system signs a short-lived token that says which build this is, and Microsoft Entra
trusts the system (workload identity federation). Such a token is good for minutes, and `az login` asks for one only
once, so a build of more than an hour would end in AADSTS700024 (https://github.com/Azure/azure-cli/issues/28708); here
each access token is asked for with a new one. Nothing secret is stored anywhere.

Azure Pipelines: https://learn.microsoft.com/python/api/azure-identity/azure.identity.azurepipelinescredential. GitHub
Actions: https://docs.github.com/actions/reference/security/oidc.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_AUDIENCE = "api://AzureADTokenExchange"
_PIPELINES = {
    "tenant_id": "AZURESUBSCRIPTION_TENANT_ID",
    "client_id": "AZURESUBSCRIPTION_CLIENT_ID",
    "service_connection_id": "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
    "system_access_token": "SYSTEM_ACCESSTOKEN",
}
_GITHUB = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")


def credential(environment: Mapping[str, str] = os.environ) -> TokenCredential:
    """The identity that the process has, found in this order; no request is made yet.

    In a task of Azure Pipelines that has a service connection and System.AccessToken, the service connection. In a job
    of GitHub Actions with the permission `id-token: write`, and AZURE_TENANT_ID and AZURE_CLIENT_ID, that application.
    Elsewhere what azure-identity's DefaultAzureCredential finds: a workload identity (AZURE_FEDERATED_TOKEN_FILE), a
    managed identity, who is signed in by `az login`.
    """
    from azure.identity import AzurePipelinesCredential, ClientAssertionCredential, DefaultAzureCredential

    connection = {key: environment.get(name, "") for key, name in _PIPELINES.items()}
    if all(connection.values()):
        return AzurePipelinesCredential(**connection)
    tenant, client, url, token = (environment.get(name, "") for name in _GITHUB)
    if tenant and client and url and token:
        return ClientAssertionCredential(tenant, client, lambda: _github_token(url, token))
    return DefaultAzureCredential(exclude_interactive_browser_credential=True)


def _github_token(url: str, token: str) -> str:
    """What GitHub signs of this job. Raises azure.core's ClientAuthenticationError."""
    from azure.core import PipelineClient
    from azure.core.exceptions import ClientAuthenticationError
    from azure.core.pipeline import policies
    from azure.core.rest import HttpRequest

    client: Any = PipelineClient(url, policies=[policies.UserAgentPolicy("penstock"), policies.RetryPolicy()])
    request = HttpRequest("GET", url, params={"audience": _AUDIENCE}, headers={"Authorization": f"Bearer {token}"})
    with client:
        answer = client.send_request(request)
        if answer.status_code != 200:
            raise ClientAuthenticationError(
                f"GitHub gives this job no identity ({answer.status_code}): it needs the permission id-token: write"
            )
        return str(answer.json()["value"])
