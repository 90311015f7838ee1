"""Imports against the conda file: errors only when certain."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from checked_files import told

from penstock.check.conda import normalized
from penstock.check.modules import brought, is_known, is_standard, packages_of

COMPONENT = (
    "type: command\nname: c\nversion: 1\ncode: ./src\nenvironment: file:environment.yml\ncommand: python train.py\n"
)
ENVIRONMENT = "name: e\nimage: mcr.microsoft.com/x:1\nconda_file: conda.yml\n"


def conda(*packages: str) -> str:
    pip = "".join(f"    - {package}\n" for package in packages)
    return f"name: e\ndependencies:\n- python=3.11\n- pip=25.3\n- pip:\n{pip}"


def of(folder: Path, source: str, *packages: str, **more: str) -> list[str]:
    files = {"c.yml": COMPONENT, "environment.yml": ENVIRONMENT, "conda.yml": conda(*packages)}
    return told(folder, {**files, "src/train.py": source, **more}, "PS51")


def test_a_missing_package_is_told_at_its_import(tmp_path: Path) -> None:
    source = "import os\nimport pandas\nfrom sklearn.svm import SVC\n"
    assert of(tmp_path, source, "pandas==2.3.3") == [
        "PS510 src/train.py:3:1 c: train.py imports sklearn.svm, which conda.yml does not bring. "
        "Add scikit-learn to conda.yml."
    ]


def test_a_package_that_is_not_known_makes_it_a_warning(tmp_path: Path) -> None:
    (only,) = of(tmp_path, "import pandas\n", "helpers-of-ours==1.0")
    assert only.startswith("PS511 src/train.py:1:1 ")


@pytest.mark.parametrize(
    ("source", "packages"),
    [
        ("import numpy, dateutil, pytz", ["pandas==2.3.3"]),
        ("import yaml", ["PyYAML==6.0.3"]),
        ("import cv2", ["opencv-python-headless==4.10"]),
        ("import mlflow", ["azureml-mlflow==1.62"]),
        ("import azure.identity", ["azureml-mlflow==1.62"]),
        ("from azure.ai import ml", ["azure-ai-ml==1.35.2"]),
        ("import azure.something.new", ["pandas==2.3.3"]),
        ("import great_expectations", ["great_expectations==1.24.1"]),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None", ["pandas==2.3.3"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch", ["pandas==2.3.3"]),
        ("def f():\n    import torch", ["pandas==2.3.3"]),
        ("import sys\nsys.path.append('x')\nimport torch", ["pandas==2.3.3"]),
        ("import subprocess\nsubprocess.run('pip install torch')\nimport torch", ["pandas==2.3.3"]),
        ("import torch", ["git+https://example.com/x"]),
        ("import torch", ["torch @ https://example.com/torch.whl"]),
        ("import distutils, imp, pkg_resources, pip", ["pandas==2.3.3"]),
        ("import unheard_of", ["helpers-of-ours==1.0"]),
        ("import helpers_of_ours", ["helpers-of-ours==1.0"]),
        ("import foo", ["python-foo==1.0"]),
    ],
)
def test_what_is_brought_or_not_certain_is_not_told(source: str, packages: list[str], tmp_path: Path) -> None:
    assert of(tmp_path, source + "\n", *packages) == []


def test_through_the_snapshots_own_modules(tmp_path: Path) -> None:
    more = {"src/steps/__init__.py": "from . import load\n", "src/steps/load.py": "import pyarrow.parquet\n"}
    more |= {"src/unused.py": "import torch\n"}
    (only,) = of(tmp_path, "import steps\n", "polars==1.0", **more)
    assert only.startswith("PS510 src/steps/load.py:1:1 c: steps/load.py imports pyarrow.parquet")


def test_a_module_that_only_the_folder_is_missing_of(tmp_path: Path) -> None:
    """A file of that name lies somewhere in the snapshot: how it is found is not known."""
    assert of(tmp_path, "import torch\n", "pandas==2.3.3", **{"src/lib/torch.py": ""}) == []


def test_a_module_that_nobody_knows(tmp_path: Path) -> None:
    (only,) = of(tmp_path, "import helpers\n", "pandas==2.3.3")
    assert only.startswith("PS511 src/train.py:1:1 ")
    assert only.endswith("or the module to code:.")


@pytest.mark.parametrize("command", ["pip install torch && python train.py", "PYTHONPATH=x python train.py"])
def test_a_command_that_brings_more(command: str, tmp_path: Path) -> None:
    yml = COMPONENT.replace("python train.py", command)
    files = {
        "c.yml": yml,
        "environment.yml": ENVIRONMENT,
        "conda.yml": conda("pandas==2"),
        "src/train.py": "import torch",
    }
    assert told(tmp_path, files, "PS51") == []


@pytest.mark.parametrize(
    "environment",
    ["azureml:e:1", "azureml:AzureML-sklearn@latest", "{image: 'mcr.microsoft.com/x:1'}", "{build: {path: ./docker}}"],
)
def test_an_environment_of_unknown_content(environment: str, tmp_path: Path) -> None:
    yml = COMPONENT.replace("file:environment.yml", environment)
    assert told(tmp_path, {"c.yml": yml, "src/train.py": "import torch\n"}, "PS51") == []


def test_an_environment_inline(tmp_path: Path) -> None:
    inline = "{image: 'x:1', conda_file: {dependencies: [python=3.11, numpy=2.0]}}"
    yml = COMPONENT.replace("file:environment.yml", inline)
    (only,) = told(tmp_path, {"c.yml": yml, "src/train.py": "import pandas\n"}, "PS51")
    assert only.startswith("PS510 src/train.py:1:1 c: train.py imports pandas, which conda_file: does not bring.")


@pytest.mark.parametrize("package", ["pandas", "mlflow", "mlflow-skinny", "azureml-mlflow", "azure-ai-ml", "skops"])
def test_the_table_holds_what_is_installed_here(package: str) -> None:
    """Whatever an installed package requires outright, the table knows that it brings."""
    try:
        requires = distribution(package).requires or []
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    modules = {
        name: packages_of([name]) for name in ("numpy", "pandas", "yaml", "sklearn", "requests", "click", "jinja2")
    }
    for line in requires:
        name = normalized(line.split(";")[0].split("[")[0].strip(" ()<>=!~.0123456789,*").split(" ")[0].split("<")[0])
        if "extra" not in line and any(name in packages for packages in modules.values()):
            assert name in brought([package])
    assert is_known(package)


def test_standard_modules() -> None:
    assert all(map(is_standard, ("os", "xml.etree", "asyncore", "tomllib", "__future__")))
    assert not any(map(is_standard, ("numpy", "yaml", "attr")))
