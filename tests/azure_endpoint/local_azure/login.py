"""login.microsoftonline.com: tokens for a federated identity, and whether a request bears one."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import flask
import jwt

TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"
AUDIENCE = "api://AzureADTokenExchange"
_ISSUER = f"https://login.microsoftonline.com/{TENANT}"
_SECRET = "signs what only this machine believes, and only while it runs"
_ASSERTION_S = 600  # what Azure DevOps and GitHub sign is good for so long


def make_assertion(issuer: str, subject: str, lifetime_s: float = _ASSERTION_S) -> str:
    """What a build system signs of a job, in place of a secret: who it is, for a short while."""
    now = time.time()
    claims = {"iss": issuer, "sub": subject, "aud": AUDIENCE, "jti": str(uuid.uuid4())}
    return jwt.encode({**claims, "iat": now, "nbf": now - 1, "exp": now + lifetime_s}, _SECRET, "HS256")


def write_federated_token(folder: Path) -> Path:
    """The assertion of a workload identity: the file that Kubernetes keeps current, here good for a day."""
    file = folder / "federated-token"
    file.touch(mode=0o600)
    file.write_text(make_assertion("https://kubernetes.here", "system:serviceaccount:here", 86_400))
    return file


class Login:
    """The answers of Microsoft Entra.

    `lifetime_s`: how long the access tokens are good. `assertions`: the ids (`jti`) of the assertions that were taken.
    """

    LIFETIME_S = 3600

    def __init__(self) -> None:
        self.lifetime_s = self.LIFETIME_S
        self.assertions: list[str] = []
        self.app = flask.Flask("login")
        for rule, answer, method in (
            ("/<tenant>/v2.0/.well-known/openid-configuration", _configuration, "GET"),
            ("/common/discovery/instance", _instance, "GET"),
            ("/<tenant>/oauth2/v2.0/token", self._token, "POST"),
        ):
            self.app.add_url_rule(rule, rule, answer, methods=[method])

    def _token(self, tenant: str) -> Any:
        form = flask.request.form
        try:
            assertion = jwt.decode(form.get("client_assertion", ""), _SECRET, ["HS256"], audience=AUDIENCE)
        except jwt.ExpiredSignatureError:
            said = "AADSTS700024: Client assertion is not within its valid time range."
            return {"error": "invalid_client", "error_description": said}, 401
        except jwt.InvalidTokenError as error:
            return {"error": "invalid_client", "error_description": f"AADSTS700027: the assertion: {error}"}, 401
        if tenant != TENANT or form.get("client_id") != CLIENT:
            return {"error": "unauthorized_client", "error_description": "AADSTS700016: no such application"}, 400
        self.assertions.append(assertion["jti"])
        audience = form["scope"].split(" ")[0].removesuffix("/.default").rstrip("/")
        token = make_token(audience, self.lifetime_s)
        return {"token_type": "Bearer", "expires_in": self.lifetime_s, "access_token": token}


def _configuration(tenant: str) -> dict[str, Any]:
    base = f"https://login.microsoftonline.com/{tenant}"
    return {
        "issuer": f"{base}/v2.0",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
    }


def _instance() -> dict[str, Any]:
    hosts = ["login.microsoftonline.com"]
    return {
        "tenant_discovery_endpoint": f"{_ISSUER}/v2.0/.well-known/openid-configuration",
        "metadata": [{"preferred_network": hosts[0], "preferred_cache": hosts[0], "aliases": hosts}],
    }


def make_token(audience: str, lifetime_s: int = Login.LIFETIME_S) -> str:
    now = int(time.time())
    claims = {"aud": audience, "iss": _ISSUER, "tid": TENANT, "oid": CLIENT, "appid": CLIENT}
    return jwt.encode({**claims, "iat": now, "nbf": now, "exp": now + lifetime_s}, _SECRET, "HS256")


def why_refused(audiences: tuple[str, ...]) -> str | None:
    """Why the present request is not let in: no token of ours, or one for something else."""
    kind, _, token = flask.request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer":
        return "Authentication failed. The 'Authorization' header is missing."
    try:
        claims = jwt.decode(token, _SECRET, ["HS256"], options={"verify_aud": False})
    except jwt.InvalidTokenError as error:
        return f"Authentication failed: {error}"
    return None if claims["aud"] in audiences else f"the token is for {claims['aud']}, not for {audiences[0]}"
