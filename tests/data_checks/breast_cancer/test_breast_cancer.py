"""The committed data is scikit-learn's, and its suite tells good from bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from step_process import ROOT

from penstock_steps import gate
from penstock_steps.gate_report import Policy, Report
from penstock_steps.gate_suite import read_suite
from penstock_steps.tables import read_table

FOLDER = ROOT / "data_checks" / "breast_cancer"
DATA, SUITE = FOLDER / "breast_cancer.csv", FOLDER / "suite.json"


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return read_table(DATA)


def test_every_cell_is_scikit_learns(data: pd.DataFrame) -> None:
    original = load_breast_cancer(as_frame=True)
    named = original.frame.drop(columns="target")
    assert [name.replace("_", " ") for name in data.columns[:-1]] == list(named.columns)
    assert (data.iloc[:, :-1].to_numpy(dtype=float) == named.to_numpy()).all()
    assert list(data["diagnosis"]) == [str(original.target_names[one]) for one in original.target]


def test_the_suite_gives_a_reason_for_each_expectation() -> None:
    expectations = read_suite(SUITE).expectations
    assert all(expectation.notes for expectation in expectations)
    assert {expectation.severity for expectation in expectations} == {"critical", "warning", "info"}


def judge(table: pd.DataFrame, folder: Path, fail_on: Any = "critical") -> Report:
    table.to_csv(folder / "table.csv", index=False)
    return gate.check(folder / "table.csv", SUITE, Policy(fail_on))


def test_the_data_passes(data: pd.DataFrame, tmp_path: Path) -> None:
    assert judge(data, tmp_path, "info").verdict == "passed"


BAD: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "a column renamed": lambda table: table.rename(columns={"mean_area": "area"}),
    "a column too many": lambda table: table.assign(patient=range(len(table))),
    "another word": lambda table: table.replace({"diagnosis": {"benign": "B"}}),
    "no diagnosis": lambda table: table.assign(diagnosis=table["diagnosis"].where(table.index != 3)),
    "text": lambda table: table.assign(mean_radius=table["mean_radius"].astype(str).where(table.index != 3, "n/a")),
    "a gap": lambda table: table.assign(mean_radius=table["mean_radius"].where(table.index != 3)),
    "a sign": lambda table: table.assign(texture_error=table["texture_error"].where(table.index != 3, -1.0)),
    "another unit": lambda table: table.assign(mean_area=table["mean_area"] * 10),
    "worst below mean": lambda table: table.assign(worst_radius=table["mean_radius"] - 1),
    "too few": lambda table: table.head(100),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_is_refused(data: pd.DataFrame, tmp_path: Path, name: str) -> None:
    assert judge(BAD[name](data), tmp_path).verdict == "failed"


def test_other_patients_are_a_warning(data: pd.DataFrame, tmp_path: Path) -> None:
    others = data[data["mean_radius"] > data["mean_radius"].median()]
    assert judge(others, tmp_path).verdict == "passed"
    assert judge(others, tmp_path, "warning").verdict == "failed"
