"""Versions: which one follows, and whether one has been raised enough.

A component bears MAJOR.MINOR.PATCH (https://semver.org) or a whole number, as environments do; both are numbers with
dots between them, and of fewer than three the last one stands for what is missing. Any other version is odd (a date,
1.0.0-rc.1): none is known to follow it. What begins with one may go on with another; what has begun in order stays so.
"""

from __future__ import annotations

import re
from typing import Literal

Bump = Literal["patch", "minor", "major"]
BUMPS: tuple[Bump, ...] = ("patch", "minor", "major")
FIRST = "1.0.0"
_NUMBERS = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){0,2}")


def is_version(text: str) -> bool:
    """Whether the version that follows `text` is known."""
    return _NUMBERS.fullmatch(text) is not None


def next_version(version: str, bump: Bump) -> str:
    """The lowest version that is `bump` above: 1.2.3 -> 1.2.4, 1.3.0 or 2.0.0; 4 -> 5 whatever the bump.

    Raises ValueError if `is_version` is false.
    """
    numbers = _numbers(version)
    raised = min(len(numbers) - 1, 2 - BUMPS.index(bump))
    parts = (*numbers[:raised], numbers[raised] + 1, *(0 for _ in numbers[raised + 1 :]))
    return ".".join(map(str, parts))


def is_enough(version: str, before: str, bump: Bump) -> bool:
    """Whether `version` is as high as a `bump` of `before` asks for; after an odd one, whether it is another one."""
    if not is_version(before):
        return version != before
    return is_version(version) and _numbers(version) >= _numbers(next_version(before, bump))


def is_lower(version: str, before: str) -> bool:
    """Whether `version` is below `before`; never so of odd versions."""
    return is_version(version) and is_version(before) and _numbers(version) < _numbers(before)


def highest(bumps: list[Bump]) -> Bump:
    """The largest of several bumps; patch of none."""
    return max(bumps, key=BUMPS.index, default="patch")


def _numbers(version: str) -> tuple[int, ...]:
    if not is_version(version):
        raise ValueError(f"{version!r} is neither a whole number nor MAJOR.MINOR.PATCH")
    return tuple(map(int, version.split(".")))
