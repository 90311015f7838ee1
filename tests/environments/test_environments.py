"""The environments: Azure's client accepts them, all is pinned as on the laptop, components find what they import."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml import load_environment

REPOSITORY = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in REPOSITORY.glob("environments/*/environment.yml"))
COMPONENTS = sorted(path.parent for path in REPOSITORY.glob("components/*/component.yml"))
SHARED = REPOSITORY / "components" / "_shared" / "penstock_steps"
# A distribution under another name that brings the same modules: jobs on Azure need mlflow's client alone.
SMALLER = {"mlflow": "mlflow-skinny"}


def _name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", requirement).lower()


@cache
def _conda(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((folder / "conda.yml").read_text(encoding="utf-8"))
    return document


def _pip(folder: Path) -> dict[str, str]:
    """Pinned version by distribution of an environment's pip section."""
    [requirements] = [item["pip"] for item in _conda(folder)["dependencies"] if isinstance(item, dict)]
    return {_name(name): version for name, version in (line.split("==") for line in requirements)}


@cache
def _laptop() -> dict[str, str]:
    """Pinned version by distribution of requirements.txt."""
    lines = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = (re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", line) for line in lines)
    return {_name(pin[1]): pin[2] for pin in pins if pin}


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_azure_s_client_accepts_it(folder: Path) -> None:
    environment = load_environment(folder / "environment.yml")
    assert environment._to_rest_object().properties.conda_file
    assert environment.name == f"penstock-{folder.name}"
    assert environment.description


def test_the_image_is_pinned(folder: Path) -> None:
    image = yaml.safe_load((folder / "environment.yml").read_text(encoding="utf-8"))["image"]
    assert re.fullmatch(r"mcr\.microsoft\.com/[a-z0-9./-]+:\d{8}\.v\d+", image), "a dated tag, not latest"


def test_every_requirement_is_pinned_exactly(folder: Path) -> None:
    conda = _conda(folder)["dependencies"]
    assert [item for item in conda if isinstance(item, str) and not re.fullmatch(r"[a-z]+=[\d.]+", item)] == []
    [requirements] = [item["pip"] for item in conda if isinstance(item, dict)]
    assert [line for line in requirements if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []
    assert requirements == sorted(requirements)


def test_the_laptop_has_the_same_versions(folder: Path) -> None:
    pins = _pip(folder)
    assert len(pins) > 3
    assert {name: _laptop().get(name) for name in pins} == pins


def test_the_laptop_installs_what_is_pinned(folder: Path) -> None:
    """The tests run on these very versions."""
    assert {name: metadata.version(name) for name in _pip(folder)} == _pip(folder)


def test_the_python_is_the_laptop_s(folder: Path) -> None:
    assert f"python={sys.version_info.major}.{sys.version_info.minor}" in _conda(folder)["dependencies"]


def test_the_wheel_s_extra_for_steps_brings_the_same() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    steps = {
        _name(name): version for name, version in (s.split("==") for s in project["optional-dependencies"]["steps"])
    }
    assert steps.items() <= _laptop().items()
    core = {_name(re.split("[<>=]", line)[0]) for line in project["dependencies"]}
    brought = {*steps, *core, *(needed for name in steps for needed in _needs(name))}
    assert {name for folder in FOLDERS for name in _pip(folder)} <= brought


STANDARD_LIBRARY = {"newest_data"}  # needs no more than Python, in an environment that is there anyway


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda folder: folder.name)
def test_the_environment_brings_what_the_component_imports(component: Path) -> None:
    reference = _environment_of(component)
    folder = (component / reference.removeprefix("file:")).resolve().parent
    imported = _third_party(component)
    assert bool(imported) != (component.name in STANDARD_LIBRARY), "each other step imports something"
    brought = set(_pip(folder))
    lacking = {
        f"{module} ({where})"
        for module, where in imported.items()
        if not {_name(name) for name in _distributions(module)} & brought
    }
    assert lacking == set()


def test_nothing_is_in_an_environment_that_no_component_imports(folder: Path) -> None:
    """What others of it need counts as used: to pin it makes the environment the same tomorrow."""
    used = {_name(name) for module in _imported_with(folder) for name in _distributions(module)}
    used |= {needed for name in _pip(folder) for needed in _needs(name)}
    # found by mlflow through an entry point, when the tracking server is a workspace's
    assert set(_pip(folder)) - {"azureml-mlflow"} <= used


@cache
def _needs(distribution: str) -> frozenset[str]:
    """What a distribution names as its requirements, those of its extras included."""
    return frozenset(_name(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in metadata.requires(distribution) or ())


def _imported_with(folder: Path) -> set[str]:
    found: set[str] = set()
    for component in COMPONENTS:
        reference = _environment_of(component)
        if (component / reference.removeprefix("file:")).resolve().parent == folder:
            found |= set(_third_party(component))
    return found


@cache
def _packages() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


@cache
def _distributions(module: str) -> tuple[str, ...]:
    found = _packages().get(module, [])
    return (*found, *(SMALLER[name] for name in found if name in SMALLER))


def _third_party(component: Path) -> dict[str, str]:
    """Top-level module -> a file that imports it, for the entry point and all files of ours that it reaches."""
    local = {path.stem: path for path in (component / "src").glob("*.py")}
    todo, seen, found = [local[component.name]], set(), {}
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for module in _modules(file):
            package, _, inner = module.partition(".")
            if package == "penstock_steps":
                shared = SHARED / f"{inner.split('.')[0] or '__init__'}.py"
                todo += [shared] if shared.is_file() else []
            elif package in local:
                todo.append(local[package])
            elif package not in sys.stdlib_module_names:
                found[package] = file.name
    return found


def _environment_of(component: Path) -> str:
    """Where the component's YAML says so; a parallel one says it of its task."""
    spec = yaml.safe_load((component / "component.yml").read_text(encoding="utf-8"))
    return str(spec.get("task", spec)["environment"])


def _modules(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found
