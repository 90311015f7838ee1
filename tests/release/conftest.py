"""Fixtures for what is served: real packages, real servers on loopback, ended by process id."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from served import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Shop]:
    """A workspace with packages of two versions, for the tests of one module, which follow on one another."""
    from model_side import open_bench
    from served import Shop

    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("MLFLOW_") or name == "AZUREML_ROOT_RUN_ID"]:
            patched.delenv(name)
        folder = tmp_path_factory.mktemp("shop")
        patched.chdir(folder)
        made = Shop(open_bench(folder, empty_store))
    try:
        yield made
    finally:
        made.close()
