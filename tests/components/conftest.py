"""Fixtures for the steps of the component library."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from model_side import Bench


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
def bench(tmp_path: Path, _empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A folder and a tracking store of the test's own; nothing of it depends on the variables of this process."""
    from mlflow import MlflowClient
    from model_side import Bench

    for name in [name for name in os.environ if name.startswith("MLFLOW_") or name == "AZUREML_ROOT_RUN_ID"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(_empty_store, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    MlflowClient(uri).create_experiment("loop", artifact_location=(tmp_path / "artifacts").as_uri())
    environment = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": "loop"}
    return Bench(tmp_path, uri, environment)
