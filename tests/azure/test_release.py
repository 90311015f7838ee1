"""From a retraining to production on Azure: a story, told in the order of this file.

The jobs are run by the engine; deployments really serve their packages; all of it is asked for by the real client.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import requests
from azure_project import led
from azure_verbs import STAGE, Ended, call

if TYPE_CHECKING:
    from local_azure import LocalAzure

REPOSITORY = Path(__file__).parents[2]
PENSTOCK = Path(sys.executable).with_name("penstock")
PARTS = ("components", "environments", "data_checks", "pipelines", ".azure", "penstock.toml")
JSON = "application/json"
REGISTRY = "jobs.package.inputs.registry=crpenstock"


class Shop:
    """A copy of this repository, and what was made from it at the local Azure."""

    def __init__(self, azure: LocalAzure, folder: Path) -> None:
        self.azure, self.folder = azure, folder
        for part in PARTS:
            source = REPOSITORY / part
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / part)
        (folder / ".git").mkdir()

    def __call__(self, *arguments: str | Path, fails: int = 0) -> Ended:
        done = call(self.azure.environment, self.folder, *arguments)
        assert done.code == fails, f"{done.stdout}\n{done.stderr}"
        return done

    def retrain(self, *options: str) -> Any:
        arguments = ("submit", "pipelines/retrain_diabetes.yml", "--wait", "--format", "json", "--set", REGISTRY)
        return self(*arguments, *options).json

    def tags(self, version: str | None = None) -> dict[str, str]:
        path = f"{self.azure.workspace}/models/diabetes" + (f"/versions/{version}" if version else "")
        document = self.azure.documents.get(path)
        assert document is not None
        return dict(document["properties"]["tags"])

    def traffic(self, stage: str) -> dict[str, int]:
        """Version -> share of the traffic."""
        return {name[1]: share for name, share in self.endpoint(stage)["properties"]["traffic"].items() if share}

    def endpoint(self, stage: str) -> dict[str, Any]:
        document = self.azure.documents.get(f"{self.azure.workspace}/onlineEndpoints/diabetes-{stage}")
        assert document is not None
        return document

    def deployments(self, stage: str) -> list[str]:
        path = f"{self.azure.workspace}/onlineEndpoints/diabetes-{stage}/deployments"
        return [document["name"] for document in self.azure.documents.children(path)]

    def release(self, version: str, to: str, *options: str, fails: int = 0) -> Ended:
        return self(
            "release", f"diabetes:{version}", "--to", to, "--on", "azure", "--watch", "0", *options, fails=fails
        )

    @contextmanager
    def image_changed(self, version: str, file: str, old: str, new: str) -> Iterator[None]:
        """While this lasts, what the version's image leads to is not what was built."""
        path = self.azure.images[self.tags(version)["image"]] / file
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new))
        yield
        path.write_text(before)


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


def test_a_better_candidate_becomes_the_second_version(shop: Shop) -> None:
    assert shop.retrain("--set", "inputs.estimator=Ridge")["decision"]["verdict"] == "accept"
    assert len(shop.azure.images) == 2
    assert shop.tags()["champion"] == "2"


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


@contextmanager
def asked_all_the_time(shop: Shop, stage: str) -> Iterator[list[requests.Response]]:
    """A client of an endpoint, while this lasts; the answers that it got."""
    endpoint = shop.endpoint(stage)
    body = (shop.azure.images[shop.tags("1")["image"]] / "sample_request.json").read_bytes()
    headers = {"Authorization": f"Bearer {shop.azure.online.keys_of(endpoint['id'])}", "Content-Type": JSON}
    answers: list[requests.Response] = []
    over = threading.Event()

    def ask() -> None:
        led_there: dict[str, Any] = {
            "verify": shop.azure.environment["SSL_CERT_FILE"],
            "proxies": {"https": shop.azure.environment["HTTPS_PROXY"]},
        }
        with requests.Session() as session:
            session.trust_env = False
            while not over.is_set():
                url = endpoint["properties"]["scoringUri"]
                answers.append(session.post(url, data=body, headers=headers, timeout=30, **led_there))

    client = threading.Thread(target=ask)
    client.start()
    try:
        yield answers
    finally:
        over.set()
        client.join()


def test_nobody_notices_a_release(shop: Shop) -> None:
    """A client that asks prod all the time, from before to after it."""
    shop.release("2", "staging")
    with asked_all_the_time(shop, "prod") as answers:
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
        assert "diabetes-prod serves version 2 of diabetes, and version 1 is in crpenstock.azurecr.io" in said
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
    shop("rollback", "diabetes-staging", "--on", "azure", "--stage", "staging")
    assert shop.traffic("staging") == {"1": 100}


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
    line = [str(PENSTOCK), "release", "diabetes:2", "--to", "staging", "--on", "azure", "--watch", "600"]
    environment = {**led(shop.azure.environment), **STAGE}
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, cwd=shop.folder, env=environment) as process:
        assert process.stderr is not None
        next(said for said in process.stderr if "takes traffic" in said)
        shop.azure.online.crash(endpoint, next(name for name in shop.deployments("staging") if name[:2] == "v2"))
        rest = process.stderr.read()
    assert process.returncode == 1
    assert "under traffic it has not answered 3 times in a row (status 502" in rest
    _nothing_has_changed(shop, Ended(1, "", rest))


