"""From a retraining to production on Azure: a story, told in the order of this file.

The jobs are run by the engine; deployments really serve their packages; all of it is asked for by the real client.
"""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from azure_shop import RETRAIN, Shop, until
from azure_verbs import Ended

from penstock_steps.manifest import read_manifest

if TYPE_CHECKING:
    from local_azure import LocalAzure


@pytest.fixture(scope="module")
def shop(azure_of_all: LocalAzure, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    azure_of_all.reset()
    shop = Shop(azure_of_all, tmp_path_factory.mktemp("shop"))
    shop("provision", "--stage", "staging")
    shop("provision", "--stage", "prod")
    yield shop
    assert azure_of_all.faults.unmet == []


def test_a_retraining_builds_its_image_and_tags_the_version_with_it(shop: Shop) -> None:
    done = shop.retrain()
    assert done["decision"]["verdict"] == "accept"
    tags = shop.tags("1")
    assert [tags["image"]] == list(shop.azure.images)
    assert tags["package_run_id"] == done["job"]
    assert tags["package_digest"].startswith("sha256:")
    assert shop.tags()["champion"] == "1"


def test_an_image_may_arrive_before_the_job_that_has_it_built_is_over(shop: Shop) -> None:
    """The registry's event starts a release at once; here the job does not learn for a while that its image is there.

    A better candidate becomes the second version.
    """
    [first] = shop.azure.images
    shop.azure.faults.add(r"GET .*/registries/crpenstock/runs/", "throttled", times=None, retry_after="5")
    with shop.begin(*RETRAIN, "--set", "inputs.estimator=Ridge") as job:
        while len(shop.azure.images) == 1:
            assert job.poll() is None
            time.sleep(0.05)
        [image] = shop.azure.images.keys() - {first}
        with shop.begin("release", image, "--to", "staging", "--on", "azure", "--watch", "0") as release:
            until(release, f"no model version says yet that it is in {image}")
            shop.azure.faults.lift()
            _, said = release.communicate()
        job.communicate()
    assert (job.returncode, release.returncode) == (0, 0), said
    assert shop.tags("2")["image"] == image
    assert shop.tags()["champion"] == "2"
    assert shop.traffic("staging") == {"2": 100}


def test_a_tag_is_refused(shop: Shop) -> None:
    said = shop("release", "crpenstock.azurecr.io/diabetes:latest", "--to", "staging", "--on", "azure", fails=2).stderr
    assert "names no image by its digest, and what a tag leads to can change" in said
    unknown = f"crpenstock.azurecr.io/diabetes@sha256:{'0' * 64}"
    said = shop("release", unknown, "--to", "staging", "--on", "azure", fails=2).stderr
    assert f"no model version in mlw-penstock says that it is in {unknown}" in said


def test_prod_takes_only_what_has_passed_staging(shop: Shop) -> None:
    said = shop.release("1", "prod", fails=1).stderr
    assert "prod takes only what has passed staging" in said
    assert shop.traffic("prod") == {}


def test_an_image_goes_to_staging_and_its_version_to_prod(shop: Shop) -> None:
    image = shop.tags("1")["image"]
    shop("release", image, "--to", "staging", "--on", "azure", "--watch", "0")
    assert shop.traffic("staging") == {"1": 100}
    checks = shop("smoke", "diabetes-staging", "--on", "azure", "--stage", "staging", "--format", "json").json
    assert checks["passed"]
    assert {"without a key", "with a wrong key", "latency"} <= {check["check"] for check in checks["checks"]}
    shop.release("1", "prod")
    assert shop.traffic("prod") == {"1": 100}
    assert shop.tags()["champion"] == "1", "the champion is what prod serves"
    assert shop.tags("2")["role"] == "retired"


def test_again_it_changes_nothing(shop: Shop) -> None:
    shop.azure.requests.clear()
    assert "is served by diabetes-prod already" in shop.release("1", "prod").stderr
    assert [request for request in shop.azure.writes() if "listkeys" not in request.path.lower()] == []


def test_nobody_notices_a_release(shop: Shop) -> None:
    """A client that asks prod all the time, from before to after it."""
    shop.release("2", "staging")
    with shop.asked_all_the_time("prod") as answers:
        shop.release("2", "prod", "--share", "30")
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 2, "both versions have answered"
    assert shop.traffic("prod") == {"2": 100}
    assert len(shop.deployments("prod")) == 2, "what was current stays for a rollback"


def test_a_version_that_answers_as_it_should_is_not_taken_back(shop: Shop) -> None:
    line = ("rollback", "diabetes-prod", "--on", "azure", "--stage", "prod")
    assert "version 2 answers as it should, so it stays" in shop(*line, "--if", "failing").stderr
    assert "no release is unfinished" in shop(*line, "--if", "unfinished").stderr
    other = shop.tags("1")["image"]
    for verb in (line, ("smoke", *line[1:])):
        said = shop(*verb, "--image", other, fails=1).stderr
        assert (
            "diabetes-prod serves version 2 of diabetes, and not version 1 of diabetes, which is in the image" in said
        )
    assert shop.traffic("prod") == {"2": 100}
    image = shop.tags("2")["image"].replace("crpenstock", "crPenstock")  # names of registries have no case
    assert shop("smoke", *line[1:], "--image", image, "--format", "json").json["passed"]


def test_no_answer_proves_nothing(shop: Shop) -> None:
    """It may be the way of the one who asks that is broken."""
    shop.azure.faults.add(r"POST diabetes-prod\S+/score", "lost", times=None)
    said = shop("rollback", "diabetes-prod", "--on", "azure", "--stage", "prod", "--if", "failing", fails=1).stderr
    shop.azure.faults.lift()
    assert "whether diabetes-prod fails cannot be told from here" in said
    assert shop.traffic("prod") == {"2": 100}
    assert shop.tags()["champion"] == "2"


def test_a_rollback_withdraws_the_version(shop: Shop) -> None:
    """Also if what it replaces cannot be removed at once."""
    shop.azure.faults.add(r"DELETE .*/deployments/v2", "conflict", times=None)
    said = shop("rollback", "diabetes-prod", "--on", "azure", "--stage", "prod").stderr
    shop.azure.faults.lift()
    assert "the next release removes it" in said
    assert shop.traffic("prod") == {"1": 100}
    assert shop.tags()["champion"] == "1"
    assert shop.tags("2")["role"] == "withdrawn"
    assert "prod takes only what has passed staging" in shop.release("2", "prod", fails=1).stderr
    said = shop("rollback", "diabetes-prod", "--on", "azure", "--stage", "prod", fails=1).stderr
    assert "diabetes-prod has served nothing before" in said


def test_what_was_rolled_back_in_prod_alone_passes_staging_again_where_it_is(shop: Shop) -> None:
    deployments = shop.deployments("staging")
    done = shop.release("2", "staging")
    assert "smoke test: all" in done.stderr
    assert shop.deployments("staging") == deployments, "nothing was made anew"
    assert shop.tags("2")["package_digest"] in shop.endpoint("staging")["tags"].values()
    assert "is served by diabetes-staging already" in shop.release("2", "staging").stderr
    shop("rollback", "diabetes-staging", "--on", "azure", "--stage", "staging")
    assert shop.traffic("staging") == {"1": 100}


def test_a_package_that_somebody_names_speaks_against_no_version(shop: Shop) -> None:
    """Version 1 of another workspace, say, or a digest that was mistyped; prod goes on serving version 1."""
    before = (shop.tags(), shop.tags("1"))
    zeros = f"sha256:{'0' * 64}"
    said = shop.release("1", "staging", "--digest", zeros, fails=1).stderr
    assert "another one than --digest says" in said
    other = shutil.copytree(shop.azure.images[shop.tags("1")["image"]], shop.folder / "other")
    with (other / "manifest.json").open("a") as manifest:
        manifest.write("\n")
    said = shop("release", other, "--to", "staging", "--on", "azure", fails=1).stderr
    assert "another one than the registry (version 1 of diabetes) says" in said
    own = read_manifest(other).digest
    said = shop("release", other, "--to", "staging", "--on", "azure", "--digest", own, fails=1).stderr
    assert "so register it as a version of its own" in said
    assert (shop.tags(), shop.tags("1")) == before
    assert "--digest sha256:1 is no digest" in shop.release("1", "staging", "--digest", "sha256:1", fails=2).stderr


def test_an_image_that_does_not_start(shop: Shop) -> None:
    """score.py looks through its package before it loads the model; so here the registry has another one."""
    with shop.image_changed("2", "contract.json", '"status": 200', '"status": 200 '):
        done = shop.release("2", "staging", fails=1)
    assert "it does not start" in done.stderr
    assert "Worker failed to boot" in done.stderr, "the end of its log is told"
    _nothing_has_changed(shop, done)


def test_an_image_that_answers_something_else(shop: Shop) -> None:
    images, image = shop.azure.images, shop.tags("2")["image"]
    right, images[image] = images[image], images[shop.tags("1")["image"]]
    try:
        done = shop.release("2", "staging", fails=1)
    finally:
        images[image] = right
    assert "it fails the smoke test" in done.stderr
    assert "the model itself says" in done.stderr
    _nothing_has_changed(shop, done)


def test_a_package_that_is_not_what_was_made(shop: Shop) -> None:
    version = shop.azure.documents.get(f"{shop.azure.workspace}/models/diabetes/versions/2")
    assert version is not None
    tags = version["properties"]["tags"]
    right, tags["package_digest"] = tags["package_digest"], f"sha256:{'0' * 64}"
    try:
        done = shop.release("2", "staging", fails=1)
    finally:
        version = shop.azure.documents.get(f"{shop.azure.workspace}/models/diabetes/versions/2")
        assert version is not None
        version["properties"]["tags"]["package_digest"] = right
    assert "the package is not what was made" in done.stderr
    _nothing_has_changed(shop, done)


def test_one_that_fails_under_traffic_is_taken_back(shop: Shop) -> None:
    endpoint = f"{shop.azure.workspace}/onlineEndpoints/diabetes-staging"
    with shop.watched("2") as process:
        shop.azure.online.crash(endpoint, next(name for name in shop.deployments("staging") if name[:2] == "v2"))
        _, rest = process.communicate()
    assert process.returncode == 1
    assert "under traffic it has not answered 3 times in a row (status 502" in rest
    _nothing_has_changed(shop, Ended(1, "", rest))


def _nothing_has_changed(shop: Shop, done: Ended) -> None:
    assert "version 1 goes on serving there" in done.stderr
    assert shop.traffic("staging") == {"1": 100}
    assert len(shop.deployments("staging")) == 1, "what failed is left behind"
    assert shop.tags("2")["role"] == "withdrawn"
    assert shop.tags()["champion"] == "1"


def test_with_a_mirror_users_have_the_answers_of_what_serves(shop: Shop) -> None:
    before = len(shop.azure.online.mirrored)
    with shop.asked_all_the_time("staging") as answers:
        shop("release", "diabetes:2", "--to", "staging", "--on", "azure", "--mirror", "50", "--watch", "1")
        asked_before_the_end = [*answers]
    assert {answer.status_code for answer in answers} == {200}
    assert any(name.startswith("v2-") for name in shop.azure.online.mirrored[before:])
    changes = [text for text, _ in itertools.groupby(answer.text for answer in asked_before_the_end)]
    assert len(changes) <= 2, "the version took part in the traffic before it had all of it"
    assert shop.traffic("staging") == {"2": 100}
    assert not shop.endpoint("staging")["properties"].get("mirrorTraffic")
