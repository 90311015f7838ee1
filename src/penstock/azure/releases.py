"""Releases, rollbacks and smoke tests on the online endpoints of a workspace."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.azure.arm import Arm
from penstock.azure.client import AzureError
from penstock.azure.deployments import Size
from penstock.azure.online import OnlineTarget
from penstock.azure.registry import IMAGE_TAG, Models
from penstock.errors import RunError
from penstock.release.packages import Anchor, Package, digest_anchor, read_package, verify
from penstock.release.rollout import roll_out
from penstock.release.service import endpoint_of
from penstock.release.smoke import Check, read_contract, smoke
from penstock.release.target import ReleaseError
from penstock.store.endpoints import Deployment, now
from penstock.store.stages import Stage
from penstock_steps.registry import PACKAGE_DIGEST_TAG

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

STAGES = ("staging", "prod")
_ROUNDS, _BETWEEN_S = 3, 2.0
WATCH_S = 60.0
# https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas#azure-machine-learning-online-endpoints-and-batch-endpoints
_LONGEST_NAME = 32


class Place(Struct, frozen=True):
    """Where a stage's endpoints are, and what their names begin with."""

    client: Any
    prefix: str = ""


class Releases:
    """The endpoints of a stage. `told` gets what goes on, in sentences; `places`: of "staging" and of "prod"."""

    def __init__(
        self, client: MLClient, stage: Stage, told: Callable[[str], None], places: Mapping[str, Place]
    ) -> None:
        self._here, self._told, self._places = Place(client, stage.endpoint_prefix), told, places
        self._by_hand = f"--on azure --stage {stage.name}"
        self.models = Models(client, Arm(), stage, told)

    def release(
        self, path: Path, to: str, size: Size, *, digest: str | None, watch_s: float, by_name: bool = True
    ) -> tuple[str, Deployment]:
        """Release the package in a folder to the endpoint of its model and of the stage `to`, whose name is returned.

        What is deployed is the image that the model version's tag names, by its digest, or one that Azure builds of the
        package. Nothing is done if it is current there and has passed; what is current in staging and has lost its
        pass by a rollback is tested and watched again. `by_name`: the package was fetched for its version, so that it
        speaks against the version if it is not what its anchor says; a folder that somebody names does not.

        Raises:
            DefinitionError: `digest` is none.
            RunError: the package is not what its anchor says, fails, or has not passed staging. What had the traffic
                has it again; a version that failed is withdrawn.
        """
        package = read_package(path)
        tags = self.models.tags(package.model_name, package.version)
        anchor = _anchor(package, digest, tags)
        base = endpoint_of(package)
        name = _checked(f"{self._here.prefix}{base}-{to}")
        target = self._target(self._here, name, package.path, size, tags.get(IMAGE_TAG))
        if to == "prod" and not self._has_passed(base, package):
            raise RunError(
                f"prod takes only what has passed staging, the same bytes, and {package.digest} has not: "
                f"penstock release {package.model_name}:{package.version} --to staging --on azure"
            )
        version = _deployment(package)
        problems = verify(package, anchor).problems
        if problems:
            listed = "\n".join(f"  {each}" for each in problems)
            error = ReleaseError(f"the package is not what was made:\n{listed}")
            raise self._not_released(target, version, error, base if by_name and digest is None else None)
        _require_registered(package, tags)
        if target.is_split:
            self._told(
                f"{name}: the release of {', '.join(target.unfinished)} was not finished; its traffic is taken back"
            )
            target.end_sharing()
        current = target.current
        is_there = current is not None and current.digest == package.digest
        if current is not None and is_there and (to == "prod" or target.has_passed(package.digest)):
            self._told(f"version {package.version} of {package.model_name} is served by {target.name} already")
        else:
            current = self._roll_out(target, package, version, watch_s, base)
        if to == "prod":
            self.models.make_champion(current.model, current.version)
            self._told(f"the champion of {current.model} is version {current.version}, which prod serves")
        return target.name, current

    def rollback(self, endpoint: str, *, only_if: str | None = None, image: str | None = None) -> Deployment | None:
        """Give the traffic back to what had it before; what has it now is removed and its version withdrawn.

        A release that was cut off is ended first; if its version had traffic, that is all. With `only_if` "unfinished"
        nothing else is done. With "failing" a version is only taken back if it fails the smoke test now, whatever other
        release goes on, and if the endpoint has served nothing before, it serves nothing then. With `image`, only the
        version in it is taken back, and only its release is ended.

        Returns what has the traffic then. Raises RunError if there is nothing before, or it fails the smoke test: then
        all stays as it is.
        """
        wanted = self.models.of_image(image) if image is not None else None
        target = self._target(self._here, endpoint)
        if only_if != "failing":
            was_split = target.is_split
            ended = self._end_unfinished(target, wanted)
            if only_if == "unfinished" and not ended:
                self._told(f"{endpoint}: no release is unfinished")
            if only_if == "unfinished" or (ended and (was_split or wanted is not None)):
                return target.current
        bad, previous = self._served(target, wanted), target.previous
        if only_if == "failing" and not self._is_failing(target, bad):
            self._told(f"{endpoint}: version {bad.version} answers as it should, so it stays")
            return bad
        if previous is None and only_if != "failing":
            raise RunError(f"{endpoint} has served nothing before, so there is nothing to go back to")
        good = target.read(previous) if previous is not None else None
        if good is not None:
            self._ask_again(target, good)
        target.require_same(bad)
        # The registry first: whatever fails after it, the next call finds the endpoint as it is now, and goes on.
        self._reject(endpoint, bad, good)
        if good is None:
            target.serve_nothing()
            self._told(f"{endpoint}: serves nothing now, as before version {bad.version}")
            return None
        serving = target.go_back()
        self._told(f"{endpoint}: version {serving.version} has the traffic again, in place of version {bad.version}")
        return serving

    def _end_unfinished(self, target: OnlineTarget, wanted: tuple[str, str] | None) -> list[str]:
        """The deployments of a release that was cut off, of the version that is `wanted` or of any; they are ended."""
        left = target.unfinished
        others = [name for name in left if wanted is not None and _version_of(target.read(name)) != wanted]
        if others:
            self._told(f"{target.name}: {', '.join(others)} is another release, and stays")
        left = [name for name in left if name not in others]
        if left:
            self._told(f"{target.name}: the release of {', '.join(left)} was not finished, and is ended")
            target.end_unfinished(left)
        return left

    def _is_failing(self, target: OnlineTarget, current: Deployment) -> bool:
        """Whether its answers are wrong, each time that it is asked.

        Raises RunError if no answer comes, or only late: that may be the way's fault, and proves nothing.
        """
        contract = self._contract(target, current.id)
        for each in range(_ROUNDS):
            if each:
                time.sleep(_BETWEEN_S)
            wrong = [check for check in smoke(target.everyone(), contract) if check.problem is not None]
            if not wrong:
                return False
            if not any(check.is_proof for check in wrong):
                listed = "\n".join(f"  {check}" for check in wrong)
                raise RunError(
                    f"whether {target.name} fails cannot be told from here:\n{listed}\nNothing was changed; to go back "
                    f"all the same: penstock rollback {target.name} {self._by_hand}"
                )
        return True

    def _ask_again(self, target: OnlineTarget, good: Deployment) -> None:
        contract = self._contract(target, good.id)
        wrong = [check for check in smoke(target.start_again(good.id), contract) if check.problem is not None]
        if wrong:
            listed = "\n".join(f"  {check}" for check in wrong)
            raise RunError(f"{good.id} cannot be brought back, it fails the smoke test:\n{listed}\nNothing was changed")

    def _reject(self, endpoint: str, bad: Deployment, good: Deployment | None) -> None:
        """The version has passed nowhere any more and is withdrawn; the champion is what prod serves afterwards."""
        base, _, stage = endpoint.removeprefix(self._here.prefix).rpartition("-")
        for other in STAGES:
            there = self._other(base, other)
            if other != stage and there is not None:
                there.forget_passed(bad.digest)
        prod = self._other(base, "prod")
        serving = good if stage == "prod" else prod.current if prod is not None else None
        self._withdraw(bad, serving)

    def smoke(self, endpoint: str, image: str | None = None) -> list[Check]:
        """The smoke test of what has the traffic of an endpoint, at the endpoint's own address.

        Raises RunError if nothing has it, or several versions. With `image`, the version in it is asked, though others
        have a share; RunError if it is another that is current.
        """
        wanted = self.models.of_image(image) if image is not None else None
        target = self._target(self._here, endpoint)
        current = self._served(target, wanted)
        if target.is_split and image is None:
            raise RunError(
                f"{endpoint}: {', '.join(target.unfinished)} has some of the traffic, too, so it is not known which "
                "version answers. A release goes on, or was cut off: "
                f"penstock rollback {endpoint} {self._by_hand} --if unfinished"
            )
        return smoke(target.everyone(), self._contract(target, current.id))

    def _served(self, target: OnlineTarget, wanted: tuple[str, str] | None) -> Deployment:
        """What has the traffic. Raises RunError if nothing has, or another version than the one that is `wanted`."""
        current = target.current
        if current is None:
            raise RunError(f"{target.name} serves nothing; release a package to it")
        if wanted is not None and _version_of(current) != wanted:
            raise RunError(
                f"{target.name} serves version {current.version} of {current.model}, and not version {wanted[1]} of "
                f"{wanted[0]}, which is in the image: another release has come between"
            )
        return current

    def _roll_out(
        self, target: OnlineTarget, package: Package, version: Deployment, watch_s: float, base: str
    ) -> Deployment:
        contract = read_contract(package.path)
        try:
            return roll_out(target, package, version, contract, told=self._told, watch_s=watch_s)
        except ReleaseError as error:
            raise self._not_released(target, version, error, base) from None

    def _not_released(
        self, target: OnlineTarget, version: Deployment, error: ReleaseError, base: str | None
    ) -> RunError:
        """What to raise. With the name `base` of its endpoints, the version is withdrawn."""
        if base is not None:
            prod = self._other(base, "prod")
            self._withdraw(version, prod.current if prod is not None else None)
        current = target.current
        goes_on = f"version {current.version} goes on serving" if current is not None else "nothing is served"
        return RunError(
            f"version {version.version} of {version.model} is not released to {target.name}: {error}\n{goes_on} there"
        )

    def _withdraw(self, version: Deployment, serving: Deployment | None) -> None:
        """Unless it is what prod serves (`serving`), which goes on."""
        others = serving.version if serving is not None and serving.model == version.model else None
        if others == version.version:
            return
        self.models.withdraw(version.model, version.version, others)
        self._told(f"version {version.version} of {version.model} is withdrawn")

    def _target(
        self, place: Place, name: str, package: Path | None = None, size: Size | None = None, image: str | None = None
    ) -> OnlineTarget:
        contract = read_contract(package) if package is not None else {}
        return OnlineTarget(place.client, name, contract, size or Size(), self._told, image)

    def _other(self, base: str, stage: str) -> OnlineTarget | None:
        """The endpoint of a stage, if there is one."""
        place = self._places[stage]
        try:
            return self._target(place, f"{place.prefix}{base}-{stage}")
        except AzureError as error:
            if error.status != 404:
                raise
            return None

    def _contract(self, target: OnlineTarget, deployment: str) -> Mapping[str, Any]:
        """That of the package which a deployment serves, fetched from the job that made it."""
        served = target.read(deployment)
        with self.models.package(served.model, served.version) as folder:
            package = read_package(folder)
            if package.digest != served.digest:
                raise RunError(f"{deployment} serves {served.digest}, the package of its version is {package.digest}")
            return read_contract(folder)

    def _has_passed(self, base: str, package: Package) -> bool:
        staging = self._other(base, "staging")
        return staging is not None and staging.has_passed(package.digest)


