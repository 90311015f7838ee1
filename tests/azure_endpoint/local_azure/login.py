"""login.microsoftonline.com: tokens for a workload identity, and whether a request bears one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import flask
import jwt

TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"
_ISSUER = f"https://login.microsoftonline.com/{TENANT}"
_SECRET = "signs what only this machine believes, and only while it runs"
_LIFETIME_S = 3600

login = flask.Blueprint("login", __name__)


def write_federated_token(folder: Path) -> Path:
    """What a pipeline's service connection hands to a job in place of a secret."""
    file = folder / "federated-token"
    file.touch(mode=0o600)
    file.write_text(jwt.encode({"iss": "https://vstoken.dev.azure.com/here", "sub": "sc://here"}, _SECRET, "HS256"))
    return file


@login.get("/<tenant>/v2.0/.well-known/openid-configuration")
def _configuration(tenant: str) -> dict[str, Any]:
    base = f"https://login.microsoftonline.com/{tenant}"
    return {
        "issuer": f"{base}/v2.0",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
    }


@login.get("/common/discovery/instance")
def _instance() -> dict[str, Any]:
    hosts = ["login.microsoftonline.com"]
    return {
        "tenant_discovery_endpoint": f"{_ISSUER}/v2.0/.well-known/openid-configuration",
        "metadata": [{"preferred_network": hosts[0], "preferred_cache": hosts[0], "aliases": hosts}],
    }


@login.post("/<tenant>/oauth2/v2.0/token")
def _token(tenant: str) -> Any:
    form = flask.request.form
    try:
        jwt.decode(form.get("client_assertion", ""), _SECRET, ["HS256"], options={"verify_aud": False})
    except jwt.InvalidTokenError:
        return {"error": "invalid_client", "error_description": "AADSTS700027: the assertion is not signed"}, 401
    if tenant != TENANT or form.get("client_id") != CLIENT:
        return {"error": "unauthorized_client", "error_description": "AADSTS700016: no such application"}, 400
    audience = form["scope"].split(" ")[0].removesuffix("/.default").rstrip("/")
    return {"token_type": "Bearer", "expires_in": _LIFETIME_S, "access_token": make_token(audience)}


def make_token(audience: str) -> str:
    now = int(time.time())
    claims = {"aud": audience, "iss": _ISSUER, "tid": TENANT, "oid": CLIENT, "appid": CLIENT}
    return jwt.encode({**claims, "iat": now, "nbf": now, "exp": now + _LIFETIME_S}, _SECRET, "HS256")


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
