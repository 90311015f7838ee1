"""Online endpoints: deployments really serve their packages, and *.inference.ml.azure.com leads to them.

The front is Azure's: it asks for the key, shares the traffic out by weight or goes by the header, and answers 424 where
the server of the model has not answered 200, with the model's status in a header.
"""

from __future__ import annotations

import os
import random
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import requests

from local_azure.azurite import REPOSITORY
from local_azure.blobs import Blobs
from local_azure.documents import Document
from local_azure.errors import RefusedError, bad_request, conflict
from local_azure.resources import Resources

HOST = r"[\w-]+\.westeurope\.inference\.ml\.azure\.com"
_DOMAIN = "westeurope.inference.ml.azure.com"
_PROGRAMS = REPOSITORY / ".tools/scoring/bin"
_READY_S, _ANSWER_S = 60.0, 30.0
Images = Callable[[str], Path | None]


@dataclass
class Server:
    """The server of one deployment."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)


class OnlineEndpoints:
    """Hangs on `resources` what online endpoints do. `images` gives the folder of the package that an image is of."""

    def __init__(self, resources: Resources, blobs: Blobs, folder: Path, images: Images) -> None:
        self._resources, self._blobs, self._folder, self._images = resources, blobs, folder, images
        self._servers: dict[str, Server] = {}
        self._keys: dict[str, str] = {}
        self.mirrored: list[str] = []
        """The names of the deployments that got a copy of a request."""
        endpoints, deployments = "workspaces/onlineEndpoints", "workspaces/onlineEndpoints/deployments"
        resources.checked[endpoints] = self._check_traffic
        resources.written[endpoints] = self._written
        resources.removed[endpoints] = self._remove_all
        resources.checked[deployments] = self._check_deployment
        resources.written[deployments] = self._deploy
        resources.removed[deployments] = self._remove
        resources.actions[f"{endpoints}/listKeys"] = self._list_keys
        resources.actions[f"{deployments}/getLogs"] = self._logs
        self.app = flask.Flask("inference")
        self.app.add_url_rule("/<path:page>", "page", self._answer, methods=["GET", "POST"])

    def keys_of(self, path: str) -> str:
        """The primary key of an endpoint."""
        return self._keys[path.lower()]

    @property
    def keys(self) -> list[str]:
        """The primary keys of all endpoints."""
        return list(self._keys.values())

    def crash(self, path: str, deployment: str) -> None:
        """From now on the server of a deployment does not answer."""
        self._servers[f"{path}/deployments/{deployment}".lower()].end()

    def stop(self) -> None:
        for server in self._servers.values():
            server.end()
        self._servers.clear()
        self._keys.clear()

    def _check_traffic(self, path: str, body: Document) -> None:
        for key in ("traffic", "mirrorTraffic"):
            traffic = body["properties"].get(key) or {}
            for name in traffic:
                if f"{path}/deployments/{name}" not in self._resources.documents:
                    raise bad_request(f"{key} leads to the deployment {name}, which does not exist.")
            if sum(traffic.values()) not in ({0, 100} if key == "traffic" else range(51)):
                raise bad_request(f"The shares of {key} add up to {sum(traffic.values())} per cent.")

    def _written(self, path: str, document: Document) -> None:
        name = path.rpartition("/")[2]
        self._keys.setdefault(path.lower(), secrets.token_urlsafe(32))
        properties = document["properties"]
        properties["scoringUri"] = f"https://{name}.{_DOMAIN}/score"
        properties["swaggerUri"] = f"https://{name}.{_DOMAIN}/swagger.json"
        properties.setdefault("traffic", {})

    def _check_deployment(self, path: str, body: Document) -> None:
        image = self._environment(body).get("image", "")
        if image and self._images(image) is None:
            raise bad_request(f"The image {image} cannot be pulled.")
        body["properties"].setdefault("scaleSettings", {"scaleType": "Default"})

    def _deploy(self, path: str, document: Document) -> None:
        """Start its server; one that runs already is kept if only tags have changed."""
        if path.lower() in self._servers and self._servers[path.lower()].process.poll() is None:
            return
        package = self._package(path, document)
        server = self._started(package)
        self._servers[path.lower()] = server
        deadline = time.monotonic() + _READY_S
        while not _is_healthy(server):
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RefusedError(400, "BadArgument", "User container has crashed or terminated.")
            time.sleep(0.1)

    def _environment(self, document: Document) -> dict[str, Any]:
        id_ = document["properties"].get("environmentId", "").removeprefix("azureml:")
        found = self._resources.documents.get(id_)
        return dict(found["properties"]) if found is not None else {}

    def _package(self, path: str, document: Document) -> Path:
        environment = self._environment(document)
        if environment.get("image"):
            package = self._images(environment["image"])
            assert package is not None
            return package
        if not environment.get("build"):
            raise bad_request("This deployment has neither an image nor a build.")
        context = self._folder / f"{path.rpartition('/')[2]}-{secrets.token_hex(4)}"
        self._blobs.download_url(environment["build"]["contextUri"], context)
        return context

    def _started(self, package: Path) -> Server:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = self._folder / f"{port}-{secrets.token_hex(4)}.log"
        line = [str(_PROGRAMS / "python"), str(_PROGRAMS / "azmlinfsrv"), "--entry_script", "score.py"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*line, "--port", str(port), "--worker_count", "1"],
                cwd=package,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={
                    "PATH": f"{_PROGRAMS}{os.pathsep}{os.defpath}",
                    "AML_APP_ROOT": str(package),
                    "AZUREML_MODEL_DIR": str(package),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "PYTHONUNBUFFERED": "1",
                },
            )
        return Server(process, port, log)

    def _remove(self, path: str, _document: Document) -> None:
        endpoint, _, name = path.rpartition("/deployments/")
        document = self._resources.documents.get(endpoint)
        if document is not None and (document["properties"].get("traffic") or {}).get(name):
            raise conflict(f"The deployment {name} has traffic; take it away first.")
        server = self._servers.pop(path.lower(), None)
        if server is not None:
            server.end()

    def _remove_all(self, path: str, _document: Document) -> None:
        for key in [each for each in self._servers if each.startswith(f"{path.lower()}/")]:
            self._servers.pop(key).end()

    def _list_keys(self, path: str, _body: Any) -> Any:
        key = self._keys[path.lower()]
        return {"primaryKey": key, "secondaryKey": key[::-1]}

    def _logs(self, path: str, _body: Any) -> Any:
        server = self._servers.get(path.lower())
        return {"content": server.log.read_text(errors="replace")[-20_000:] if server is not None else ""}

    def _answer(self, page: str) -> Any:
        name = flask.request.host.split(".")[0]
        found = [path for path in self._resources.documents if path.lower().endswith(f"/onlineendpoints/{name}")]
        if not found or page not in {"score", "swagger.json"}:
            return {"error": "not found"}, 404
        path, key = found[0], self._keys[found[0].lower()]
        if flask.request.headers.get("Authorization", "") not in {f"Bearer {key}", f"Bearer {key[::-1]}"}:
            return {"error": "key_auth_access_denied"}, 401
        properties = self._resources.documents.get(path)["properties"]  # type: ignore[index]
        chosen = flask.request.headers.get("azureml-model-deployment") or _by_weight(properties.get("traffic"))
        server = self._servers.get(f"{path}/deployments/{chosen}".lower())
        if server is None:
            return {"error": "no such deployment"}, 404
        asked = (flask.request.method, f"/{page}", flask.request.get_data(), flask.request.content_type)
        for other, share in (properties.get("mirrorTraffic") or {}).items():
            copy = self._servers.get(f"{path}/deployments/{other}".lower())
            if copy is not None and random.random() * 100 < share:
                self.mirrored.append(other)
                threading.Thread(target=_ask, args=[copy, *asked], daemon=True).start()
        return _passed_on(_ask(server, *asked))


def _by_weight(traffic: dict[str, int] | None) -> str | None:
    shares = {name: share for name, share in (traffic or {}).items() if share}
    return random.choices(list(shares), list(shares.values()))[0] if shares else None


def _ask(server: Server, method: str, page: str, body: bytes, kind: str | None) -> requests.Response | None:
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Content-Type": kind} if kind else {}
        try:
            return session.request(method, f"{server.url}{page}", data=body, headers=headers, timeout=_ANSWER_S)
        except requests.RequestException:
            return None


def _passed_on(answer: requests.Response | None) -> Any:
    if answer is None:
        return {"error": "the server does not answer"}, 502
    headers = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
    if answer.status_code == 200:
        return flask.Response(answer.content, 200, headers)
    headers["ms-azureml-model-error-statuscode"] = str(answer.status_code)
    headers["ms-azureml-model-error-reason"] = "model_error"
    return flask.Response(answer.content, 424, headers)


def _is_healthy(server: Server) -> bool:
    answer = _ask(server, "GET", "/", b"", None)
    return answer is not None and answer.status_code == 200
