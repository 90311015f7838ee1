"""Online endpoints at Azure, managed and on Kubernetes, as a target of releases.

A deployment is made beside the current one, without traffic, and asked by the header `azureml-model-deployment`. One
write of the endpoint's traffic and tags makes it the current one. What was current before stays, without traffic, for a
rollback. https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.azure.client import AzureError, asking
from penstock.errors import RunError
from penstock.release.http import score
from penstock.release.packages import Package
from penstock.release.target import Caller, ReleaseError
from penstock.store.endpoints import Deployment

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_PASSED = "penstock.passed."
_CURRENT = "penstock.current"
_TAGS = {name: f"penstock.{name}" for name in ("model", "version", "digest", "run", "since")}
_PREVIOUS = "penstock.previous"
_PORT = 5001
_TIMEOUT_S = 60.0
# Of a pod on Kubernetes: a model of scikit-learn and its server take 0.3 GiB.
_REQUESTS, _LIMITS = {"cpu": "0.5", "memory": "1Gi"}, {"cpu": "1", "memory": "2Gi"}
_SICK_AFTER = 3
_LOG_LINES = 40


class Size(Struct, frozen=True):
    """What a deployment runs on, and the shares of the traffic it gets while it is watched, in per cent."""

    instance_type: str = "Standard_DS3_v2"
    instances: int = 1
    share: int = 10
    mirror: int = 0


class OnlineTarget:
    """One online endpoint. `image` is what is deployed, by its digest; None has Azure build the package's Dockerfile.

    `contract` is that of the package: while it is watched, its first request is asked again and again.
    """

    def __init__(
        self,
        client: MLClient,
        name: str,
        contract: Mapping[str, Any],
        size: Size,
        told: Callable[[str], None],
        image: str | None = None,
    ) -> None:
        self._client, self.name, self._contract = client, name, contract
        self._size, self._told, self._image = size, told, image
        with asking(f"endpoint {name}"):
            self._endpoint = client.online_endpoints.get(name)
            self._key = client.online_endpoints.get_keys(name).primary_key
        self._tags_before = dict(self._endpoint.tags or {})
        self._former = current_of(self._endpoint.traffic, self._tags_before)
        self._candidate: Deployment | None = None
        self._given: tuple[int, int] = (0, 0)  # of the traffic, and of its copies, to the candidate
        self._sick = 0

    @property
    def current(self) -> Deployment | None:
        return self.read(self._former) if self._former is not None else None

    @property
    def previous(self) -> str | None:
        """The name of the deployment that was current before."""
        previous = (self._endpoint.tags or {}).get(_PREVIOUS)
        return previous if previous in self._names() else None

    @property
    def is_split(self) -> bool:
        """Whether others than the current deployment have traffic, or a copy of it."""
        return bool(self._sharing())

    @property
    def unfinished(self) -> list[str]:
        """The deployments of a release that was cut off: what neither serves nor did before, but was made or shares."""
        return sorted(self._sharing() | set(self._names(ours=True)) - {self._former, self.previous})

    def end_sharing(self) -> None:
        """What is current has all of the traffic again."""
        self._take_back(self._sharing())

    def end_unfinished(self, names: Collection[str]) -> None:
        """What is current has their traffic again, and what penstock has made of them goes."""
        self._take_back(names)
        for name in set(names) & set(self._names(ours=True)):
            self._delete(name)

    def _sharing(self) -> set[str]:
        shares = [*(self._endpoint.traffic or {}).items(), *(self._endpoint.mirror_traffic or {}).items()]
        return {name for name, share in shares if share and name != self._former}

    def start(self, package: Package, version: Deployment) -> Caller:
        """Make a deployment without traffic; Azure waits until its server says that it is ready."""
        if self._size.mirror and _is_kubernetes(self._endpoint):
            raise RunError(
                f"{self.name} is on Kubernetes, whose endpoints mirror no traffic; give it a share (--share)"
            )
        self._candidate = version
        if version.id in self._names() and not self._is_ready(version.id):
            self._delete(version.id)  # what an earlier release has left
        if version.id not in self._names():
            self._told(f"{self.name}: making deployment {version.id}, which takes Azure some minutes")
            self._make(self._entity(package, version))
        return self._caller(version.id)

    def start_again(self, name: str) -> Caller:
        """Take a deployment that is there for what is to be made current."""
        self._candidate = self.read(name)
        return self._caller(name)

    def admit(self) -> Caller:
        """Give it its share of the traffic, or a copy of some of it."""
        version = self._chosen()
        if self._former is not None and self._former != version.id:
            if self._size.mirror:
                self._set_traffic({self._former: 100}, mirror={version.id: self._size.mirror})
            elif self._size.share:
                self._set_traffic({self._former: 100 - self._size.share, version.id: self._size.share})
        self._given = self._shares(version.id)
        return self._caller(version.id)

    def troubles(self) -> list[str]:
        """Azure tells of failed requests in its monitor only, minutes later; so the deployment itself is asked."""
        case = next(case for case in self._contract["cases"] if "answer" in case)
        answer = score(self._caller(self._chosen().id), json.dumps(case["request"]).encode(), _TIMEOUT_S)
        self._sick = self._sick + 1 if answer.status != case["status"] else 0
        if self._sick < _SICK_AFTER:
            return []
        self._refresh()
        self._require_undisturbed()  # else it is not to blame
        return [f"it has not answered {self._sick} times in a row (status {answer.status}: {answer.text[:200]})"]

    def promote(self) -> Deployment:
        """Raises RunError if somebody else has changed meanwhile what serves, or what the candidate was given."""
        version = self._chosen()
        self._refresh()
        self._require_undisturbed()
        self._tags_before = dict(self._endpoint.tags or {})
        former = self._former if self._former != version.id else (self._endpoint.tags or {}).get(_PREVIOUS)
        before = self._endpoint.tags or {}
        tags = {key: value for key, value in before.items() if key != _PREVIOUS and not key.startswith(_PASSED)}
        tags[f"{_PASSED}{version.id}"] = version.digest
        tags[_CURRENT] = version.id
        if former is not None:
            tags[_PREVIOUS] = former
            if f"{_PASSED}{former}" in before:
                tags[f"{_PASSED}{former}"] = before[f"{_PASSED}{former}"]
        self._set_traffic({version.id: 100}, tags=tags)
        return self.read(version.id)

    def go_back(self) -> Deployment:
        """Make what was started again the current one in place of what is; that one is removed, and has not passed.

        That it cannot be removed is told, and is no fault: it has no traffic, and the next release removes it.
        """
        bad, good = self._former, self._chosen()
        self._refresh()
        tags = {key: value for key, value in (self._endpoint.tags or {}).items() if key != _PREVIOUS}
        tags.pop(f"{_PASSED}{bad}", None)
        self._set_traffic({good.id: 100}, tags={**tags, _CURRENT: good.id})
        if bad is not None:
            try:
                self._delete(bad)
            except AzureError as error:
                self._told(f"{error} It has no traffic, and the next release removes it.")
        return self.read(good.id)

    def serve_nothing(self) -> None:
        """Take the traffic from the first version that an endpoint has served, which has not passed then."""
        keys = {_CURRENT, f"{_PASSED}{self._former}"}
        self._set_traffic({}, tags={key: each for key, each in (self._endpoint.tags or {}).items() if key not in keys})

    def retire_former(self) -> None:
        """What was current keeps running without traffic, for a rollback; what else penstock has made goes."""
        kept = {self._chosen().id, (self._endpoint.tags or {}).get(_PREVIOUS)}
        for name in self._names(ours=True):
            if name not in kept:
                self._delete(name)

    def abandon(self) -> None:
        """Without the candidate, and without what was written of it; what others have changed meanwhile stays so."""
        candidate = self._candidate
        if candidate is None:
            return
        with contextlib.suppress(AzureError):  # it may be that the answer to a write was lost
            self._refresh()
        tags = dict(self._endpoint.tags or {})
        if tags.get(_CURRENT) == candidate.id:  # promoted, and nobody has been told
            tags = {**{key: value for key, value in tags.items() if not _is_ours(key)}, **self._tags_before}
            if candidate.id == self._former:  # only its pass is new
                self._set_traffic(dict(self._endpoint.traffic), mirror=self._endpoint.mirror_traffic, tags=tags)
            else:
                self._set_traffic({self._former: 100} if self._former is not None else {}, tags=tags)
        elif any(self._shares(candidate.id)):
            self._take_back([candidate.id])
        if candidate.id in self._names() and candidate.id not in {self._former, self.previous}:
            self._delete(candidate.id)

    def require_same(self, current: Deployment) -> None:
        """Look again. Raises RunError if it is not current any more."""
        self._refresh()
        if current_of(self._endpoint.traffic, self._endpoint.tags) != current.id:
            raise RunError(f"{self.name}: {current.id} is not current any more: another release has come between")

    def forget_passed(self, digest: str) -> None:
        """What bears this digest has not passed here any more."""
        tags = {key: value for key, value in (self._endpoint.tags or {}).items() if not _is_passed(key, value, digest)}
        self._set_traffic(dict(self._endpoint.traffic or {}), mirror=self._endpoint.mirror_traffic, tags=tags)

    def has_passed(self, digest: str) -> bool:
        """Whether a package of this digest was current here, and has not been withdrawn since."""
        return any(_is_passed(key, value, digest) for key, value in (self._endpoint.tags or {}).items())

    def _entity(self, package: Package, version: Deployment) -> Any:
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
        if self._image is not None:
            environment = Environment(image=self._image, inference_config=routes)
        else:
            environment = Environment(build=BuildContext(path=package.path), inference_config=routes)
        values = {name: getattr(version, name) or "" for name in _TAGS}
        common: dict[str, Any] = {
            "name": version.id,
            "endpoint_name": self.name,
            "environment": environment,
            "tags": {_TAGS[name]: str(value) for name, value in values.items()},
            "instance_count": self._size.instances,
        }
        if _is_kubernetes(self._endpoint):
            # azure-ai-ml 1.35 cannot read a deployment that says nothing of its resources.
            resources = ResourceRequirementsSettings(ResourceSettings(**_REQUESTS), ResourceSettings(**_LIMITS))
            return KubernetesOnlineDeployment(resources=resources, **common)
        return ManagedOnlineDeployment(instance_type=self._size.instance_type, **common)

    def _make(self, entity: Any) -> None:
        """Raises ReleaseError, with the end of its log, if it does not start."""
        try:
            with asking(f"deployment {entity.name} of {self.name}"):
                self._client.online_deployments.begin_create_or_update(entity).result()
        except AzureError as error:
            if error.status is not None or entity.name not in self._names():  # somebody has ended it
                raise
            raise ReleaseError(f"it does not start: {error}{self._log(entity.name)}") from None

    def _log(self, name: str) -> str:
        try:
            with asking(f"the log of {name}"):
                log = self._client.online_deployments.get_logs(name, self.name, _LOG_LINES)
        except AzureError:
            return ""
        return "".join(f"\n    {line}" for line in str(log).splitlines()[-_LOG_LINES:])

    def _set_traffic(
        self, traffic: dict[str, int], *, mirror: dict[str, int] | None = None, tags: dict[str, str] | None = None
    ) -> None:
        endpoint = self._endpoint
        wanted = (traffic, mirror or {}, endpoint.tags if tags is None else tags)
        there = (dict(endpoint.traffic or {}), dict(endpoint.mirror_traffic or {}), endpoint.tags)
        if wanted == there:
            return
        endpoint.traffic, endpoint.mirror_traffic, endpoint.tags = wanted
        with asking(f"endpoint {self.name}"):
            self._client.online_endpoints.begin_create_or_update(endpoint).result()
            self._endpoint = self._client.online_endpoints.get(self.name)

    def _refresh(self) -> None:
        with asking(f"endpoint {self.name}"):
            self._endpoint = self._client.online_endpoints.get(self.name)

    def _shares(self, name: str) -> tuple[int, int]:
        """Of the traffic, and of its copies, in per cent."""
        return (self._endpoint.traffic or {}).get(name, 0), (self._endpoint.mirror_traffic or {}).get(name, 0)

    def _take_back(self, names: Collection[str]) -> None:
        """What they have of the traffic goes to what is current; others keep theirs."""
        current = current_of(self._endpoint.traffic, self._endpoint.tags)
        current = self._former if current in names else current
        mirror = {name: share for name, share in (self._endpoint.mirror_traffic or {}).items() if name not in names}
        traffic = {name: share for name, share in (self._endpoint.traffic or {}).items() if share and name not in names}
        if current in traffic:
            traffic[str(current)] += 100 - sum(traffic.values())
        self._set_traffic(traffic, mirror=mirror)

    def _require_undisturbed(self) -> None:
        """Raises RunError unless the endpoint, as read last, has what the candidate was given, and the same current."""
        name = self._chosen().id
        current = current_of(self._endpoint.traffic, self._endpoint.tags)
        if self._shares(name) == self._given and current == self._former and name in self._names():
            return
        raise RunError(
            f"{self.name}: somebody else has changed its traffic while {name} was watched, or has ended this release; "
            "so it is not made current"
        )

    def _delete(self, name: str) -> None:
        with asking(f"deployment {name} of {self.name}"):
            self._client.online_deployments.begin_delete(name, self.name).result()

    def _is_ready(self, name: str) -> bool:
        with asking(f"deployment {name} of {self.name}"):
            state = self._client.online_deployments.get(name, self.name).provisioning_state
        return str(getattr(state, "value", state)).lower() == "succeeded"

    def _names(self, *, ours: bool = False) -> list[str]:
        """Of the deployments; `ours`: of those that penstock has made."""
        with asking(f"the deployments of {self.name}"):
            found = self._client.online_deployments.list(self.name)
            return [str(each.name) for each in found if not ours or _TAGS["digest"] in (each.tags or {})]

    def read(self, name: str) -> Deployment:
        """A deployment, as its tags tell."""
        with asking(f"deployment {name} of {self.name}"):
            tags = self._client.online_deployments.get(name, self.name).tags or {}
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

    def _chosen(self) -> Deployment:
        if self._candidate is None:
            raise RunError("nothing was started")
        return self._candidate

    def _caller(self, name: str) -> Caller:
        url = str(self._endpoint.scoring_uri).removesuffix("/score")
        return Caller(url, self._key, {"azureml-model-deployment": name}, has_health=False)

    def everyone(self) -> Caller:
        """The endpoint's own address, as its users have it; while others have a share, what is current by its name."""
        if self._former is not None and self.is_split:
            return self._caller(self._former)
        url = str(self._endpoint.scoring_uri).removesuffix("/score")
        return Caller(url, self._key, has_health=False)


def current_of(traffic: Mapping[str, int] | None, tags: Mapping[str, str] | None = None) -> str | None:
    """The deployment that was promoted last, while it has traffic; else the one that has most of it, None without any.

    So a release that is cut off does not make its version the current one, whatever share it was given.
    """
    shares = {name: share for name, share in (traffic or {}).items() if share}
    promoted = (tags or {}).get(_CURRENT)
    if promoted in shares:
        return promoted
    return max(shares, key=lambda name: shares[name]) if shares else None


def _is_passed(key: str, value: str, digest: str) -> bool:
    return key.startswith(_PASSED) and value == digest


def _is_ours(tag: str) -> bool:
    return tag in {_CURRENT, _PREVIOUS} or tag.startswith(_PASSED)


def _is_kubernetes(endpoint: Any) -> bool:
    return type(endpoint).__name__.startswith("Kubernetes")