def _nothing_has_changed(shop: Shop, done: Ended) -> None:
    assert "version 1 goes on serving there" in done.stderr
    assert shop.traffic("staging") == {"1": 100}
    assert len(shop.deployments("staging")) == 1, "what failed is left behind"
    assert shop.tags("2")["role"] == "withdrawn"
    assert shop.tags()["champion"] == "1"


def test_a_release_that_is_cancelled_leaves_what_was(shop: Shop) -> None:
    line = [str(PENSTOCK), "release", "diabetes:2", "--to", "staging", "--on", "azure", "--watch", "600"]
    environment = {**led(shop.azure.environment), **STAGE}
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, cwd=shop.folder, env=environment) as process:
        assert process.stderr is not None
        for said in process.stderr:
            if "takes traffic" in said:
                assert shop.traffic("staging") == {"1": 90, "2": 10}
                process.send_signal(signal.SIGTERM)
                break
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert shop.traffic("staging") == {"1": 100}
    assert len(shop.deployments("staging")) == 1
    assert shop.tags("2")["role"] == "withdrawn", "as it was"


def test_a_release_that_was_killed_is_ended_by_a_rollback_and_what_serves_stays(shop: Shop) -> None:
    """What a build system does to a job that does not end at once."""
    _killed_while_watched(shop, "2", "--share", "60")  # more than what serves has left
    assert shop.traffic("staging") == {"1": 40, "2": 60}
    said = shop("smoke", "diabetes-staging", "--on", "azure", "--stage", "staging", fails=1).stderr
    assert "has some of the traffic, too, so it is not known which version answers" in said
    assert "penstock rollback diabetes-staging --on azure --stage staging --if unfinished" in said
    done = shop.release("1", "staging")
    assert "its traffic is taken back" in done.stderr
    assert "version 1 of diabetes is served by diabetes-staging already" in done.stderr
    assert shop.traffic("staging") == {"1": 100}
    shop.azure.requests.clear()
    _killed_while_watched(shop, "2")
    made = [each.path for each in shop.azure.writes() if "/deployments/" in each.path]
    assert made == [], "what the first one had made was made again"
    done = shop("rollback", "diabetes-staging", "--on", "azure", "--stage", "staging")
    assert "was not finished, and is ended" in done.stderr
    assert "version 1 of diabetes has the traffic" in done.stdout
    assert shop.traffic("staging") == {"1": 100}
    assert len(shop.deployments("staging")) == 1
    assert shop.tags("1")["role"] == "champion"


def _killed_while_watched(shop: Shop, version: str, *options: str) -> None:
    line = [str(PENSTOCK), "release", f"diabetes:{version}", "--to", "staging", "--on", "azure", "--watch", "600"]
    environment = {**led(shop.azure.environment), **STAGE}
    with subprocess.Popen(
        [*line, *options], stderr=subprocess.PIPE, text=True, cwd=shop.folder, env=environment
    ) as process:
        assert process.stderr is not None
        next(said for said in process.stderr if "takes traffic" in said)
        process.kill()


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
    assert "prod takes only what has passed staging" in shop.release("2", "prod", fails=1).stderr


@pytest.mark.parametrize("kind", ["lost_after", "conflict"])
def test_a_fault_on_the_way(shop: Shop, kind: Any) -> None:
    """It ends right, or what had the traffic has it again and the release can be repeated."""
    if shop.traffic("staging") == {"2": 100}:
        shop("rollback", "diabetes-staging", "--on", "azure", "--stage", "staging")
    shop.azure.faults.add(r"PUT .*/onlineEndpoints/diabetes-staging", kind, after=1, retry_after="0")
    done = call(shop.azure.environment, shop.folder, *_release_of("2"))
    if done.code:
        assert "Azure" in done.stderr
        assert shop.traffic("staging") == {"1": 100}
        shop.release("2", "staging")
    shop.azure.faults.lift()
    assert shop.traffic("staging") == {"2": 100}


def test_with_a_mirror_users_have_the_answers_of_what_serves(shop: Shop) -> None:
    before = len(shop.azure.online.mirrored)
    with asked_all_the_time(shop, "staging") as answers:
        shop("release", "diabetes:1", "--to", "staging", "--on", "azure", "--mirror", "50", "--watch", "1")
        asked_before_the_end = [*answers]
    assert {answer.status_code for answer in answers} == {200}
    assert any(name.startswith("v1-") for name in shop.azure.online.mirrored[before:])
    changes = [text for text, _ in itertools.groupby(answer.text for answer in asked_before_the_end)]
    assert len(changes) <= 2, "the version took part in the traffic before it had all of it"
    assert shop.traffic("staging") == {"1": 100}
    assert not shop.endpoint("staging")["properties"].get("mirrorTraffic")


