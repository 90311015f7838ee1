"""Releases that are cut off, or beside which others change the same endpoint: a story, in the order of this file."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure_shop import MODEL, Shop
from azure_verbs import call
from model_side import open_bench

from penstock.azure.deployments import Size
from penstock.azure.online import OnlineTarget
from penstock.errors import RunError
from penstock.release.packages import read_package
from penstock.release.smoke import read_contract
from penstock.release.target import ReleaseError
from penstock.store.endpoints import Deployment, now

if TYPE_CHECKING:
    from local_azure import LocalAzure

STAGING = ("diabetes-staging", "--on", "azure", "--stage", "staging")
RELEASE = ("release", "diabetes:2", "--to", "staging", "--on", "azure", "--watch", "0")


@pytest.fixture(scope="module")
def shop(azure_of_all: LocalAzure, empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Staging serves version 1."""
    azure_of_all.reset()
    shop = Shop(azure_of_all, tmp_path_factory.mktemp("shop"))
    shop("provision", "--stage", "staging")
    shop.stock(open_bench(tmp_path_factory.mktemp("bench"), empty_store))
    shop.release("1", "staging")
    yield shop
    assert azure_of_all.faults.unmet == []


@contextmanager
def started(shop: Shop, version: str = "2") -> Iterator[OnlineTarget]:
    """A release in this process, as far as its version has no traffic yet."""
    package, image = read_package(shop.azure.images[shop.tags(version)["image"]]), shop.tags(version)["image"]
    made = Deployment(f"v{version}-{package.digest[7:15]}", MODEL, version, package.digest, None, now(), 0)
    with shop.client("staging") as (client, _):
        target = OnlineTarget(client, "diabetes-staging", read_contract(package.path), Size(), print, image)
        if target.is_split:
            target.end_sharing()
        target.start(package, made)
        yield target


@contextmanager
def other(shop: Shop) -> Iterator[OnlineTarget]:
    """Somebody else who looks at the same endpoint."""
    with shop.client("staging") as (client, _):
        yield OnlineTarget(client, "diabetes-staging", {}, Size(), print)


@pytest.fixture
def as_before(shop: Shop) -> Iterator[None]:
    """Staging serves version 1 alone at the end, too."""
    yield
    assert shop.traffic("staging") == {"1": 100}
    assert len(shop.deployments("staging")) == 1


def test_a_release_that_is_cancelled_leaves_what_was(shop: Shop) -> None:
    before = shop.tags("2")
    with shop.watched("2") as process:
        assert shop.traffic("staging") == {"1": 90, "2": 10}
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate()
    assert process.returncode == 130, rest
    assert shop.traffic("staging") == {"1": 100}
    assert len(shop.deployments("staging")) == 1
    assert shop.tags("2") == before


def test_what_is_said_of_one_release_does_not_touch_another(shop: Shop) -> None:
    """The tests of version 1 begin when the release of version 2 has; at last somebody ends that, and it goes."""
    image, before = shop.tags("1")["image"], shop.tags("2")
    with shop.watched("2") as process:
        assert shop("smoke", *STAGING, "--image", image, "--format", "json").json["passed"]
        said = shop("rollback", *STAGING, "--if", "failing", "--image", image).stderr
        assert "version 1 answers as it should, so it stays" in said
        said = shop("rollback", *STAGING, "--if", "unfinished", "--image", image).stderr
        assert "is another release, and stays" in said
        assert shop.traffic("staging") == {"1": 90, "2": 10}
        shop("rollback", *STAGING, "--if", "unfinished", "--image", shop.tags("2")["image"])
        assert shop.traffic("staging") == {"1": 100}
        _, rest = process.communicate()
    assert process.returncode == 1
    assert "or has ended this release; so it is not made current" in rest
    assert shop.traffic("staging") == {"1": 100}
    assert len(shop.deployments("staging")) == 1
    assert shop.tags("2") == before, "nothing speaks against the version"


def test_a_release_that_was_killed_is_ended_by_a_rollback_and_what_serves_stays(shop: Shop) -> None:
    """What a build system does to a job that does not end at once."""
    before = shop.tags("1")
    with shop.watched("2", "--share", "60") as process:  # more than what serves has left
        process.kill()
    assert shop.traffic("staging") == {"1": 40, "2": 60}
    said = shop("smoke", "diabetes-staging", "--on", "azure", "--stage", "staging", fails=1).stderr
    assert "has some of the traffic, too, so it is not known which version answers" in said
    assert "penstock rollback diabetes-staging --on azure --stage staging --if unfinished" in said
    done = shop.release("1", "staging")
    assert "its traffic is taken back" in done.stderr
    assert "version 1 of diabetes is served by diabetes-staging already" in done.stderr
    assert shop.traffic("staging") == {"1": 100}
    shop.azure.requests.clear()
    with shop.watched("2") as process:
        process.kill()
    made = [each.path for each in shop.azure.writes() if "/deployments/" in each.path]
    assert made == [], "what the first one had made was made again"
    done = shop("rollback", "diabetes-staging", "--on", "azure", "--stage", "staging")
    assert "was not finished, and is ended" in done.stderr
    assert "version 1 of diabetes has the traffic" in done.stdout
    assert shop.traffic("staging") == {"1": 100}
    assert len(shop.deployments("staging")) == 1
    assert shop.tags("1") == before, "nothing speaks against what serves"


