from __future__ import annotations

from pathlib import Path

import pytest
from model_side import open_bench
from packaged import Made


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> Made:
    return Made(open_bench(tmp_path_factory.mktemp("made"), _empty_store))
