"""The order of a release, on any target: start beside, ask, admit, watch, promote; or back to where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from penstock.errors import RunError
from penstock.release.http import health
from penstock.release.packages import Package
from penstock.release.smoke import smoke
from penstock.release.target import Caller, ReleaseError, Target
from penstock.store.endpoints import Deployment

_LOOK_EVERY_S = 0.25
_SICK_AFTER = 3


def roll_out(
    target: Target,
    package: Package,
    version: Deployment,
    contract: Mapping[str, Any],
    *,
    told: Callable[[str], None],
    watch_s: float,
) -> Deployment:
    """Make a package the current one of an endpoint; returns it as it is recorded.

        start it beside the current one, without traffic
        the smoke test
        let it have a share of the traffic, and the smoke test again: another process answers now
        watch it for `watch_s` seconds
        promote it: from now on it is the current one, whatever happens to this process
        retire the former one

    Until it is promoted, whatever goes wrong or is cancelled leaves the current one with all the traffic.

    Raises:
        ReleaseError: the package does not do what it must; the message says what.
        RunError: the target is at fault.
    """
    try:
        caller = target.start(package, version)
        told(f"version {version.version} has started, without traffic")
        _ask(caller, contract, told)
        caller = target.admit()
        _ask(caller, contract, None)
        told(f"version {version.version} takes traffic; watched for {watch_s:g} s")
        _watch(target, caller, watch_s)
        current = target.promote()
    except ReleaseError as error:
        reason = target.reason(error)
        _give_up(target, told)
        raise reason from None
    except BaseException:
        _give_up(target, told)
        raise
    target.retire_former()
    return current


def _give_up(target: Target, told: Callable[[str], None]) -> None:
    """That it cannot be done is told: what is raised is why it had to be."""
    try:
        target.abandon()
    except RunError as error:
        told(f"what was started is still there: {error}")


def _ask(caller: Caller, contract: Mapping[str, Any], told: Callable[[str], None] | None) -> None:
    checks = smoke(caller, contract)
    wrong = [check for check in checks if check.problem is not None]
    if wrong:
        listed = "\n".join(f"  {check}" for check in wrong)
        raise ReleaseError(f"it fails the smoke test, {len(wrong)} of {len(checks)} checks:\n{listed}")
    if told is not None:
        told(f"smoke test: all {len(checks)} checks passed, an answer takes {checks[-1].seconds * 1000:.1f} ms")


def _watch(target: Target, caller: Caller, watch_s: float) -> None:
    """Raises ReleaseError if the target tells of troubles, or the server is not healthy three times in a row."""
    end, sick = time.monotonic() + watch_s, 0
    while True:
        troubles = target.troubles()
        if troubles:
            raise ReleaseError(f"under traffic {'; '.join(troubles)}")
        sick = 0 if not caller.has_health or health(caller.url) else sick + 1
        if sick >= _SICK_AFTER:
            raise ReleaseError(f"under traffic its server is not healthy ({sick} times in a row)")
        if time.monotonic() >= end:
            return
        time.sleep(_LOOK_EVERY_S)