def _version_of(deployment: Deployment) -> tuple[str, str]:
    return deployment.model, deployment.version


def _checked(name: str) -> str:
    """The name of an endpoint. Raises RunError if Azure takes no name of this length."""
    if len(name) > _LONGEST_NAME:
        raise RunError(
            f"{name} cannot be an endpoint at Azure, where a name has at most {_LONGEST_NAME} characters; choose a "
            "shorter endpoint_prefix in penstock.toml, or a shorter name for the registered model"
        )
    return name


def _anchor(package: Package, digest: str | None, tags: Mapping[str, str]) -> Anchor:
    if digest is not None:
        return digest_anchor(digest)
    if PACKAGE_DIGEST_TAG not in tags:
        raise RunError(
            f"{package.path} cannot be verified: version {package.version} of {package.model_name} has no tag "
            f"{PACKAGE_DIGEST_TAG} in the workspace; name the digest (--digest)"
        )
    return Anchor(tags[PACKAGE_DIGEST_TAG], f"the registry (version {package.version} of {package.model_name})")


def _require_registered(package: Package, tags: Mapping[str, str]) -> None:
    """Raises RunError if the registry has another package of the version."""
    registered = tags.get(PACKAGE_DIGEST_TAG, package.digest)
    if registered != package.digest:
        raise RunError(
            f"the registry says that version {package.version} of {package.model_name} is the package {registered}; "
            f"{package.path} is {package.digest}, so register it as a version of its own"
        )


def _deployment(package: Package) -> Deployment:
    """Named by what it is, so that a release that is repeated finds what it has made."""
    return Deployment(
        id=f"v{package.version}-{package.digest.removeprefix('sha256:')[:8]}",
        model=package.model_name,
        version=package.version,
        digest=package.digest,
        run=None,
        since=now(),
        workers=0,
    )
