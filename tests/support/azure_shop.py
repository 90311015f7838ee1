"""A copy of this repository at the local Azure, with versions of the model diabetes to be released from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import requests
from azure_project import led, project
from azure_verbs import STAGE, Ended, call

from penstock.azure.arm import Arm
from penstock.azure.client import connect
from penstock.azure.registry import Models
from penstock.cli.staged import stage_of
from penstock_steps.manifest import read_manifest

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from model_side import Bench

    from local_azure import LocalAzure
    from penstock.store.stages import Stage

REPOSITORY = Path(__file__).parents[2]
PENSTOCK = Path(sys.executable).with_name("penstock")
PARTS = ("components", "environments", "data_checks", "pipelines", ".azure", "penstock.toml")
JSON = "application/json"
RETRAIN = (
    *("submit", "pipelines/retrain_diabetes.yml", "--wait"),
    *("--set", "jobs.package.inputs.registry=crpenstock"),
)
MODEL = "diabetes"
COLUMNS = ["area", "rooms", "floor", "y"]
COPY = "cp -r ${{inputs.words}}/. ${{outputs.package}}"


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
        return self(*RETRAIN, "--format", "json", *options).json

    def stock(self, bench: Bench) -> None:
        """Two versions with packages and images, as two retrainings leave them; the second is the champion."""
        from model_side import regression_table

        train, test = bench.split(regression_table(200)[COLUMNS].fillna(3.0))
        for version, alpha in (("1", 100_000.0), ("2", 1.0)):
            model = bench.train(train, f"model-{version}", parameters=json.dumps({"alpha": alpha}))
            decision = bench.evaluate(model, test, f"decision-{version}", model_name=MODEL)
            registration = bench.register(model, decision, f"registration-{version}", model_name=MODEL)
            package = bench.folder / f"package-{version}"
            bench.main("package", model=model, decision=decision, registration=registration, package=package)
            bench.client.set_model_version_tag(MODEL, version, "package_digest", read_manifest(package).digest)
            self._take(version, model, package)

    def _take(self, version: str, model: Path, package: Path) -> None:
        """The package as the output of a job, its image, and the version with the tags that lead to both."""
        image = f"crpenstock.azurecr.io/{MODEL}@{read_manifest(package).digest}"
        self.azure.images[image] = package
        job = project(self.folder / f"job-{version}", COPY, "package")
        words = "{type: uri_folder, path: " + str(package) + "}"
        job.write_text(job.read_text().replace("inputs: {words: four words in all}", f"inputs: {{words: {words}}}"))
        made = call(self.azure.environment, job.parent, "submit", "job.yml", "--wait", "--format", "json")
        assert made.code == 0, made.stderr
        tags = {
            "package_digest": read_manifest(package).digest,
            "package_run_id": made.json["job"],
            "image": image,
            "role": "champion",
        }
        with self.client("staging") as (client, stage):
            from azure.ai.ml.entities import Model

            client.models.create_or_update(Model(name=MODEL, version=version, path=str(model), tags=tags))
            Models(client, Arm(), stage, print).make_champion(MODEL, version)

    @contextmanager
    def client(self, name: str) -> Iterator[tuple[MLClient, Stage]]:
        """A stage and the client of its workspace, in this process."""
        with patch.dict(os.environ, {**STAGE, **self.azure.environment}):
            stage = stage_of(self.folder / "penstock.toml", name)
            yield connect(stage), stage

    def tags(self, version: str | None = None) -> dict[str, str]:
        path = f"{self.azure.workspace}/models/{MODEL}" + (f"/versions/{version}" if version else "")
        document = self.azure.documents.get(path)
        assert document is not None
        return dict(document["properties"]["tags"])

    def traffic(self, stage: str) -> dict[str, int]:
        """Version -> share of the traffic."""
        return {name[1]: share for name, share in self.endpoint(stage)["properties"]["traffic"].items() if share}

    def endpoint(self, stage: str) -> dict[str, Any]:
        document = self.azure.documents.get(f"{self.azure.workspace}/onlineEndpoints/{MODEL}-{stage}")
        assert document is not None
        return document

    def deployments(self, stage: str) -> list[str]:
        path = f"{self.azure.workspace}/onlineEndpoints/{MODEL}-{stage}/deployments"
        return [document["name"] for document in self.azure.documents.children(path)]

    def release(self, version: str, to: str, *options: str, fails: int = 0) -> Ended:
        return self("release", f"{MODEL}:{version}", "--to", to, "--on", "azure", "--watch", "0", *options, fails=fails)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A verb as a process of its own, whose stderr is read here."""
        environment = {**led(self.azure.environment), **STAGE}
        line = [str(PENSTOCK), *arguments]
        return subprocess.Popen(
            line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=self.folder, env=environment
        )

    @contextmanager
    def watched(self, version: str, *options: str) -> Iterator[subprocess.Popen[str]]:
        """A release to staging in another process, from when its version has its share of the traffic."""
        line = ("release", f"{MODEL}:{version}", "--to", "staging", "--on", "azure", "--watch", "600", *options)
        with self.begin(*line) as process:
            until(process, "takes traffic")
            yield process

    @contextmanager
    def image_changed(self, version: str, file: str, old: str, new: str) -> Iterator[None]:
        """While this lasts, what the version's image leads to is not what was built."""
        path = self.azure.images[self.tags(version)["image"]] / file
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new))
        yield
        path.write_text(before)

    @contextmanager
    def asked_all_the_time(self, stage: str) -> Iterator[list[requests.Response]]:
        """A client of an endpoint, while this lasts; the answers that it got."""
        endpoint = self.endpoint(stage)
        body = (self.azure.images[self.tags("1")["image"]] / "sample_request.json").read_bytes()
        headers = {"Authorization": f"Bearer {self.azure.online.keys_of(endpoint['id'])}", "Content-Type": JSON}
        answers: list[requests.Response] = []
        over = threading.Event()

        def ask() -> None:
            led_there: dict[str, Any] = {
                "verify": self.azure.environment["SSL_CERT_FILE"],
                "proxies": {"https": self.azure.environment["HTTPS_PROXY"]},
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


def until(process: subprocess.Popen[str], words: str) -> str:
    """The line of a process's stderr with these words; fails if it ends without."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if words in line:
            return line
    raise AssertionError(f"it has not said '{words}':\n{''.join(said)}")