def test_an_endpoint_on_kubernetes_and_a_version_without_an_image(shop: Shop) -> None:
    """The cluster is attached; the environment of a version that has no image is built of its package."""
    shop("provision", ".azure/endpoints/staging.yml", "--stage", "staging", "--remove", "--yes")
    cluster = f"{shop.azure.group}/providers/Microsoft.ContainerService/managedClusters/aks"
    with patch.dict(os.environ, {"AZURE_KUBERNETES_ID": cluster}):
        files = (".azure/compute/kubernetes.yml", ".azure/kubernetes/staging.yml")
        made = shop("provision", *files, "--stage", "staging").stderr
    assert "compute kubernetes: create" in made
    assert "online endpoint diabetes-staging: create" in made
    said = shop.release("1", "staging", "--mirror", "20", fails=1).stderr
    assert "on Kubernetes" in said
    assert shop.deployments("staging") == []
    shop.release("1", "staging")
    assert _deployed(shop) == ("Kubernetes", "image")

    version = shop.azure.documents.get(f"{shop.azure.workspace}/models/diabetes/versions/2")
    assert version is not None
    del version["properties"]["tags"]["image"]
    shop.release("2", "staging")
    assert _deployed(shop) == ("Kubernetes", "build")
    assert shop.traffic("staging") == {"2": 100}
    assert shop("smoke", "diabetes-staging", "--on", "azure", "--stage", "staging", "--format", "json").json["passed"]


def test_an_endpoint_whose_name_others_have_taken(shop: Shop) -> None:
    """Names are unique in a region: a prefix makes them one's own."""
    toml = shop.folder / "penstock.toml"
    toml.write_text(toml.read_text().replace("[stages.staging]", '[stages.staging]\nendpoint_prefix = "contoso-"'))
    declared = shop.folder / ".azure/endpoints/staging.yml"
    declared.write_text(declared.read_text().replace("diabetes-staging", "contoso-diabetes-staging"))
    shop("provision", "--stage", "staging")
    shop.release("1", "staging")
    path = f"{shop.azure.workspace}/onlineEndpoints/contoso-diabetes-staging"
    endpoint = shop.azure.documents.get(path)
    assert endpoint is not None
    assert sum(endpoint["properties"]["traffic"].values()) == 100


def test_an_endpoint_whose_name_is_too_long_for_azure_is_told_before_anything_is_made(shop: Shop) -> None:
    toml = shop.folder / "penstock.toml"
    before = toml.read_text()
    toml.write_text(before.replace('"contoso-"', '"contoso-pharmaceuticals-"'))
    shop.azure.requests.clear()
    said = shop.release("1", "staging", fails=1).stderr
    toml.write_text(before)
    assert "contoso-pharmaceuticals-diabetes-staging cannot be an endpoint at Azure" in said
    assert shop.azure.writes() == []


def test_the_first_version_of_an_endpoint_that_fails_leaves_nothing_served(shop: Shop) -> None:
    path = f"{shop.azure.workspace}/onlineEndpoints/contoso-diabetes-staging"
    [deployment] = shop.azure.documents.children(f"{path}/deployments")
    shop.azure.online.crash(path, deployment["name"])
    line = ("rollback", "contoso-diabetes-staging", "--on", "azure", "--stage", "staging")
    assert "has served nothing before" in shop(*line, fails=1).stderr
    done = shop(*line, "--if", "failing")
    assert done.stdout == "contoso-diabetes-staging: serves nothing\n"
    endpoint = shop.azure.documents.get(path)
    assert endpoint is not None
    assert not endpoint["properties"]["traffic"]
    assert shop.tags("1")["role"] == "champion", "prod, whose endpoints have no prefix, goes on serving it"


def _deployed(shop: Shop) -> tuple[str, str]:
    """Compute and origin of what staging serves."""
    name = next(name for name, share in shop.endpoint("staging")["properties"]["traffic"].items() if share)
    path = f"{shop.azure.workspace}/onlineEndpoints/diabetes-staging/deployments/{name}"
    deployment = shop.azure.documents.get(path)
    assert deployment is not None
    environment = shop.azure.documents.get(deployment["properties"]["environmentId"].removeprefix("azureml:"))
    assert environment is not None
    origin = "image" if environment["properties"].get("image") else "build"
    return deployment["properties"]["endpointComputeType"], origin


def _release_of(version: str) -> tuple[str, ...]:
    return ("release", f"diabetes:{version}", "--to", "staging", "--on", "azure", "--watch", "0")
