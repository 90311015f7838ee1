"""Bad data, one fault at a time: the run ends at the gate with the column's name, and nothing downstream starts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from retraining import ROOT, STEPS, Registry, Retrained

pytestmark = pytest.mark.loop
DATA = ROOT / "data_checks" / "diabetes" / "diabetes.csv"
SUITE = ROOT / "data_checks" / "diabetes" / "suite.json"


def csv(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        change(pd.read_csv(DATA)).to_csv(folder / "bad.csv", index=False)
        return f"inputs.data.path={folder / 'bad.csv'}"

    return write


def raw(content: bytes) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        (folder / "bad.csv").write_bytes(content)
        return f"inputs.data.path={folder / 'bad.csv'}"

    return write


def suite(change: Callable[[dict[str, object]], dict[str, object]]) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        (folder / "suite.json").write_text(json.dumps(change(json.loads(SUITE.read_text()))))
        return f"inputs.suite.path={folder / 'suite.json'}"

    return write


def unknown_expectation(document: dict[str, object]) -> dict[str, object]:
    expectations = document["expectations"]
    assert isinstance(expectations, list)
    wrong = {"type": "expect_column_value_to_be_nice", "kwargs": {"column": "bmi"}}
    return {**document, "expectations": [*expectations, wrong]}


FAULTS = {
    "column_missing": (csv(lambda t: t.drop(columns="bmi")), ["bmi"]),
    "column_extra": (csv(lambda t: t.assign(shoe_size=42)), ["shoe_size"]),
    "nulls": (csv(lambda t: t.assign(bp=t["bp"].where(t.index >= 3))), ["bp", "3"]),
    "out_of_range": (csv(lambda t: t.assign(age=t["age"].where(t.index != 5, 950))), ["age", "950"]),
    "wrong_type": (csv(lambda t: t.assign(s1="high")), ["s1"]),
    "empty_file": (raw(b""), ["is empty"]),
    "not_a_csv": (raw(bytes(range(256)) * 40), ["bad.csv"]),
    "unknown_expectation": (suite(unknown_expectation), ["expect_column_value_to_be_nice"]),
    "empty_suite": (suite(lambda d: {**d, "expectations": []}), ["suite"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_gate_stops_the_run(
    fault: str, retrain: Callable[..., Retrained], registry: Registry, tmp_path: Path, workspace: Path
) -> None:
    make, words = FAULTS[fault]
    ended = retrain(make(tmp_path))
    assert ended.code == 1
    assert ended.statuses == {"validate_data": "failed", **dict.fromkeys(STEPS[1:], "skipped")}
    for word in words:
        assert word in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [path.name for path in workspace.glob("runs/*/nodes/*/attempt-1")] == ["attempt-1"], "only the gate started"
    assert registry.models() == []
