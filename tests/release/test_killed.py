"""kill -9 of penstock in the middle of a release: the old or the new one serves, and the next command knows which."""

from __future__ import annotations

import time

import pytest
from served import Shop, rounded

STAGING = "rent-staging"
FEW, MANY = 2, 30


def moments(count: int) -> list[float]:
    """Shares of a release's duration, spread evenly."""
    return [(number + 0.5) / count for number in range(count)]


CASES = [
    *(pytest.param(share, id=f"{share:.0%}") for share in moments(FEW)),
    *(pytest.param(share, id=f"at {share:.1%}", marks=pytest.mark.kills) for share in moments(MANY)),
]


@pytest.fixture(scope="module")
def duration_s(shop: Shop) -> float:
    """How long a release of the other version takes, once its environment is there."""
    assert shop.release(shop.packages["1"], "staging").code == 0
    began = time.monotonic()
    assert shop.release(shop.packages["2"], "staging").code == 0
    return time.monotonic() - began


@pytest.mark.parametrize("share", CASES)
def test_a_killed_release_leaves_one_that_serves(shop: Shop, duration_s: float, share: float) -> None:
    before = shop.endpoint(STAGING)["version"]
    other = {"1": "2", "2": "1"}[before]
    line = ["release", shop.packages[other], "--to", "staging"]
    was_killed = shop.killed([str(part) for part in line], share * duration_s)
    with shop.traffic(STAGING, 50) as at_once:
        after = shop.endpoint(STAGING)
    assert at_once.failed == []
    assert rounded(at_once.answers) <= {shop.answer_of(before), shop.answer_of(other)}
    assert after["status"] == "serving"
    assert was_killed or after["version"] == other
    with shop.traffic(STAGING, 50) as known:
        assert shop.penstock("smoke", STAGING).code == 0
    assert known.failed == []
    assert rounded(known.answers) == {shop.answer_of(after["version"])}, "the next command knows which"
    assert len(list((shop.workspace / "endpoints" / STAGING / "deployments").iterdir())) <= 2


def test_the_next_release_goes_through(shop: Shop, duration_s: float) -> None:
    other = {"1": "2", "2": "1"}[shop.endpoint(STAGING)["version"]]
    ended = shop.release(shop.packages[other], "staging")
    assert ended.code == 0, ended.stderr
    assert shop.endpoint(STAGING)["version"] == other
    assert duration_s > 0
