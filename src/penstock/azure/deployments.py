"""The deployments of an online endpoint at Azure: what one is made of, and those that there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.azure.client import AzureError, asking
from penstock.release.target import ReleaseError
from penstock.store.endpoints import Deployment

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_TAGS = {name: f"penstock.{name}" for name in ("model", "version", "digest", "run", "since")}
_PORT = 5001
# Of a pod on Kubernetes: a model of scikit-learn and its server take 0.3 GiB.
_REQUESTS, _LIMITS = {"cpu": "0.5", "memory": "1Gi"}, {"cpu": "1", "memory": "2Gi"}
_LOG_LINES = 40


class Size(Struct, frozen=True):
    """What a deployment runs on, and the shares of the traffic it gets while it is watched, in per cent."""

    instance_type: str = "Standard_DS3_v2"
    instances: int = 1
    share: int = 10
    mirror: int = 0


class Deployments:
    """Those of one endpoint. Methods raise AzureError."""

    def __init__(self, client: MLClient, endpoint: str) -> None:
        self._operations, self._endpoint = client.online_deployments, endpoint

    def names(self, *, ours: bool = False) -> list[str]:
        """Of all of them; `ours`: of those that penstock has made."""
        with asking(f"the deployments of {self._endpoint}"):
            found = self._operations.list(self._endpoint)
            return [str(each.name) for each in found if not ours or _TAGS["digest"] in (each.tags or {})]

    def state(self, name: str) -> str:
        """Azure's word for it (Creating, Succeeded, Failed, Deleting, ...); empty if there is none of this name."""
        if name not in self.names():
            return ""
        with asking(self._label(name)):
            state = self._operations.get(name, self._endpoint).provisioning_state
        return str(getattr(state, "value", state)).capitalize()

    def read(self, name: str) -> Deployment:
        """A deployment, as its tags tell."""
        with asking(self._label(name)):
            tags = self._operations.get(name, self._endpoint).tags or {}
        values = {key: str(tags.get(tag, "")) for key, tag in _TAGS.items()}
        return Deployment(
            id=name,
            model=values["model"],
            version=values["version"],
            digest=values["digest"],
            run=values["run"] or None,
            since=values["since"],
            workers=0,
        )

    def make(self, entity: Any) -> None:
        """Raises ReleaseError, with the end of its log, if it does not start."""
        try:
            with asking(self._label(entity.name)):
                self._operations.begin_create_or_update(entity).result()
        except AzureError as error:
            if error.status is not None:
                raise
            raise ReleaseError(f"it does not start: {error}{self._log(entity.name)}") from None

    def delete(self, name: str) -> None:
        """Remove one, and wait until it is gone."""
        with asking(self._label(name)):
            self._operations.begin_delete(name, self._endpoint).result()

    def _log(self, name: str) -> str:
        try:
            with asking(f"the log of {name}"):
                log = self._operations.get_logs(name, self._endpoint, _LOG_LINES)
        except AzureError:
            return ""
        return "".join(f"\n    {line}" for line in str(log).splitlines()[-_LOG_LINES:])

    def _label(self, name: str) -> str:
        return f"deployment {name} of {self._endpoint}"


def entity_of(version: Deployment, package: Path, endpoint: Any, size: Size, image: str | None) -> Any:
    """What azure-ai-ml makes a deployment of, of the kind of its endpoint.

    `image`: by its digest; None has Azure build the Dockerfile of the `package`.
    """
    from azure.ai.ml.entities import (
        BuildContext,
        Environment,
        KubernetesOnlineDeployment,
        ManagedOnlineDeployment,
        ResourceRequirementsSettings,
        ResourceSettings,
    )

    def route(path: str) -> dict[str, Any]:
        return {"port": _PORT, "path": path}

    routes = {"liveness_route": route("/"), "readiness_route": route("/"), "scoring_route": route("/score")}
    if image is not None:
        environment = Environment(image=image, inference_config=routes)
    else:
        environment = Environment(build=BuildContext(path=package), inference_config=routes)
    values = {name: getattr(version, name) or "" for name in _TAGS}
    common: dict[str, Any] = {
        "name": version.id,
        "endpoint_name": endpoint.name,
        "environment": environment,
        "tags": {_TAGS[name]: str(value) for name, value in values.items()},
        "instance_count": size.instances,
    }
    if is_on_kubernetes(endpoint):
        # azure-ai-ml 1.35 cannot read a deployment that says nothing of its resources.
        resources = ResourceRequirementsSettings(ResourceSettings(**_REQUESTS), ResourceSettings(**_LIMITS))
        return KubernetesOnlineDeployment(resources=resources, **common)
    return ManagedOnlineDeployment(instance_type=size.instance_type, **common)


def is_on_kubernetes(endpoint: Any) -> bool:
    """Whether an endpoint, as azure-ai-ml has it, is on an attached cluster."""
    return type(endpoint).__name__.startswith("Kubernetes")
