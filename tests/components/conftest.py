"""Fixtures for the steps of the component library."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from batches import Batch
    from model_side import Bench
    from packaged import Made


@pytest.fixture
def store(empty_store: Path) -> Path:
    """The store that `bench` begins with a copy of."""
    return empty_store


@pytest.fixture
def bench(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A folder and a tracking store of the test's own; nothing of it depends on the variables of this process."""
    from model_side import open_bench

    for name in [name for name in os.environ if name.startswith("MLFLOW_") or name == "AZUREML_ROOT_RUN_ID"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return open_bench(tmp_path, store)


@pytest.fixture
def batch(made: Made, tmp_path: Path) -> Batch:
    """A folder to score with that package."""
    from batches import Batch

    return Batch(tmp_path, made)
