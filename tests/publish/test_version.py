"""Which version follows, and whether one is enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.publish.version import BUMPS, Bump, highest, is_enough, is_lower, is_version, next_version

numbers = st.integers(0, 10**6)
versions = st.lists(numbers, min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))


@pytest.mark.parametrize(
    ("version", "patch", "minor", "major"),
    [
        ("1.2.3", "1.2.4", "1.3.0", "2.0.0"),
        ("0.0.9", "0.0.10", "0.1.0", "1.0.0"),
        ("1.9", "1.10", "1.10", "2.0"),
        ("4", "5", "5", "5"),
    ],
)
def test_what_follows(version: str, patch: str, minor: str, major: str) -> None:
    assert [next_version(version, bump) for bump in BUMPS] == [patch, minor, major]


@pytest.mark.parametrize("odd", ["", "1.2.3.4", "v1", "1.02", "2024-01-01", "1.0.0-rc1", "1."])
def test_what_follows_an_odd_version_is_not_known(odd: str) -> None:
    assert not is_version(odd)
    with pytest.raises(ValueError, match=r"neither a whole number nor MAJOR\.MINOR\.PATCH"):
        next_version(odd, "patch")
    assert is_enough("anything", odd, "major")
    assert not is_enough(odd, odd, "patch")
    assert not is_enough(odd, "1.0.0", "patch")
    assert is_enough("1.0.0", odd, "major")


@given(versions, st.sampled_from(BUMPS))
def test_what_follows_is_enough_and_nothing_below_it(version: str, bump: Bump) -> None:
    following = next_version(version, bump)
    assert is_enough(following, version, bump)
    assert is_lower(version, following)
    assert not is_enough(version, version, bump)
    larger = BUMPS[BUMPS.index(bump) :]
    assert all(is_enough(next_version(version, each), version, bump) for each in larger)


@given(versions, versions, st.sampled_from(BUMPS))
def test_higher_than_needed_is_enough_lower_never(before: str, version: str, bump: Bump) -> None:
    if is_enough(version, before, bump):
        assert is_enough(next_version(version, "patch"), before, bump)
        assert not is_lower(version, before)
    if is_lower(version, before):
        assert not is_enough(version, before, bump)


def test_the_largest_bump_counts() -> None:
    assert highest([]) == "patch"
    assert highest(["patch", "minor"]) == "minor"
    assert highest(["minor", "major", "patch"]) == "major"
