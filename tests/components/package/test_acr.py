"""The image of a package, built where it is kept."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from model_side import Bench, Ended
from packaged import Made

from acr import ContainerRegistry, context, find_registry, repository_of
from penstock_steps.errors import StepError

if TYPE_CHECKING:
    from local_azure import LocalAzure

JOB = {"AZUREML_ARM_SUBSCRIPTION": "s-1", "AZUREML_ARM_RESOURCEGROUP": "rg"}
ID = "/subscriptions/s-2/resourceGroups/other/providers/Microsoft.ContainerRegistry/registries/crShared"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("crpenstock", ContainerRegistry("s-1", "rg", "crpenstock")),
        ("crpenstock.azurecr.io", ContainerRegistry("s-1", "rg", "crpenstock")),
        (ID, ContainerRegistry("s-2", "other", "crShared")),
        (ID.lower(), ContainerRegistry("s-2", "other", "crshared")),
    ],
)
def test_a_registry_is_found_by_its_name_or_id(given: str, found: ContainerRegistry) -> None:
    assert find_registry(given, JOB) == found
    assert found.server in {"crpenstock.azurecr.io", "crshared.azurecr.io"}


@pytest.mark.parametrize(
    ("given", "environment", "told"),
    [
        ("cr-penstock", JOB, "--registry cr-penstock is neither a container registry's name nor its ARM id"),
        ("https://crpenstock.azurecr.io", JOB, "is neither a container registry's name nor its ARM id"),
        ("crpenstock", {}, "which resource group it is in is known in a job at Azure only; give its ARM id"),
    ],
)
def test_what_is_no_registry_is_told(given: str, environment: dict[str, str], told: str) -> None:
    with pytest.raises(StepError) as raised:
        find_registry(given, environment)
    assert told in str(raised.value)


def test_the_repository_is_what_is_given_or_the_model() -> None:
    assert repository_of(None, "Diabetes Progression_v2") == "diabetes-progression-v2"
    assert repository_of("team/diabetes", "other") == "team/diabetes"
    for wrong in ("Diabetes", "-diabetes", "a//b", "a:b"):
        with pytest.raises(StepError, match="cannot name a repository"):
            repository_of(wrong, "diabetes")


def test_the_context_is_the_same_for_the_same_files(made: Made, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(made.package, tmp_path / "package", copy_function=shutil.copyfile))
    os.utime(copy / "score.py", (0, 0))
    (copy / "score.py").chmod(0o700)
    sent = context(made.package)
    assert context(copy) == sent
    with tarfile.open(fileobj=io.BytesIO(sent)) as tar:
        names = tar.getnames()
    assert {"Dockerfile", "model/MLmodel"} <= set(names)
    assert names == sorted(names)
    (copy / "score.py").write_text("pass\n")
    assert context(copy) != sent


class Registry:
    """A container registry at the local Azure, and a package step that has its image built there."""

    def __init__(self, azure: LocalAzure, made: Made, folder: Path) -> None:
        self.azure, self.made, self.folder = azure, made, folder
        self.id = f"{azure.group}/providers/Microsoft.ContainerRegistry/registries/crpenstock"
        azure.documents.put(self.id, {"location": "westeurope", "properties": {"loginServer": "crpenstock.azurecr.io"}})
        store = shutil.copy(made.bench.uri.removeprefix("sqlite:///"), folder / "mlflow.db")
        variables = {**made.bench.environment, **azure.environment, "MLFLOW_TRACKING_URI": f"sqlite:///{store}"}
        self.bench = Bench(folder, f"sqlite:///{store}", variables)

    def package(self, name: str, **options: str) -> Ended:
        return self.bench.process("package", **self.made.ports, package=self.folder / name, registry=self.id, **options)

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.bench.client.get_model_version("rent", "1").tags)

    @property
    def image(self) -> str:
        return self.tags.get("image", "")


@pytest.fixture
def registry(azure: LocalAzure, made: Made, tmp_path: Path) -> Iterator[Registry]:
    with patch.dict(os.environ, {"NO_PROXY": "127.0.0.1,localhost"}):
        yield Registry(azure, made, tmp_path)


def test_an_image_is_built_once_for_a_package(registry: Registry) -> None:
    done = registry.package("first")
    assert done.code == 0, done.stderr
    assert registry.image == next(iter(registry.azure.images))
    assert registry.image.startswith("crpenstock.azurecr.io/rent@sha256:")
    facts = json.loads((registry.folder / "first/lineage.json").read_text())["steps"]["package"]["facts"]
    assert facts["image"] == registry.image
    built = registry.azure.images[registry.image]
    assert (built / "manifest.json").read_bytes() == (registry.folder / "first/manifest.json").read_bytes()

    done = registry.package("second")
    assert f"version 1 of rent has its image already: {registry.image}" in done.stdout
    assert len(registry.azure.images) == 1

    registry.bench.client.set_model_version_tag("rent", "1", "package_digest", "sha256:of another package")
    assert "has its image already" not in registry.package("third").stdout, "the image is of another package"


def test_a_build_that_fails_is_told_with_the_end_of_its_log(registry: Registry) -> None:
    registry.bench.client.delete_model_version_tag("rent", "1", "package_digest")
    registry.azure.container_registries.fails = "ERROR: no matching distribution for numpy==2.4.6"
    done = registry.package("first")
    assert done.code == 1
    assert "has ended as Failed: failed to run step ID: build" in done.stderr
    assert "no matching distribution for numpy==2.4.6" in done.stderr
    assert "Traceback" not in done.stderr
    assert registry.image == ""
    assert "package_digest" not in registry.tags, "evaluate would take the version for finished, and reject its like"
    assert registry.package("second").code == 0, "it can be repeated"
    assert registry.image
    assert "package_digest" in registry.tags


def test_a_registry_that_is_not_there_is_told(registry: Registry) -> None:
    registry.id = registry.id.replace("crpenstock", "crnowhere")
    done = registry.package("first")
    assert done.code == 1
    assert "crnowhere.azurecr.io does not build the image: " in done.stderr
    assert "could not be found" in done.stderr or "was not found" in done.stderr
    assert "sig=" not in done.stderr
