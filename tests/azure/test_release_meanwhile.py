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

from penstock.azure.online import OnlineTarget, Size
from penstock.errors import RunError
from penstock.release.packages import read_package
from penstock.release.smoke import read_contract
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
def half_way(shop: Shop) -> Iterator[OnlineTarget]:
    """A release of version 2 in this process, which has its share of the traffic."""
    package = read_package(shop.azure.images[shop.tags("2")["image"]])
    version = Deployment(f"v2-{package.digest[7:15]}", MODEL, "2", package.digest, None, now(), 0)
    with shop.client("staging") as (client, _):
        contract, image = read_contract(package.path), shop.tags("2")["image"]
        target = OnlineTarget(client, "diabetes-staging", contract, Size(), print, image)
        target.start(package, version)
        target.admit()
        assert shop.traffic("staging") == {"1": 90, "2": 10}
        yield target


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


def test_a_version_whose_share_was_taken_meanwhile_is_not_made_current(shop: Shop) -> None:
    with half_way(shop) as target, shop.client("staging") as (client, _):
        OnlineTarget(client, "diabetes-staging", {}, Size(), print).end_sharing()
        with pytest.raises(RunError, match="somebody else has changed its traffic while v2-"):
            target.promote()
        target.abandon()
    assert shop.traffic("staging") == {"1": 100}
    assert len(shop.deployments("staging")) == 1


def test_what_has_no_pass_any_more_does_not_get_it_back_from_a_release(shop: Shop) -> None:
    digest = shop.tags("1")["package_digest"]
    with half_way(shop) as target, shop.client("staging") as (client, _):
        other = OnlineTarget(client, "diabetes-staging", {}, Size(), print)
        assert other.has_passed(digest)
        other.forget_passed(digest)
        target.promote()
        assert not OnlineTarget(client, "diabetes-staging", {}, Size(), print).has_passed(digest)
    assert shop.traffic("staging") == {"2": 100}
    shop("rollback", *STAGING)
    assert "smoke test: all" in shop.release("1", "staging").stderr
    assert digest in shop.endpoint("staging")["tags"].values()


def test_a_release_is_given_up_though_azure_cannot_be_asked_at_first(shop: Shop) -> None:
    with half_way(shop) as target:
        shop.azure.faults.add(r"GET .*/onlineEndpoints/diabetes-staging$", "lost", times=4)
        target.abandon()
    shop.azure.faults.lift()
    assert shop.traffic("staging") == {"1": 100}
    assert len(shop.deployments("staging")) == 1


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
