"""Online endpoints at Azure, managed and on Kubernetes, as a target of releases.

A deployment is made beside the current one, without traffic, and asked by the header `azureml-model-deployment`. One
write of the endpoint's traffic and tags makes it the current one. What was current before stays, without traffic, for a
rollback. https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints

Azure replaces an endpoint's traffic and tags by each write, and knows no condition for it. So the endpoint is read
again before each, and nothing is written over what others have changed meanwhile. A tag says whose release is going on.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from penstock.azure.client import AzureError, asking
from penstock.azure.deployments import Deployments, Size, entity_of, is_on_kubernetes
from penstock.errors import RunError
from penstock.release.http import score
from penstock.release.packages import Package
from penstock.release.target import Caller, ReleaseError
from penstock.store.endpoints import Deployment

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_PASSED = "penstock.passed."
_CURRENT, _PREVIOUS, _RELEASE = "penstock.current", "penstock.previous", "penstock.release"
_TIMEOUT_S = 60.0
_SICK_AFTER = 3
# Not the package's fault: another key by now, no right, too many requests for one instance.
_OF_THE_PLACE = {401, 403, 429}
_IN_WORK = {"Creating", "Updating", "Scaling", "Deleting"}


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
        self._deployments = Deployments(client, name)
        with asking(f"endpoint {name}"):
            self._endpoint = client.online_endpoints.get(name)
            self._key = client.online_endpoints.get_keys(name).primary_key
        self._former = current_of(self._endpoint.traffic, self._endpoint.tags)
        self._candidate: Deployment | None = None
        self._given: tuple[int, int] = (0, 0)  # of the traffic, and of its copies, to the candidate
        self._own = secrets.token_hex(4)  # this release, among others
        self._before: dict[str, str] | None = None  # the tags, before the first of them was written
        self._sick = 0

    @property
    def current(self) -> Deployment | None:
        return self.read(self._former) if self._former is not None else None

    @property
    def previous(self) -> str | None:
        """The name of the deployment that was current before."""
        previous = self._tags.get(_PREVIOUS)
        return previous if previous in self._deployments.names() else None

    @property
    def is_split(self) -> bool:
        """Whether others than the current deployment have traffic, or a copy of it."""
        return bool(self._sharing())

    @property
    def unfinished(self) -> list[str]:
        """The deployments of a release that was cut off: what neither serves nor did before, but was made or shares."""
        return sorted(self._sharing() | set(self._deployments.names(ours=True)) - {self._former, self.previous})

    def read(self, name: str) -> Deployment:
        """A deployment, as its tags tell."""
        return self._deployments.read(name)

    def end_sharing(self) -> None:
        """What is current has all of the traffic again."""
        self._begin_anew()
        self._take_back(self._sharing())

    def end_unfinished(self, names: Collection[str]) -> None:
        """What is current has their traffic again, and what penstock has made of them goes; but not what serves now."""
        self._begin_anew()
        left = set(names) - {self._former, self.previous}
        self._take_back(left)
        for name in left & set(self._deployments.names(ours=True)):
            self._deployments.delete(name)

    def start(self, package: Package, version: Deployment) -> Caller:
        """Make a deployment without traffic; Azure waits until its server says that it is ready."""
        if self._size.mirror and is_on_kubernetes(self._endpoint):
            raise RunError(
                f"{self.name} is on Kubernetes, whose endpoints mirror no traffic; give it a share (--share)"
            )
        self._candidate, self._given = version, self._shares(version.id)
        state = self._deployments.state(version.id)
        if state in _IN_WORK:
            raise RunError(
                f"{self.name}: deployment {version.id} is {state.lower()}: another release of this version goes on, or "
                "Azure has not done with one that was cut off. Release it again when that is over"
            )
        if state not in {"", "Succeeded"}:
            self._deployments.delete(version.id)  # what an earlier release has left
        if state != "Succeeded":
            self._told(f"{self.name}: making deployment {version.id}, which takes Azure some minutes")
            self._deployments.make(entity_of(version, package.path, self._endpoint, self._size, self._image))
        return self._caller(version.id)

    def start_again(self, name: str) -> Caller:
        """Take a deployment that is there for what is to be made current."""
        self._candidate = self.read(name)
        return self._caller(name)

    def admit(self) -> Caller:
        """Give it its share of the traffic, or a copy of some of it.

        Raises RunError if somebody else has changed meanwhile what serves, or is giving a share to another.
        """
        version = self._chosen()
        self._refresh()
        self._require_undisturbed()
        if self._sharing() - {version.id}:
            raise RunError(f"{self.name}: another release goes on: {', '.join(sorted(self._sharing()))} has a share")
        self._before = self._tags
        traffic, mirror = dict(self._endpoint.traffic or {}), dict(self._endpoint.mirror_traffic or {})
        if self._former is not None and self._former != version.id:
            if self._size.mirror:
                traffic, mirror = {self._former: 100}, {version.id: self._size.mirror}
            elif self._size.share:
                traffic = {self._former: 100 - self._size.share, version.id: self._size.share}
        self._write(traffic, mirror, {**self._tags, _RELEASE: self._own})
        self._given = self._shares(version.id)
        return self._caller(version.id)

    def troubles(self) -> list[str]:
        """Azure tells of failed requests in its monitor only, minutes later; so the deployment itself is asked.

        Raises RunError if it cannot be asked, for a reason that does not lie in it.
        """
        case = next(case for case in self._contract["cases"] if "answer" in case)
        answer = score(self._caller(self._chosen().id), json.dumps(case["request"]).encode(), _TIMEOUT_S)
        self._sick = self._sick + 1 if answer.status != case["status"] else 0
        if self._sick < _SICK_AFTER:
            return []
        said = f"it has not answered {self._sick} times in a row (status {answer.status}: {answer.text[:200]})"
        if answer.status in _OF_THE_PLACE:
            raise RunError(f"{self.name}: {self._chosen().id} cannot be watched: {said}")
        return [said]

    def reason(self, error: ReleaseError) -> RunError:
        """The error, unless somebody else has ended this release, or changed what it was given: then this."""
        try:
            self._refresh()
            self._require_undisturbed()
        except AzureError:
            return error
        except RunError as disturbed:
            return disturbed
        return error

    def promote(self) -> Deployment:
        """Raises RunError if somebody else has changed meanwhile what serves, or what the candidate was given."""
        version = self._chosen()
        self._refresh()
        self._require_undisturbed()
        before = self._before = self._unmarked(self._before or {})
        former = self._former if self._former != version.id else before.get(_PREVIOUS)
        tags = {key: value for key, value in self._tags.items() if key != _PREVIOUS and not key.startswith(_PASSED)}
        tags |= {f"{_PASSED}{version.id}": version.digest, _CURRENT: version.id}
        if former is not None:
            tags |= {_PREVIOUS: former, **_only(before, f"{_PASSED}{former}")}
        self._write({version.id: 100}, {}, tags)
        return self.read(version.id)

    def go_back(self) -> Deployment:
        """Make what was started again the current one in place of what is; that one is removed, and has not passed.

        That it cannot be removed is told, and is no fault: it has no traffic, and the next release removes it.

        Raises RunError if another is current by now, which stays so.
        """
        good = self._chosen()
        bad = self._still_current()
        tags = {key: value for key, value in self._tags.items() if key not in {_PREVIOUS, f"{_PASSED}{bad}"}}
        self._write({good.id: 100}, {}, {**tags, _CURRENT: good.id})
        if bad is not None:
            self._clear_away(bad)
        return self.read(good.id)

    def serve_nothing(self) -> None:
        """Take the traffic from the first version that an endpoint has served, which has not passed then.

        Raises RunError if another is current by now, which stays so.
        """
        keys = {_CURRENT, f"{_PASSED}{self._still_current()}"}
        self._write({}, {}, {key: value for key, value in self._tags.items() if key not in keys})

    def retire_former(self) -> None:
        """What was current keeps running without traffic, for a rollback; what else penstock has made goes."""
        kept = {self._chosen().id, self._tags.get(_PREVIOUS)}
        for name in self._deployments.names(ours=True):
            if name not in kept:
                self._clear_away(name)

    def abandon(self) -> None:
        """Without the candidate, and without what was written of it; what others have changed meanwhile stays so."""
        candidate = self._candidate
        if candidate is None:
            return
        with contextlib.suppress(AzureError):  # it may be that the answer to a write was lost
            self._refresh()
        before = self._tags if self._before is None else self._before
        whose = self._tags.get(_RELEASE)
        if whose == self._own:
            self._undo(candidate.id, before)
        is_served = any(self._shares(candidate.id)) or candidate.id in {self._former, self.previous}
        is_ours = whose in {self._own, before.get(_RELEASE)}
        if is_ours and not is_served and candidate.id in self._deployments.names():
            self._deployments.delete(candidate.id)

    def _undo(self, candidate: str, before: dict[str, str]) -> None:
        """What this release has written of traffic and tags; `before`: the tags."""
        traffic, mirror = dict(self._endpoint.traffic or {}), dict(self._endpoint.mirror_traffic or {})
        tags = self._unmarked(before)
        current, has_passed = tags.get(_CURRENT), f"{_PASSED}{candidate}" in tags
        is_new = (current, has_passed) != (before.get(_CURRENT), f"{_PASSED}{candidate}" in before)
        if current == candidate and is_new:  # promoted, and nobody has been told
            tags = before
            if candidate != self._former:
                traffic, mirror = {self._former: 100} if self._former is not None else {}, {}
        elif candidate != self._former:
            traffic, mirror = self._without([candidate])
        self._write(traffic, mirror, tags)

    def require_same(self, current: Deployment) -> None:
        """Look again. Raises RunError if it is not current any more."""
        if self._still_current() != current.id:
            raise RunError(f"{self.name}: {current.id} is not current any more: another release has come between")

    def forget_passed(self, digest: str) -> None:
        """What bears this digest has not passed here any more."""
        self._refresh()
        tags = {key: value for key, value in self._tags.items() if not _is_passed(key, value, digest)}
        self._write(dict(self._endpoint.traffic or {}), dict(self._endpoint.mirror_traffic or {}), tags)

    def has_passed(self, digest: str) -> bool:
        """Whether a package of this digest was current here, and has not been withdrawn since."""
        return any(_is_passed(key, value, digest) for key, value in self._tags.items())

    def everyone(self) -> Caller:
        """The endpoint's own address, as its users have it; while others have a share, what is current by its name."""
        if self._former is not None and self.is_split:
            return self._caller(self._former)
        url = str(self._endpoint.scoring_uri).removesuffix("/score")
        return Caller(url, self._key, has_health=False)

    @property
    def _tags(self) -> dict[str, str]:
        """Of the endpoint, as it was read last."""
        return dict(self._endpoint.tags or {})

    def _unmarked(self, before: Mapping[str, str]) -> dict[str, str]:
        """The tags as they were read last, but whose release goes on is as it was `before`."""
        return {**{key: value for key, value in self._tags.items() if key != _RELEASE}, **_only(before, _RELEASE)}

    def _refresh(self) -> None:
        with asking(f"endpoint {self.name}"):
            self._endpoint = self._client.online_endpoints.get(self.name)

    def _begin_anew(self) -> None:
        self._refresh()
        self._former = current_of(self._endpoint.traffic, self._tags)

    def _still_current(self) -> str | None:
        """Look again. Raises RunError if another is current than before."""
        self._refresh()
        if current_of(self._endpoint.traffic, self._tags) != self._former:
            raise RunError(f"{self.name}: {self._former} is not current any more: another release has come between")
        return self._former

    def _sharing(self) -> set[str]:
        shares = [*(self._endpoint.traffic or {}).items(), *(self._endpoint.mirror_traffic or {}).items()]
        return {name for name, share in shares if share and name != self._former}

    def _shares(self, name: str) -> tuple[int, int]:
        """Of the traffic, and of its copies, in per cent."""
        return (self._endpoint.traffic or {}).get(name, 0), (self._endpoint.mirror_traffic or {}).get(name, 0)

    def _require_undisturbed(self) -> None:
        """Raises RunError unless the endpoint, as read last, has what the candidate was given, and the same current."""
        name, is_admitted = self._chosen().id, self._before is not None
        same = self._shares(name) == self._given and current_of(self._endpoint.traffic, self._tags) == self._former
        is_own = not is_admitted or self._tags.get(_RELEASE) == self._own
        if not same or not is_own or self._deployments.state(name) in {"", "Deleting"}:
            raise RunError(
                f"{self.name}: somebody else has changed its traffic while {name} was tested, or has ended this "
                "release; so it is not made current"
            )

    def _without(self, names: Collection[str]) -> tuple[dict[str, int], dict[str, int]]:
        """Traffic and mirror, if what these have of the traffic goes to what is current; others keep theirs."""
        mirror = {name: share for name, share in (self._endpoint.mirror_traffic or {}).items() if name not in names}
        traffic = {name: share for name, share in (self._endpoint.traffic or {}).items() if share and name not in names}
        current = current_of(self._endpoint.traffic, self._tags)
        current = self._former if current in names else current
        if current in traffic:
            traffic[str(current)] += 100 - sum(traffic.values())
        return traffic, mirror

    def _take_back(self, names: Collection[str]) -> None:
        self._write(*self._without(names), self._tags)

    def _write(self, traffic: dict[str, int], mirror: dict[str, int], tags: dict[str, str]) -> None:
        endpoint = self._endpoint
        there = (_shared(endpoint.traffic), _shared(endpoint.mirror_traffic), self._tags)
        if (_shared(traffic), _shared(mirror), tags) == there:
            return
        endpoint.traffic, endpoint.mirror_traffic, endpoint.tags = traffic, mirror, tags
        with asking(f"endpoint {self.name}"):
            self._client.online_endpoints.begin_create_or_update(endpoint).result()
        self._refresh()

    def _clear_away(self, name: str) -> None:
        """Remove what has no traffic any more. That Azure refuses is told; the next release tries again."""
        try:
            self._deployments.delete(name)
        except AzureError as error:
            self._told(f"{error} It has no traffic, and the next release removes it.")

    def _chosen(self) -> Deployment:
        if self._candidate is None:
            raise RunError("nothing was started")
        return self._candidate

    def _caller(self, name: str) -> Caller:
        url = str(self._endpoint.scoring_uri).removesuffix("/score")
        return Caller(url, self._key, {"azureml-model-deployment": name}, has_health=False)


def current_of(traffic: Mapping[str, int] | None, tags: Mapping[str, str] | None = None) -> str | None:
    """The deployment that was promoted last, while it has traffic; else the one that has most of it, None without any.

    So a release that is cut off does not make its version the current one, whatever share it was given.
    """
    shares = _shared(traffic)
    promoted = (tags or {}).get(_CURRENT)
    if promoted in shares:
        return promoted
    return max(shares, key=lambda name: shares[name]) if shares else None


def _shared(traffic: Mapping[str, int] | None) -> dict[str, int]:
    return {name: share for name, share in (traffic or {}).items() if share}


def _only(tags: Mapping[str, str], key: str) -> dict[str, str]:
    return {key: tags[key]} if key in tags else {}


def _is_passed(key: str, value: str, digest: str) -> bool:
    return key.startswith(_PASSED) and value == digest
