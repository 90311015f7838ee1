"""Fixtures for all tests."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from packaged import Made

    from local_azure import LocalAzure

# A change is judged by the same examples wherever its tests run; `make fuzz` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("new", deadline=None, print_blob=True)
settings.load_profile("same")

PENSTOCK = Path(sys.executable).with_name("penstock")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("spark") is not None:
        from penstock.store.spark import SETUP, lacking

        missing = lacking()
        if missing is not None:
            pytest.skip(f"{missing}; {SETUP}")
    if item.get_closest_marker("image") is not None:
        from images import lacking as lacking_for_images

        missing = lacking_for_images()
        if missing is not None:
            pytest.skip(missing)


@pytest.fixture(autouse=True)
def settings_of_sklearn() -> Iterator[None]:
    """A scoring script's init() settles scikit-learn for a process that does nothing else; here, other tests follow."""
    yield
    if "sklearn" in sys.modules:
        sys.modules["sklearn"].set_config(skip_parameter_validation=False)


@dataclass(frozen=True)
class Ended:
    """A finished `penstock` process."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def penstock(workspace: Path) -> Callable[..., Ended]:
    """Run the command as a process; `run` gets a workspace of the test's own."""

    def call(*arguments: str | Path, cwd: Path | None = None) -> Ended:
        line = [str(PENSTOCK), *map(str, arguments)]
        if arguments[0] == "run" and "--workspace" not in line and "--help" not in line:
            line += ["--workspace", str(workspace)]
        done = subprocess.run(line, capture_output=True, text=True, cwd=cwd, check=False, timeout=300)
        return Ended(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without content. Creating one runs all migrations (seconds): once, then it is copied."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mlflow 3.15 warns of its own type hints when it is imported
        import mlflow.pyfunc
        import mlflow.sklearn  # noqa: F401
        from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Made:
    """A package and all that it was made from, to be looked at only."""
    from model_side import open_bench
    from packaged import Made

    return Made(open_bench(tmp_path_factory.mktemp("made"), empty_store))


@pytest.fixture(scope="session")
def azure_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    from local_azure import LocalAzure
    from local_azure.azurite import lacking

    missing = lacking()
    if missing is not None:
        pytest.skip(missing)
    with LocalAzure(tmp_path_factory.mktemp("azure")) as azure:
        yield azure


@pytest.fixture
def azure(azure_of_all: LocalAzure) -> Iterator[LocalAzure]:
    """A local Azure with one empty workspace; `environment` is what leads a process there."""
    azure_of_all.reset()
    yield azure_of_all
    assert azure_of_all.faults.unmet == []
