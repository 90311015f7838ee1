"""What a release needs of the place where packages are served: this machine, or Azure's online endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from penstock.errors import RunError
from penstock.release.packages import Package
from penstock.store.endpoints import Deployment


class ReleaseError(RunError):
    """What speaks against the package itself: it does not start, answers wrongly, is slow, fails under traffic."""


class Caller(Struct, frozen=True):
    """Where one deployment answers, and nothing else does. `key` is None where nobody asks for one.

    `headers` go with each request to it; `has_health` tells whether a page says that it is healthy.
    """

    url: str
    key: str | None
    headers: Mapping[str, str] = {}
    has_health: bool = True


class Target(Protocol):
    """One endpoint. Errors of the place itself are RunErrors, those that the package is to blame for ReleaseErrors."""

    @property
    def current(self) -> Deployment | None:
        """What has the endpoint's traffic."""
        ...

    def start(self, package: Package, version: Deployment) -> Caller:
        """Start a package beside the current one, without any of the endpoint's traffic; returns when it is ready."""
        ...

    def admit(self) -> Caller:
        """Let what was started have a share of the traffic; returns when it takes it."""
        ...

    def troubles(self) -> list[str]:
        """What has gone wrong with what was admitted, in words."""
        ...

    def reason(self, error: ReleaseError) -> RunError:
        """Why this release has to be given up, after an error: that, unless somebody else was the cause of it."""
        ...

    def promote(self) -> Deployment:
        """Make what was admitted the current one: the one moment at which a release becomes true."""
        ...

    def retire_former(self) -> None:
        """Take the traffic from what was current before, and end it when it has answered what it has taken."""
        ...

    def abandon(self) -> None:
        """End what was started; the current one has all the traffic again."""
        ...
