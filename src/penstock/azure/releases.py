"""Releases, rollbacks and smoke tests on the online endpoints of a workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.azure.arm import Arm
from penstock.azure.online import OnlineTarget, Size
from penstock.azure.registry import IMAGE_TAG, Models
from penstock.errors import RunError
from penstock.release.packages import Anchor, Package, read_package, verify
from penstock.release.rollout import roll_out
from penstock.release.service import endpoint_of
from penstock.release.smoke import Check, read_contract, smoke
from penstock.release.target import Caller, ReleaseError
from penstock.store.endpoints import Deployment, now
from penstock.store.stages import Stage
from penstock_steps.registry import PACKAGE_DIGEST_TAG

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

STAGES = ("staging", "prod")
WATCH_S = 60.0
# https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas#azure-machine-learning-online-endpoints-and-batch-endpoints
_LONGEST_NAME = 32


class Releases:
    """The endpoints of a workspace. `told` gets what goes on, in sentences; `staging` has staging's endpoints."""

    def __init__(
        self, client: MLClient, stage: Stage, told: Callable[[str], None], staging: MLClient | None = None
    ) -> None:
        self._client, self._told, self._staging = client, told, staging or client
        self._prefix = stage.endpoint_prefix
        self.models = Models(client, Arm(), stage)

    def release(self, path: Path, to: str, size: Size, *, digest: str | None, watch_s: float) -> tuple[str, Deployment]:
        """Release the package in a folder to the endpoint of its model and of the stage `to`, whose name is returned.

        What is deployed is the image that the model version's tag names, by its digest, or one that Azure builds of the
        package. Nothing is done if it is current there.

        Raises:
            RunError: the package is not what its anchor says, fails, or has not passed staging. What had the traffic
                has it again; a version that failed is withdrawn.
        """
        package = read_package(path)
        tags = self.models.tags(package.model_name, package.version)
        anchor = _anchor(package, digest, tags)
        name = f"{self._prefix}{endpoint_of(package)}"
        if len(f"{name}-{to}") > _LONGEST_NAME:
            raise RunError(
                f"{name}-{to} cannot be an endpoint at Azure, where a name has at most {_LONGEST_NAME} characters; "
                "choose a shorter endpoint_prefix in penstock.toml, or a shorter name for the registered model"
            )
        target = self._target(f"{name}-{to}", package.path, size, tags.get(IMAGE_TAG))
        if to == "prod" and not self._has_passed(f"{name}-staging", package):
            raise RunError(
                f"prod takes only what has passed staging, the same bytes, and {package.digest} has not: "
                f"penstock release {package.model_name}:{package.version} --to staging --on azure"
            )
        version = _deployment(package)
        current = target.current
        if current is not None and current.digest == package.digest:
            self._told(f"version {package.version} of {package.model_name} is served by {target.name} already")
        else:
            current = self._roll_out(target, package, version, anchor, watch_s, to)
        if to == "prod":
            self.models.make_champion(current.model, current.version)
            self._told(f"the champion of {current.model} is version {current.version}, which prod serves")
        return target.name, current

    def rollback(self, endpoint: str, *, only_if: str | None = None, image: str | None = None) -> Deployment | None:
        """Give the traffic back to what had it before; what has it now is removed and its version withdrawn.

        A release that was cut off is ended first; if its version had traffic, that is all. With `only_if` "unfinished"
        nothing else is done; with "failing" a version is only taken back if it fails the smoke test now, and if the
        endpoint has served nothing before, it serves nothing then. With `image`, only the version in it is taken back.

        Returns what has the traffic then. Raises RunError if there is nothing before, or it fails the smoke test: then
        all stays as it is.
        """
        target = self._target(endpoint, None, Size())
        left, was_split = target.unfinished, target.is_split
        if left:
            self._told(f"{endpoint}: the release of {', '.join(left)} was not finished, and is ended")
            target.end_unfinished()
        elif only_if == "unfinished":
            self._told(f"{endpoint}: no release is unfinished")
        if was_split or only_if == "unfinished":
            return target.current
        bad, previous = self._served(target, image), target.previous
        if only_if == "failing" and not self._wrong(target.everyone(), target, bad.id):
            self._told(f"{endpoint}: version {bad.version} answers as it should, so it stays")
            return bad
        if previous is not None:
            serving: Deployment | None = self._go_back(target, bad, previous)
        elif only_if == "failing":
            target.serve_nothing()
            serving = None
            self._told(f"{endpoint}: serves nothing now, as before version {bad.version}")
        else:
            raise RunError(f"{endpoint} has served nothing before, so there is nothing to go back to")
        name, _, stage = endpoint.rpartition("-")
        for other in STAGES:
            if other != stage and self._exists(f"{name}-{other}"):
                self._target(f"{name}-{other}", None, Size()).forget_passed(bad.digest)
        self._withdraw(bad, name)
        return serving

    def _go_back(self, target: OnlineTarget, bad: Deployment, previous: str) -> Deployment:
        wrong = self._wrong(target.start_again(previous), target, previous)
        if wrong:
            listed = "\n".join(f"  {check}" for check in wrong)
            raise RunError(
                f"{previous} cannot be brought back, it fails the smoke test:\n{listed}\nNothing was changed"
            )
        serving = target.go_back()
        self._told(f"{target.name}: version {serving.version} has the traffic again, in place of version {bad.version}")
        return serving

    def smoke(self, endpoint: str, image: str | None = None) -> list[Check]:
        """The smoke test of what has the traffic of an endpoint, at the endpoint's own address.

        Raises RunError if nothing has; or with `image`, another version than the one in it.
        """
        target = self._target(endpoint, None, Size())
        current = self._served(target, image)
        return smoke(target.everyone(), self._contract(target, current.id))

    def _served(self, target: OnlineTarget, image: str | None) -> Deployment:
        current = target.current
        if current is None:
            raise RunError(f"{target.name} serves nothing; release a package to it")
        if image is not None:
            name, version = self.models.of_image(image)
            if (current.model, current.version) != (name, version):
                raise RunError(
                    f"{target.name} serves version {current.version} of {current.model}, and version {version} is in "
                    f"{image}: another release has come between"
                )
        return current

    def _wrong(self, caller: Caller, target: OnlineTarget, deployment: str) -> list[Check]:
        checks = smoke(caller, self._contract(target, deployment))
        return [check for check in checks if check.problem is not None]

    def _roll_out(
        self, target: OnlineTarget, package: Package, version: Deployment, anchor: Anchor, watch_s: float, to: str
    ) -> Deployment:
        contract = read_contract(package.path)
        try:
            problems = verify(package, anchor).problems
            if problems:
                raise ReleaseError("the package is not what was made:\n" + "\n".join(f"  {each}" for each in problems))  # noqa: TRY301
            return roll_out(target, package, version, contract, told=self._told, watch_s=watch_s)
        except ReleaseError as error:
            name = target.name.removesuffix(f"-{to}")
            self._withdraw(version, name)
            current = target.current
            goes_on = f"version {current.version} goes on serving" if current is not None else "nothing is served"
            raise RunError(
                f"version {version.version} of {version.model} is not released to {target.name}: {error}\n"
                f"{goes_on} there"
            ) from None

    def _withdraw(self, version: Deployment, name: str) -> None:
        prod = f"{name}-prod"
        serving = self._target(prod, None, Size()).current if self._exists(prod) else None
        still = serving is not None and serving.model == version.model
        if still and serving is not None and serving.digest == version.digest:
            return  # prod goes on serving it
        self.models.withdraw(version.model, version.version, serving.version if still and serving else None)
        self._told(f"version {version.version} of {version.model} is withdrawn")

    def _target(self, name: str, package: Path | None, size: Size, image: str | None = None) -> OnlineTarget:
        contract = read_contract(package) if package is not None else {}
        return OnlineTarget(self._client, name, contract, size, self._told, image)

    def _contract(self, target: OnlineTarget, deployment: str) -> Mapping[str, Any]:
        """That of the package which a deployment serves, fetched from the job that made it."""
        served = target.read(deployment)
        with self.models.package(served.model, served.version) as folder:
            package = read_package(folder)
            if package.digest != served.digest:
                raise RunError(f"{deployment} serves {served.digest}, the package of its version is {package.digest}")
            return read_contract(folder)

    def _has_passed(self, staging: str, package: Package) -> bool:
        return OnlineTarget(self._staging, staging, {}, Size(), self._told).has_passed(package.digest)

    def _exists(self, name: str) -> bool:
        from penstock.azure.client import AzureError

        try:
            self._target(name, None, Size())
        except AzureError as error:
            if error.status != 404:
                raise
            return False
        return True


def _anchor(package: Package, digest: str | None, tags: Mapping[str, str]) -> Anchor:
    if digest is not None:
        return Anchor(digest, "--digest")
    if PACKAGE_DIGEST_TAG not in tags:
        raise RunError(
            f"{package.path} cannot be verified: version {package.version} of {package.model_name} has no tag "
            f"{PACKAGE_DIGEST_TAG} in the workspace; name the digest (--digest)"
        )
    return Anchor(tags[PACKAGE_DIGEST_TAG], f"the registry (version {package.version} of {package.model_name})")


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
