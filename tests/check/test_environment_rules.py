"""Environments, conda files and references, with azure-ai-ml as the oracle of what a reference may be."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure.ai.ml._utils._arm_id_utils import AMLVersionedArmId
from azure.ai.ml._utils._storage_utils import AzureMLDatastorePathUri
from azure.ai.ml.exceptions import ValidationException
from checked_files import told
from hypothesis import given
from hypothesis import strategies as st

from penstock.check.conda import Conda, read_conda
from penstock.check.references import problem_of
from penstock.spec.source import parse

COMPONENT = "type: command\nname: c\nversion: 1\ncommand: echo\nenvironment: {}\n"
ENVIRONMENT = "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: e\nimage: {}\n"


@pytest.mark.parametrize(
    ("reference", "rules"),
    [
        ("azureml:e:1", []),
        ("azureml:e@stable", []),
        ("azureml:e@latest", ["PS520"]),
        ("azureml:e", ["PS505"]),
        ("azureml:AzureML-sklearn-1.5", ["PS520"]),
        ("azureml:AzureML-sklearn-1.5:3", []),
        ("azureml://registries/azureml/environments/e/versions/1", []),
        ("azureml://registries/azureml/environments/e/labels/latest", ["PS520"]),
        ("azureml://registries/azureml/environments/e", ["PS405"]),
        ("azureml://registry/azureml/environments/e/versions/1", ["PS405"]),
        ("'azureml:'", ["PS506"]),
        ("'azureml:e:'", ["PS506"]),
        ("azureml:e@", ["PS506"]),
        ("azureml:my e:1", ["PS506"]),
        ("azureml:e:1:2", ["PS506"]),
        ("e:1", ["PS506"]),
        ("environment.yml", ["PS506"]),
        ("file:environment.yml", ["PS501"]),
        ("azureml:/subscriptions/s/resourceGroups/r/providers/Microsoft.MachineLearningServices/workspaces/w/x/y", []),
        ("azureml:/subscription/s", ["PS506"]),
        ("${{parent.inputs.e}}", []),
    ],
)
def test_a_reference_to_an_environment(reference: str, rules: list[str], tmp_path: Path) -> None:
    lines = told(tmp_path, {"c.yml": COMPONENT.format(reference)}, "PS4", "PS5")
    assert [line.partition(" ")[0] for line in lines] == rules, lines
    assert all(line.split()[1] == "c.yml:5:14" for line in lines)


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("azureml:d:1", None),
        ("azureml:d@latest", None),
        ("./data", None),
        ("azureml:d", "version"),
        ("azureml:datastores/blob/paths/x", "form"),
        ("azureml://datastores/blob/paths/x", None),
        ("azureml://datastores/blob/paths/", None),
        ("azureml://datastores/blob", "uri"),
        ("azureml://datastores/blob/path/x", "uri"),
        ("azureml://datastore/blob/paths/x", "uri"),
        ("azureml://jobs/j/outputs/o/paths/x", None),
        ("azureml://jobs/j/outputs", "uri"),
        ("azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/x", None),
        ("azureml://subscriptions/s/resourcegroups/g/workspaces/w/data/d/versions/1", None),
        ("azureml://subscriptions/s/resourcegroup/g/workspaces/w/datastores/d/paths/x", "uri"),
        ("azureml://locations/l/workspaces/w/data/d/versions/1", None),
        ("azureml://westeurope.api.azureml.ms/mlflow", None),
        ("azureml://${{default_datastore}}/x", None),
        ("https://x.blob.core.windows.net/a b", None),
    ],
)
def test_a_reference_to_data(reference: str, what: str | None) -> None:
    problem = problem_of(reference, "data")
    assert (problem.what if problem else None) == what


PARTS = st.lists(
    st.sampled_from(["datastores", "jobs", "subscriptions", "x", "paths", "outputs", "resourcegroups", "workspaces"])
)


@given(PARTS.map("/".join))
def test_what_azure_reads_as_a_uri_of_data_is_one(rest: str) -> None:
    uri = f"azureml://{rest}"
    try:
        AzureMLDatastorePathUri(uri)
    except ValidationException:
        return
    assert problem_of(uri, "data") is None


@given(st.sampled_from(["components", "environments", "data"]), st.from_regex(r"[a-z]{1,5}", fullmatch=True))
def test_what_azure_reads_as_a_resource_id_is_one(kind: str, name: str) -> None:
    workspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    uri = f"{workspace}/{kind}/{name}/versions/1"
    assert AMLVersionedArmId(uri).asset_name == name
    assert problem_of(f"azureml:{uri}", "data") is None


@pytest.mark.parametrize(
    ("image", "moves"),
    [
        ("mcr.microsoft.com/azureml/openmpi", True),
        ("mcr.microsoft.com/azureml/openmpi:latest", True),
        ("localhost:5000/openmpi", True),
        ("localhost:5000/openmpi:1", False),
        ("x:20251124.v1", False),
        ("x@sha256:" + "0" * 64, False),
        ("x:latest@sha256:" + "0" * 64, False),
    ],
)
def test_an_image_that_moves(image: str, moves: bool, tmp_path: Path) -> None:
    assert bool(told(tmp_path, {"e.yml": ENVIRONMENT.format(image)}, "PS520")) is moves


@pytest.mark.parametrize(
    ("conda", "rule", "place"),
    [
        ("name: e\ndependencies: [python=3.11]\n", None, ""),
        ("name: e\n", "PS503", "conda.yml:1:1"),
        ("- python\n", "PS503", "conda.yml:1:1"),
        ("dependencies: python\n", "PS503", "conda.yml:1:1"),
        ("", "PS503", "conda.yml:1:1"),
        ("a: [\n", "PS503", "conda.yml:"),
        ("dependencies: [python, pip, setuptools]\n", "PS521", "conda.yml:1:16"),
        ("dependencies: [python=3.11, pip: [pandas]]\n", "PS521", "conda.yml:1:35"),
        ("dependencies: [python=3.11, pip: [-r requirements.txt]]\n", "PS504", "conda.yml:1:35"),
        ("dependencies: [python=3.11, pip: [-e .]]\n", "PS504", "conda.yml:1:35"),
        ("dependencies: [python=3.11, pip: [./x.whl]]\n", "PS504", "conda.yml:1:35"),
        ("dependencies: [python=3.11, pip: [-r https://example.com/r.txt]]\n", None, ""),
        ("dependencies: [python=3.11, pip: [-f https://example.com/simple, x==1]]\n", None, ""),
    ],
)
def test_a_conda_file(conda: str, rule: str | None, place: str, tmp_path: Path) -> None:
    files = {"e.yml": ENVIRONMENT.format("x:1") + "conda_file: conda.yml\n", "conda.yml": conda}
    lines = told(tmp_path, files, "PS5")
    assert [line.partition(" ")[0] for line in lines] == ([rule] if rule else []), lines
    assert not lines or lines[0].split()[1].startswith(place)


def test_a_conda_file_that_does_not_exist(tmp_path: Path) -> None:
    (only,) = told(tmp_path, {"e.yml": ENVIRONMENT.format("x:1") + "conda_file: conda.yml\n"}, "PS5")
    assert only.startswith("PS502 e.yml:4:13 the conda file ")


@pytest.mark.parametrize(
    ("requirement", "name", "pinned"),
    [
        ("pandas", "pandas", False),
        ("pandas==2.3.3", "pandas", True),
        ("pandas == 2.3.3 ; python_version > '3'", "pandas", True),
        ("Great_Expectations[sql]==1.0", "great-expectations", True),
        ("pandas>=2", "pandas", False),
        ("pandas>=2,<3", "pandas", True),
        ("pandas~=2.1", "pandas", True),
        ("pandas @ https://example.com/x.whl", "pandas", True),
    ],
)
def test_a_requirement(requirement: str, name: str, pinned: bool) -> None:
    conda = read_conda(parse(f'dependencies: [{{pip: ["{requirement}"]}}]', "c").root)
    assert isinstance(conda, Conda)
    assert [(package.name, package.pinned) for package in conda.packages] == [(name, pinned)]


@pytest.mark.parametrize(
    ("package", "name", "pinned"),
    [
        ("numpy=2.0", "numpy", True),
        ("conda-forge::numpy==2.0", "numpy", True),
        ("numpy=2.0=py311", "numpy", True),
        ("numpy", "numpy", False),
        ("numpy>=2", "numpy", False),
        ("numpy =2.0", "numpy", True),
    ],
)
def test_a_conda_package(package: str, name: str, pinned: bool) -> None:
    conda = read_conda(parse(f'dependencies: ["{package}"]', "c").root)
    assert isinstance(conda, Conda)
    assert [(found.name, found.pinned) for found in conda.packages] == [(name, pinned)]


@given(
    st.recursive(
        st.none() | st.text("ab:-= >", max_size=8),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("pi"), inner),
    )
)
def test_any_content_is_read(content: object) -> None:
    import json

    read_conda(parse(json.dumps({"dependencies": content}), "c").root)
