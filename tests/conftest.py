"""Fixtures for all tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

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
