"""Where endpoints are and what they are called: on Kubernetes, with a prefix, with a first version that fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from azure_shop import Shop
from model_side import open_bench

if TYPE_CHECKING:
    from local_azure import LocalAzure


@pytest.fixture(scope="module")
def shop(azure_of_all: LocalAzure, empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    azure_of_all.reset()
    shop = Shop(azure_of_all, tmp_path_factory.mktemp("shop"))
    shop("provision", "--stage", "staging")
    shop.stock(open_bench(tmp_path_factory.mktemp("bench"), empty_store))
    yield shop
    assert azure_of_all.faults.unmet == []


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
    shop("provision", "--stage", "prod")
    shop.release("1", "prod")
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
