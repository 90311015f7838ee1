"""What Azure DevOps and GitHub sign of their jobs, for who shows the token that only the job was given.

https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create and
https://docs.github.com/actions/reference/security/oidc.
"""

from __future__ import annotations

import secrets
from typing import Any

import flask

from local_azure.login import AUDIENCE, CLIENT, TENANT, make_assertion

HOSTS = r"dev\.azure\.com|pipelines\.actions\.githubusercontent\.com"
_CONNECTION = "44444444-4444-4444-8444-444444444444"
_PLAN = "https://dev.azure.com/here/55555555/_apis/distributedtask/hubs/build/plans/66666666/jobs/77777777/oidctoken"
_GITHUB = "https://pipelines.actions.githubusercontent.com/88888888/idtoken?api-version=2.0"


class BuildSystems:
    """The two of them. What a job gets of each: variables, of which those with a token are only for its own steps."""

    def __init__(self) -> None:
        self._job_token = secrets.token_urlsafe(24)
        self.app = flask.Flask("build_systems")
        self.app.add_url_rule("/<path:job>/oidctoken", "devops", self._devops, methods=["POST"])
        self.app.add_url_rule("/<path:job>/idtoken", "github", self._github, methods=["GET"])

    @property
    def devops(self) -> dict[str, str]:
        """Of every job on Azure DevOps; the token is System.AccessToken."""
        return {"SYSTEM_OIDCREQUESTURI": _PLAN, "SYSTEM_ACCESSTOKEN": self._job_token}

    @property
    def connection(self) -> dict[str, str]:
        """Of a task of Azure DevOps with a service connection."""
        names = {"TENANT_ID": TENANT, "CLIENT_ID": CLIENT, "SERVICE_CONNECTION_ID": _CONNECTION}
        return {f"AZURESUBSCRIPTION_{name}": value for name, value in names.items()}

    @property
    def github(self) -> dict[str, str]:
        """Of a job on GitHub with the permission id-token: write, and the two variables of the repository."""
        request = {"ACTIONS_ID_TOKEN_REQUEST_URL": _GITHUB, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self._job_token}
        return {**request, "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT}

    def _devops(self, job: str) -> Any:
        if not self._is_job() or flask.request.args.get("serviceConnectionId") != _CONNECTION:
            return {"message": "Access denied"}, 401
        return {"oidcToken": make_assertion("https://vstoken.dev.azure.com/here", "sc://here/penstock-azure")}

    def _github(self, job: str) -> Any:
        if not self._is_job() or flask.request.args.get("audience") != AUDIENCE:
            return {"message": "Access denied"}, 401
        return {"value": make_assertion("https://token.actions.githubusercontent.com", "repo:here/penstock:ref:main")}

    def _is_job(self) -> bool:
        return flask.request.headers.get("Authorization") == f"Bearer {self._job_token}"