@pytest.mark.usefixtures("as_before")
def test_a_version_whose_share_was_taken_meanwhile_is_not_made_current(shop: Shop) -> None:
    with started(shop) as target, other(shop) as another:
        target.admit()
        bad = ReleaseError("it answers nonsense")
        assert target.reason(bad) is bad
        another.end_sharing()
        with pytest.raises(RunError, match="somebody else has changed its traffic while v2-"):
            target.promote()
        assert "somebody else" in str(target.reason(bad)), "nothing speaks against the version"
        target.abandon()


@pytest.mark.usefixtures("as_before")
def test_one_that_somebody_has_ended_before_it_had_a_share_gets_none(shop: Shop) -> None:
    with started(shop) as target, other(shop) as another:
        another.end_unfinished(another.unfinished)
        with pytest.raises(RunError, match="or has ended this release"):
            target.admit()
        target.abandon()


@pytest.mark.usefixtures("as_before")
def test_of_two_releases_of_one_version_the_later_goes_on(shop: Shop) -> None:
    """One that was given up, whose process lives on, say, and its repetition."""
    with started(shop) as first:
        first.admit()
        with started(shop) as second:
            second.admit()
            with pytest.raises(RunError, match="somebody else has changed"):
                first.promote()
            first.abandon()
            assert shop.traffic("staging") == {"1": 90, "2": 10}
            second.promote()
            first.abandon()
            assert shop.traffic("staging") == {"2": 100}
    shop("rollback", *STAGING)


@pytest.mark.usefixtures("as_before")
def test_a_rollback_takes_nothing_from_what_was_released_meanwhile(shop: Shop) -> None:
    with started(shop) as target, other(shop) as another:
        target.admit()
        target.promote()
        with pytest.raises(RunError, match="another release has come between"):
            another.serve_nothing()
        another.end_unfinished([target.read(name).id for name in shop.deployments("staging")])
        assert shop.traffic("staging") == {"2": 100}
        assert len(shop.deployments("staging")) == 2
    shop("rollback", *STAGING)


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize("moment", ["before it has a share", "while it is watched"])
def test_what_has_no_pass_any_more_does_not_get_it_back_from_a_release(shop: Shop, moment: str) -> None:
    digest = shop.tags("1")["package_digest"]
    with started(shop) as target:
        if moment == "while it is watched":
            target.admit()
        with other(shop) as another:
            assert another.has_passed(digest)
            another.forget_passed(digest)
        if moment == "before it has a share":
            target.admit()
        target.promote()
        with other(shop) as another:
            assert not another.has_passed(digest)
    assert shop.traffic("staging") == {"2": 100}
    shop("rollback", *STAGING)
    assert "smoke test: all" in shop.release("1", "staging").stderr
    assert digest in shop.endpoint("staging")["tags"].values()


@pytest.mark.usefixtures("as_before")
def test_a_release_is_given_up_though_azure_cannot_be_asked_at_first(shop: Shop) -> None:
    with started(shop) as target:
        target.admit()
        shop.azure.faults.add(r"GET .*/onlineEndpoints/diabetes-staging$", "lost", times=4)
        target.abandon()
    shop.azure.faults.lift()


@pytest.mark.usefixtures("as_before")
def test_what_serves_is_tested_again_and_fails_and_goes_on_serving(shop: Shop) -> None:
    before = shop.endpoint("staging")["tags"]
    with started(shop, "1") as target:
        target.admit()
        target.abandon()
    assert shop.endpoint("staging")["tags"] == before


def test_a_promotion_whose_answer_is_lost_leaves_no_pass_behind(shop: Shop) -> None:
    """Else prod would take what staging has given up."""
    before = shop.endpoint("staging")["tags"]
    writes = r"PUT .*/onlineEndpoints/diabetes-staging$"
    shop.azure.faults.add(writes, "lost_after", after=1, times=4)  # the first shares the traffic, the second promotes
    assert "diabetes-staging" in shop.release("2", "staging", fails=1).stderr
    assert shop.azure.faults.unmet == []
    shop.azure.faults.lift()
    assert shop.traffic("staging") == {"1": 100}
    assert shop.endpoint("staging")["tags"] == before


@pytest.mark.parametrize("kind", ["lost_after", "conflict"])
def test_a_fault_on_the_way(shop: Shop, kind: Any) -> None:
    """It ends right, or what had the traffic has it again and the release can be repeated."""
    if shop.traffic("staging") == {"2": 100}:
        shop("rollback", "diabetes-staging", "--on", "azure", "--stage", "staging")
    shop.azure.faults.add(r"PUT .*/onlineEndpoints/diabetes-staging", kind, after=1, retry_after="0")
    done = call(shop.azure.environment, shop.folder, *RELEASE)
    if done.code:
        assert "Azure" in done.stderr
        assert shop.traffic("staging") == {"1": 100}
        shop.release("2", "staging")
    shop.azure.faults.lift()
    assert shop.traffic("staging") == {"2": 100}
