from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from step_process import flags, load, snapshot

from penstock_steps import lineage
from penstock_steps.digests import content_digest
from penstock_steps.gate_report import Policy, Report, Result, write_report
from penstock_steps.lineage import Component
from penstock_steps.tables import read_table

DEFAULTS = {"method": "hash", "test_fraction": 0.2, "seed": 0}


@dataclass(frozen=True)
class Bench:
    """A folder in which tables are written, vouched for, and split."""

    folder: Path
    step: ModuleType

    @property
    def splits(self) -> Any:
        return self.step.splits

    def table(self, frame: pd.DataFrame, name: str = "data.parquet") -> Path:
        frame.to_parquet(self.folder / name)
        return self.folder / name

    def report(self, data: Path, state: Any = "passed", name: str = "report") -> Path:
        """What validate_data leaves behind for `data`, without Great Expectations."""
        digest = content_digest(data)
        folder = self.folder / name
        check = Result("minimum_rows", [], {}, "critical", state)
        write_report(folder, Report(Policy(), digest, "s", "sha256:0", results=[check]))
        own = lineage.record(Component("validate_data", "1.0.0"), inputs={"data": digest}, parameters={})
        lineage.write(folder, "report", own)
        return folder

    def flags(self, data: Path, report: Path | None = None, **values: object) -> dict[str, object]:
        outputs = {"train": self.folder / "train", "test": self.folder / "test"}
        return {**DEFAULTS, "data": data, "validation_report": report or self.report(data), **outputs, **values}

    def split(self, frame: pd.DataFrame | Path, **values: object) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Both sides as they were written."""
        data = self.table(frame) if isinstance(frame, pd.DataFrame) else frame
        self.step.main(flags(**self.flags(data, **values)))
        return read_table(self.folder / "train"), read_table(self.folder / "test")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, load("split_data", monkeypatch))


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot("split_data", tmp_path_factory.mktemp("code"))


@pytest.fixture
def edit() -> Callable[..., None]:
    """Change a key of a JSON file."""

    def call(path: Path, **keys: object) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))

    return call
