"""What `azureml:...` names."""

from __future__ import annotations

import pytest

from penstock.spec.reference import AssetReference, DatastorePath, read_datastore_path, read_reference

LONG = "azureml:/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("azureml:a:1", AssetReference(None, "a", "1")),
        ("azureml:a_b.c-d:1.10", AssetReference(None, "a_b.c-d", "1.10")),
        ("azureml:a@latest", AssetReference(None, "a", None, "latest")),
        ("azureml:a", AssetReference(None, "a")),
        (f"{LONG}/components/a/versions/2", AssetReference("component", "a", "2")),
        (f"{LONG}/environments/a/labels/latest", AssetReference("environment", "a", None, "latest")),
        (
            "azureml://subscriptions/s/resourcegroups/g/workspaces/w/data/a/versions/2",
            AssetReference("data", "a", "2"),
        ),
        ("azureml://locations/l/workspaces/w/models/a/versions/2", AssetReference("model", "a", "2")),
        ("azureml://registries/r/models/a/versions/2", AssetReference("model", "a", "2", None, "r")),
        ("azureml://registries/r/components/a", AssetReference("component", "a", None, None, "r")),
        ("azureml://registries/r/components/a/labels/prod", AssetReference("component", "a", None, "prod", "r")),
    ],
)
def test_references(text: str, reference: AssetReference) -> None:
    assert read_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    [
        "a:1",
        "azureml:",
        "azureml:../a:1",
        "azureml:a/b:1",
        "azureml:a:..",
        "azureml:a:1:2",
        "azureml:.a:1",
        "azureml://datastores/d/paths/x",
        "azureml://registries/r/components/../versions/2",
        "azureml://registries/r/computes/a",
        "azureml://jobs/j/outputs/o",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    assert read_reference(text) is None


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("azureml://datastores/d/paths/a/b.csv", DatastorePath("d", "a/b.csv")),
        ("azureml://datastores/d/paths/a//b/./c/", DatastorePath("d", "a/b/c")),
        ("azureml://datastores/d/paths/", DatastorePath("d", "")),
        (
            "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/a",
            DatastorePath("d", "a"),
        ),
        (f"{LONG}/datastores/d/paths/a b", DatastorePath("d", "a b")),
    ],
)
def test_datastore_paths(text: str, path: DatastorePath) -> None:
    assert read_datastore_path(text) == path


@pytest.mark.parametrize(
    "text",
    ["azureml://datastores/../paths/a", "azureml://datastores/d/paths/a/../../b", "https://host/a", "azureml:d:1"],
)
def test_what_is_no_datastore_path(text: str) -> None:
    assert read_datastore_path(text) is None
