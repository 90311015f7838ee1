"""Fixtures for the steps of the component library."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from batches import Batch
    from model_side import Bench
    from packaged import Made


@pytest.fixture(scope="session")
def _empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without content. Creating one runs all migrations (seconds): once, then it is copied."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mlflow 3.15 warns of its own type hints when it is imported
        import mlflow.pyfunc
        import mlflow.sklearn  # noqa: F401
        from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(_empty_store: Path) -> Path:
    """The store that `bench` begins with a copy of."""
    return _empty_store


@pytest.fixture
def bench(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A folder and a tracking store of the test's own; nothing of it depends on the variables of this process."""
    from model_side import open_bench

    for name in [name for name in os.environ if name.startswith("MLFLOW_") or name == "AZUREML_ROOT_RUN_ID"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return open_bench(tmp_path, store)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> Made:
    """A package and all that it was made from, to be looked at only."""
    from model_side import open_bench
    from packaged import Made

    return Made(open_bench(tmp_path_factory.mktemp("made"), _empty_store))


@pytest.fixture
def batch(made: Made, tmp_path: Path) -> Batch:
    """A folder to score with that package."""
    from batches import Batch

    return Batch(tmp_path, made)
