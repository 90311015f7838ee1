"""The committed data is scikit-learn's, and its suite tells good from bad."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from step_process import ROOT, flags, load

from penstock_steps import gate
from penstock_steps.errors import StepError
from penstock_steps.gate_report import Policy, Report
from penstock_steps.gate_suite import read_suite
from penstock_steps.tables import read_table

FOLDER = ROOT / "data_checks" / "diabetes"
DATA, SUITE = FOLDER / "diabetes.csv", FOLDER / "suite.json"
Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return read_table(DATA)


def test_every_cell_is_scikit_learns(data: pd.DataFrame) -> None:
    original = load_diabetes(scaled=False, as_frame=True).frame
    assert list(data.columns) == list(original.columns)
    assert data.shape == (442, 11)
    assert (data.to_numpy(dtype=float) == original.to_numpy(dtype=float)).all()


def test_numbers_are_written_without_noise() -> None:
    """Each as its shortest decimal: no .0 and no digit that the double does not need."""
    cells = [cell for line in DATA.read_text().splitlines()[1:] for cell in line.split(",")]
    assert len(cells) == 442 * 11
    assert all(cell == f"{float(cell):.15g}" for cell in cells)


def test_the_readme_explains_every_column(data: pd.DataFrame) -> None:
    explained = re.findall(r"^\| (\w+) \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert explained[1:] == list(data.columns)


def test_the_suite_gives_a_reason_for_each_expectation() -> None:
    expectations = read_suite(SUITE).expectations
    assert len(expectations) >= 25
    assert all(expectation.notes for expectation in expectations)
    assert {expectation.severity for expectation in expectations} == {"critical", "warning", "info"}


def judge(table: pd.DataFrame, folder: Path, fail_on: Any = "critical") -> Report:
    table.to_csv(folder / "table.csv", index=False)
    return gate.check(folder / "table.csv", SUITE, Policy(fail_on))


def test_the_data_passes_with_no_warning() -> None:
    report = gate.check(DATA, SUITE, Policy("info"))
    assert report.verdict == "passed", gate.refusal(report)
    assert set(report.counts.values()) == {len(report.results), 0}


def with_cell(column: str, value: Any, row: int = 16) -> Change:
    return lambda t: t.assign(**{column: t[column].astype(object).where(t.index != row, value)})


def twice(table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[[0] * 100]


WRONG: list[Change] = [
    lambda t: t.assign(extra=1),
    lambda t: t.assign(**dict.fromkeys(t.columns, "x")),
    lambda t: t.assign(**{column: t[column].where(t.index != 3) for column in t}),
    lambda t: t * 100,
    lambda t: t.assign(s1=t["s3"], s2=t["s1"], s3=t["s2"]),
    twice,
]


def test_every_expectation_can_fail(data: pd.DataFrame, tmp_path: Path) -> None:
    failed: set[int] = set()
    for change in WRONG:
        results = judge(change(data), tmp_path).results[2:]
        failed |= {i for i, result in enumerate(results) if result.state == "failed"}
    expectations = read_suite(SUITE).expectations
    assert [expectation for i, expectation in enumerate(expectations) if i not in failed] == []


HARMLESS: dict[str, Change] = {
    "floats_where_whole_numbers_stood": lambda t: t.astype(float),
    "whole_numbers_where_floats_stood": lambda t: t.assign(bmi=t["bmi"].round().astype(int), s3=t["s3"].astype(int)),
    "a_bigger_export": lambda t: pd.concat([t, t.assign(age=t["age"] + 1, bp=t["bp"] + 0.5)]),
    "another_order_of_columns": lambda t: t[sorted(t.columns)],
}


@pytest.mark.parametrize("change", HARMLESS)
def test_harmless_differences_pass(change: str, data: pd.DataFrame, tmp_path: Path) -> None:
    report = judge(HARMLESS[change](data), tmp_path)
    assert report.verdict == "passed", gate.refusal(report)


FAULTS: dict[str, tuple[Change, str]] = {
    "column_missing": (
        lambda t: t.drop(columns="bmi"),
        r"column bmi is missing \(\d+ expectations could not be evaluated",
    ),
    "column_renamed": (lambda t: t.rename(columns={"bmi": "BMI"}), r"column bmi is missing; did you mean 'BMI'\?"),
    "column_extra": (lambda t: t.assign(shoe_size=42), r"expect_table_columns_to_match_set.*unexpected: shoe_size"),
    "nulls": (
        lambda t: t.assign(bp=t["bp"].where(t.index >= 3)),
        r"column bp: .*to_not_be_null\(\).* 3 of 442 values null",
    ),
    "column_of_nulls": (lambda t: t.assign(s5=np.nan), r"column s5 holds nothing but nulls"),
    "out_of_range": (
        with_cell("age", 950),
        r"column age: .*to_be_between\(min_value=18, max_value=100\).* 1 of 442 .*example 950",
    ),
    "another_code": (
        with_cell("sex", 0),
        r"column sex: expect_column_values_to_be_in_set\(value_set=\[1, 2\]\).*for example 0",
    ),
    "another_unit": (
        lambda t: t.assign(s6=t["s6"] / 18),
        r"column s6: expect_column_values_to_be_between.* 442 of 442 .*mmol/l",
    ),
    "infinite": (with_cell("target", "inf"), r"column target holds 1 infinite value"),
    "one_word": (with_cell("s2", "high"), r'column s2: expect_column_values_to_be_in_type_list.*row 17: "high"'),
    "column_of_words": (
        lambda t: t.assign(s1="high"),
        r"column s1: expect_column_values_to_be_in_type_list.*observed object",
    ),
    "few_rows": (lambda t: t[:50], r"expect_table_row_count_to_be_between\(min_value=200\).*observed 50"),
    "header_only": (lambda t: t[:0], r"the table has 0 rows"),
    "swapped_columns": (
        lambda t: t.rename(columns={"s1": "s2", "s2": "s1"}),
        r"column s1, s2: expect_column_pair_values_a_to_be_greater_than_b",
    ),
}


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, **values: object) -> None:
    step = load("validate_data", monkeypatch)
    defaults = {"data": DATA, "suite": SUITE, "fail_on": "critical", "min_rows": 1, "report": folder / "report"}
    step.main(flags(**{**defaults, **values}))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_single_fault_is_refused_by_name(
    fault: str, data: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    change, message = FAULTS[fault]
    change(data).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(StepError, match=message):
        run(monkeypatch, tmp_path, data=tmp_path / "bad.csv")


FILES = {
    "empty": (b"", r"bad\.csv is empty \(0 bytes\)"),
    "binary": (bytes(range(256)) * 40, r"bad\.csv is not a CSV file: its content is binary"),
    "prose": (b"Dear all,\nplease find the data attached, as always.\n", r"bad\.csv: column 2 of 2 has no name"),
    "one_line": (b"No data today\n", r"has none of the columns that the suite names \(it has No data today\)"),
    "semicolons": (DATA.read_bytes().replace(b",", b";"), r"bad\.csv is separated by semicolons"),
    "cut_off": (DATA.read_bytes()[:-10], r"bad\.csv:443 has \d+ values, the header names 11 columns"),
}


@pytest.mark.parametrize("file", FILES)
def test_what_is_no_table_is_refused(file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content, message = FILES[file]
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(StepError, match=message):
        run(monkeypatch, tmp_path, data=tmp_path / "bad.csv")


UNKNOWN = {"type": "expect_column_value_to_be_nice", "kwargs": {"column": "bmi"}}
SUITES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "empty": (lambda s: {**s, "expectations": []}, "is an empty suite"),
    "unknown_expectation": (
        lambda s: {**s, "expectations": [*s["expectations"], UNKNOWN]},
        r"expect_column_value_to_be_nice, column bmi\) is unknown to Great Expectations",
    ),
    "unknown_severity": (
        lambda s: {**s, "expectations": [{**s["expectations"][-1], "severity": "fatal"}]},
        r"column s5\) has the severity 'fatal'",
    ),
}


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_that_cannot_be_trusted_is_refused(suite: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    change, message = SUITES[suite]
    (tmp_path / "suite.json").write_text(json.dumps(change(json.loads(SUITE.read_text()))))
    with pytest.raises(StepError, match=message):
        run(monkeypatch, tmp_path, suite=tmp_path / "suite.json")


def test_other_patients_warn_and_refuse_only_if_asked(data: pd.DataFrame, tmp_path: Path) -> None:
    older = data.assign(age=data["age"] + 12)
    assert judge(older, tmp_path).verdict == "passed"
    report = judge(older, tmp_path, "warning")
    assert report.verdict == "failed"
    assert "column age: expect_column_mean_to_be_between" in gate.refusal(report)
