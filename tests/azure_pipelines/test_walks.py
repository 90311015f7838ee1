"""From a push to production: the pipelines of Azure DevOps are walked, and every script of theirs is run for real.

A story, told in the order of this file, in a copy of the repository. What the scripts ask of Azure is answered by the
local one; the build agent's part is that of the walker.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from azure_pipelines import Walk, Walker
from azure_verbs import STAGE, call

if TYPE_CHECKING:
    from local_azure import LocalAzure

REPOSITORY = Path(__file__).parents[2]
NOTHING_OF_AZURE = "tests/spec"
WORKLOAD = ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID")
DATA, PATIENTS = "data_checks/diabetes/diabetes.csv", "data_checks/diabetes/patients"


class Office:
    """A copy of the repository, its pipelines, and the local Azure."""

    def __init__(self, azure: LocalAzure, folder: Path) -> None:
        self.azure, self.folder = azure, folder
        current = subprocess.run(["make", "-q", ".venv/.dev"], cwd=REPOSITORY, capture_output=True, check=False)
        assert current.returncode == 0, "a make of the copy would install it into this .venv: call make setup"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        for name in listed.stdout.split("\0"):
            if name and (REPOSITORY / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(
                    REPOSITORY / name, folder / name, follow_symlinks=False
                )  # with its time, so that make makes nothing anew
        for name in (".venv", ".tools"):
            (folder / name).symlink_to(REPOSITORY / name)
        if (REPOSITORY / ".mypy_cache").is_dir():
            shutil.copytree(REPOSITORY / ".mypy_cache", folder / ".mypy_cache")
        for line in ("init -q", "add -A", "-c user.name=a -c user.email=a@b commit -qm all"):
            subprocess.run(["git", *line.split()], cwd=folder, check=True)
        self.builds = 0
        self.said: list[str] = []

    def walker(self) -> Walker:
        """As for a new build."""
        self.builds += 1
        build = {"Build.BuildId": str(self.builds), "Build.SourceVersion": "c0ffee"}
        led_there = dict(self.azure.environment)
        subscription = {"AZURE_SUBSCRIPTION_ID": led_there.pop("AZURE_SUBSCRIPTION_ID")}
        for name in WORKLOAD:  # a build has no identity but its service connection's
            del led_there[name]
        agent = self.azure.build_systems.devops
        secrets = {"System.AccessToken": agent.pop("SYSTEM_ACCESSTOKEN")}
        variables = {**STAGE, **build, **subscription}
        return Walker(self.folder, {**led_there, **agent}, variables, secrets, self.azure.build_systems.connection)

    def walk(self, pipeline: str, walker: Walker | None = None, **options: str) -> Walk:
        only = options.pop("only", None)
        tests = options.pop("tests", None)
        walker = walker or self.walker()
        if tests is not None:
            walker.before = lambda stage: walker.choose_tests(tests if stage == "unit" else "")
        image = options.pop("image", None)
        given = {"resources.container.image.digest": image.partition("@")[2]} if image else {}
        done = walker.walk(pipeline, options, only, **given)
        self.said.append("".join(each.said for each in (*done.steps, *done.orphans)))
        return done

    @property
    def images(self) -> list[str]:
        return list(self.azure.images)

    def traffic(self, stage: str) -> dict[str, int]:
        """Version -> share of the traffic."""
        document = self.azure.documents.get(f"{self.azure.workspace}/onlineEndpoints/diabetes-{stage}")
        assert document is not None
        return {name[1]: share for name, share in document["properties"]["traffic"].items() if share}


@pytest.fixture(scope="module")
def office(azure_of_all: LocalAzure, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    azure_of_all.reset()
    yield Office(azure_of_all, tmp_path_factory.mktemp("office"))
    assert azure_of_all.faults.unmet == []


@pytest.fixture
def bad_data(office: Office) -> Iterator[None]:
    """The committed data, with an age that no person has."""
    file = office.folder / DATA
    before = file.read_text()
    header, first, *rest = before.splitlines()
    file.write_text("\n".join([header, ",".join(["512", *first.split(",")[1:]]), *rest]) + "\n")
    yield
    file.write_text(before)


def test_infra(office: Office) -> None:
    assert office.walk("infra.yml", stage="staging", options="--dry-run").status == "succeeded"
    assert office.azure.writes() == []
    for stage in ("staging", "prod"):
        done = office.walk("infra.yml", stage=stage)
        assert (done.status, done.ran("only")) == ("succeeded", [("make provision", "succeeded")])
    endpoints = [path.rpartition("/")[2] for path in office.azure.documents if "/onlineEndpoints/" in path]
    assert sorted(endpoints) == ["diabetes-prod", "diabetes-staging"]


def test_a_push(office: Office) -> None:
    done = office.walk("ci.yml", tests=NOTHING_OF_AZURE)
    assert done.stages == dict.fromkeys(["check", "data_sanity", "unit", "retrain"], "succeeded"), office.said[-1]
    checks = ["make lint", "make types", "make check", "make secrets"]
    assert done.ran("check") == [(script, "succeeded") for script in checks]
    assert any("expect_column_values" in name for name in done.results["Data sanity"])
    assert len(done.results["Unit tests"]) > 100
    assert done.ran("retrain") == [("make publish", "succeeded"), ("make submit", "succeeded")]
    assert "VERDICT  accept" in done.said("make submit")
    assert done.outputs["verdict"] == "accept"
    assert done.tags == [f"job-{done.outputs['job']}", "Completed-accept"]
    job = office.azure.jobs.by_name(office.azure.workspace, done.outputs["job"])
    assert job is not None
    tags = job.document["properties"]["tags"]
    assert (tags["build"], tags["commit"], tags["stage"]) == (str(office.builds), "c0ffee", "dev")
    assert len(office.images) == 1


def test_another_push_that_changes_nothing_is_green_and_says_that_the_candidate_is_rejected(office: Office) -> None:
    done = office.walk("ci.yml", only="retrain")
    assert done.status == "succeeded"
    assert "VERDICT  reject" in done.said("make submit")
    assert done.tags[1] == "Completed-reject"
    assert "workspace mlw-penstock: 16 unchanged" in done.said("make publish")
    assert len(office.images) == 1, "so no release is triggered"


def test_a_pull_request_does_not_get_to_azure(office: Office) -> None:
    walker = office.walker()
    done = walker.walk("ci.yml", {}, "retrain", **{"Build.Reason": "PullRequest"})
    assert done.stages == {"retrain": "skipped"}
    office.azure.requests.clear()
    done = office.walk("pr.yml", tests=NOTHING_OF_AZURE, only="unit")
    assert done.stages == {"unit": "succeeded"}
    assert office.azure.requests == []


@pytest.mark.usefixtures("bad_data")
def test_bad_data_stops_a_push_before_azure(office: Office) -> None:
    walker = office.walker()
    done = walker.walk("ci.yml", {}, "data_sanity")
    assert done.stages == {"data_sanity": "failed"}
    assert "'age'" in done.said("make data-sanity")
    assert done.results["Data sanity"], "its results are published all the same"


@pytest.mark.usefixtures("bad_data")
def test_the_gate_stops_a_retraining(office: Office) -> None:
    before = office.azure.documents.get(f"{office.azure.workspace}/models/diabetes")
    done = office.walk("ci.yml", only="retrain")
    assert done.stages == {"retrain": "failed"}
    said = done.said("make submit")
    assert "validate_data: failed; the end of its log" in said
    assert "age" in said
    assert "VERDICT" not in said
    assert office.azure.documents.get(f"{office.azure.workspace}/models/diabetes") == before
    assert len(office.images) == 1


def test_a_build_that_is_cancelled_cancels_its_job(office: Office) -> None:
    walker = office.walker()
    walker.cancels = lambda line: "is submitted to" in line
    walker.patience = 120.0
    done = office.walk("ci.yml", walker, only="retrain")
    assert done.stages == {"retrain": "canceled"}
    assert ("make cancel", "succeeded") in done.ran("retrain")
    job = next(job for job in office.azure.jobs.jobs.values() if job.name in done.said("make submit"))
    assert job.status == "Canceled"
    (orphan,) = done.orphans
    assert not orphan.killed
    assert f"job {job.name}: Canceled" in orphan.said
    assert len(office.images) == 1


def test_an_image_goes_to_production(office: Office) -> None:
    done = office.walk("release.yml", image=office.images[0], watch="1")
    stages = ["staging", "integration", "prod", "functional"]
    assert done.stages == dict.fromkeys(stages, "succeeded"), office.said[-1]
    assert [script for stage in stages for script, _ in done.ran(stage)] == [
        "make release",
        "make smoke",
        "make release",
        "make smoke",
    ]
    for title in ("Integration tests", "Functional tests"):
        assert {"with a wrong key", "latency"} <= set(done.results[title])
    assert office.traffic("staging") == office.traffic("prod") == {"1": 100}


def _better_candidate(office: Office) -> None:
    """Another push, whose candidate is accepted; so there is a second image."""
    pipeline = office.folder / "pipelines/retrain_diabetes.yml"
    before = pipeline.read_text()
    assert "estimator: KNeighborsRegressor" in before
    pipeline.write_text(before.replace("estimator: KNeighborsRegressor", "estimator: Ridge"))
    assert "penstock publish --bump" in office.walk("ci.yml", only="retrain").said("make publish")
    assert call({}, office.folder, "publish", "--bump").code == 0
    assert office.walk("ci.yml", only="retrain").outputs["verdict"] == "accept"
    assert len(office.images) == 2


def test_a_release_that_is_cancelled_leaves_what_was(office: Office) -> None:
    _better_candidate(office)
    walker = office.walker()
    walker.cancels = lambda line: "takes traffic" in line
    walker.patience = 120.0
    shared: list[dict[str, int]] = []
    walker.between = lambda: shared.append(office.traffic("staging"))
    done = office.walk("release.yml", walker, image=office.images[1], watch="600")
    assert done.stages == {"staging": "canceled", **dict.fromkeys(["integration", "prod", "functional"], "skipped")}
    assert shared == [{"1": 90, "2": 10}]
    assert done.ran("staging") == [("make release", "canceled"), ("make rollback", "succeeded")]
    assert "was not finished, and is ended" in done.said("make rollback")
    (orphan,) = done.orphans
    assert not orphan.killed, "it sees that its deployment is gone, though it would watch for longer than this test"
    assert "so it is not made current" in orphan.said
    assert office.traffic("staging") == {"1": 100}


def test_one_that_fails_in_production_is_rolled_back(office: Office) -> None:
    """Its server ends after the release, before the functional tests."""
    walker = office.walker()
    endpoint = f"{office.azure.workspace}/onlineEndpoints/diabetes-prod"

    def breaks(stage: str) -> None:
        if stage == "functional":
            assert office.traffic("prod") == {"2": 100}
            document = office.azure.documents.get(endpoint)
            assert document is not None
            serving = next(name for name, share in document["properties"]["traffic"].items() if share)
            office.azure.online.crash(endpoint, serving)

    walker.before = breaks
    done = office.walk("release.yml", walker, image=office.images[1], watch="1")
    assert done.stages["prod"] == "succeeded"
    assert done.stages["functional"] == done.status == "failed"
    assert done.ran("functional") == [("make smoke", "failed"), ("make rollback", "succeeded")], done.said("make smoke")
    assert office.traffic("prod") == {"1": 100}
    model = office.azure.documents.get(f"{office.azure.workspace}/models/diabetes/versions/2")
    assert model is not None
    assert model["properties"]["tags"]["role"] == "withdrawn"


def test_a_schedule(office: Office) -> None:
    assert office.walk("schedule.yml").status == "succeeded"
    assert "created" in office.said[-1]
    office.walk("schedule.yml", options="--disable")
    path = f"{office.azure.workspace}/schedules/retrain_diabetes_weekly"
    document = office.azure.documents.get(path)
    assert document is not None
    assert document["properties"]["isEnabled"] is False


def test_batch(office: Office, tmp_path: Path) -> None:
    package = tmp_path / "package"
    shutil.copytree(office.azure.images[office.images[0]], package)
    done = office.walk("batch.yml", data=str(office.folder / PATIENTS), package=str(package))
    assert (done.status, done.ran("only")) == ("succeeded", [("make score", "succeeded")]), office.said[-1]


def test_no_log_and_no_artefact_holds_a_secret(office: Office) -> None:
    """Neither keys of endpoints and of the storage account, nor tokens, nor the signatures of addresses."""
    known = office.azure.secrets()
    assert len(known) == 5
    said = "\n".join(office.said)
    assert len(said) > 10_000
    kept = [file for part in ("azurite", "runs", "online") for file in (office.azure.folder / part).rglob("*")]
    files = [file for file in kept if file.is_file() and "debug" not in file.name and not file.is_symlink()]
    assert len(files) > 100
    for name, text in [("the builds' logs", said.encode()), *((str(file), file.read_bytes()) for file in files)]:
        found = [secret for secret in known if secret.encode() in text]
        found += re.findall(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}|sig=[\w%]{20,}", text)
        assert found == [], name
