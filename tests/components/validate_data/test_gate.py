"""The three states, the policy, and what Great Expectations would call a success."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from penstock_steps import gate, gate_evaluate
from penstock_steps.gate_report import Report, Result

Check = Callable[..., Report]
Only = Callable[..., Result]
Expects = Callable[..., dict[str, Any]]
FRAME = pd.DataFrame({"age": [20, 30, 40, 50], "name": ["a", "b", "c", "d"], "gap": [1.0, None, None, 2.0]})


def test_a_passed_table(check: Check, expects: Expects) -> None:
    report = check(FRAME, [expects("expect_column_values_to_be_between", column="age", min_value=20)])
    assert (report.verdict, report.error, report.rows, report.columns) == ("passed", None, 4, ["age", "name", "gap"])
    assert [result.type for result in report.results[:2]] == ["minimum_rows", "finite_values"]
    assert report.counts == {"passed": 3, "failed": 0, "not_evaluated": 0}


FAILING: dict[str, tuple[dict[str, Any], str]] = {
    "expect_column_values_to_be_between": (
        {"column": "age", "max_value": 30},
        "column age: expect_column_values_to_be_between(max_value=30) failed [critical]: "
        "2 of 4 values unexpected (50 %), for example 40, 50",
    ),
    "expect_column_values_to_be_in_set": (
        {"column": "name", "value_set": ["a", "b", "c"]},
        '1 of 4 values unexpected (25 %), for example "d"',
    ),
    "expect_column_values_to_not_be_null": (
        {"column": "gap"},
        "column gap: expect_column_values_to_not_be_null() failed",
    ),
    "expect_column_mean_to_be_between": (
        {"column": "age", "max_value": 30},
        "column age: expect_column_mean_to_be_between(max_value=30) failed [critical]: observed 35",
    ),
    "expect_column_quantile_values_to_be_between": (
        {"column": "age", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 2]]}},
        "observed 0.5-quantile ",
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        {"column_A": "gap", "column_B": "age", "ignore_row_if": "either_value_is_missing"},
        "column gap, age: expect_column_pair_values_a_to_be_greater_than_b",
    ),
    "expect_compound_columns_to_be_unique": (
        {"column_list": ["gap", "gap2"]},
        "column gap, gap2: expect_compound_columns_to_be_unique",
    ),
    "expect_table_columns_to_match_set": (
        {"column_set": ["age", "name", "weight"]},
        "missing: weight; unexpected: gap, gap2",
    ),
    "expect_table_row_count_to_be_between": ({"min_value": 5}, "failed [critical]: observed 4"),
    "expect_column_to_exist": (
        {"column": "weight"},
        "column weight: expect_column_to_exist() failed [critical]: it is not there",
    ),
    "expect_column_values_to_be_of_type": ({"column": "age", "type_": "str"}, "observed int64"),
    "expect_column_distinct_values_to_be_in_set": ({"column": "name", "value_set": ["a"]}, "3 values unexpected"),
}


@pytest.mark.parametrize("kind", FAILING)
def test_a_failure_names_column_expectation_asked_and_found(kind: str, check: Check, expects: Expects) -> None:
    kwargs, words = FAILING[kind]
    report = check(
        FRAME.assign(gap2=[1, 2, 2, 3], gap=[1.0, 3.0, 3.0, 2.0] if "compound" in kind else FRAME["gap"]),
        [expects(kind, **kwargs)],
    )
    assert report.verdict == "failed"
    assert [result.state for result in report.results] == ["passed", "passed", "failed"]
    assert words in gate.refusal(report)


def test_counts_and_bounded_samples(only: Only) -> None:
    many = pd.DataFrame({"t": [f"{i}" + "x" * 500 for i in range(100)] * 2})
    result = only(many, "expect_column_values_to_be_in_set", column="t", value_set=["a"])
    assert (result.unexpected_count, result.element_count) == (200, 200)
    assert len(result.samples) == gate_evaluate.SAMPLES
    assert all(len(sample) <= gate_evaluate.SAMPLE_CHARS for sample in result.samples)
    assert len(result.message) < 600


def test_nulls_are_counted_as_nulls(only: Only) -> None:
    assert only(FRAME, "expect_column_values_to_not_be_null", column="gap").message == "2 of 4 values null (50 %)"


def test_a_missing_column_is_told_once(check: Check, expects: Expects) -> None:
    report = check(
        FRAME,
        [
            expects("expect_column_values_to_be_between", column="age", max_value=30),
            expects("expect_column_values_to_not_be_null", column="Name"),
            expects("expect_column_values_to_be_of_type", column="Name", type_="str"),
            expects("expect_compound_columns_to_be_unique", column_list=["age", "Name"]),
        ],
    )
    lines = gate.refusal(report).splitlines()
    assert lines[1] == (
        "  - column Name is missing; did you mean 'name'? (3 expectations could not be evaluated: "
        "expect_column_values_to_not_be_null, expect_column_values_to_be_of_type, expect_compound_columns_to_be_unique)"
    )
    assert len(lines) == 3, "the headline, the column, the failure"
    assert report.counts == {"passed": 2, "failed": 1, "not_evaluated": 3}


VACUOUS: dict[str, dict[str, Any]] = {
    "expect_column_values_to_be_between": {"column": "x", "min_value": 1},
    "expect_column_values_to_be_in_set": {"column": "x", "value_set": [1]},
    "expect_column_values_to_be_unique": {"column": "x"},
    "expect_column_values_to_be_in_type_list": {"column": "x", "type_list": ["int64"]},
    "expect_column_distinct_values_to_be_in_set": {"column": "x", "value_set": [1]},
    "expect_column_mean_to_be_between": {"column": "x", "min_value": 1},
    "expect_column_pair_values_a_to_be_greater_than_b": {"column_A": "y", "column_B": "x"},
}


@pytest.mark.parametrize("kind", VACUOUS)
@pytest.mark.parametrize("dtype", ["float64", "object"])
def test_a_column_of_nulls_is_not_evaluated(kind: str, dtype: str, only: Only) -> None:
    frame = pd.DataFrame({"x": pd.Series([None, None], dtype=dtype), "y": [1, 2]})
    result = only(frame, kind, severity="info", **VACUOUS[kind])
    assert result.state == "not_evaluated"
    assert result.message == "column x holds nothing but nulls"


def test_expectations_about_nulls_are_evaluated_on_a_column_of_nulls(only: Only) -> None:
    frame = pd.DataFrame({"x": pd.Series([None, None], dtype=object)})
    assert only(frame, "expect_column_values_to_be_null", column="x").state == "passed"
    assert only(frame, "expect_column_values_to_not_be_null", column="x").state == "failed"
    assert only(frame, "expect_column_to_exist", column="x").state == "passed"


@pytest.mark.parametrize("kind", VACUOUS)
def test_a_table_without_rows_is_refused(kind: str, check: Check, expects: Expects) -> None:
    frame = pd.DataFrame({"x": pd.Series([], dtype="float64"), "y": pd.Series([], dtype="float64")})
    report = check(frame, [expects(kind, **VACUOUS[kind])])
    assert report.verdict == "failed"
    assert "the table has 0 rows, it needs at least 1" in gate.refusal(report)
    assert report.results[-1].state == "not_evaluated"


def test_no_rows_is_told_even_if_nothing_is_asked_of_them(check: Check, expects: Expects) -> None:
    report = check(pd.DataFrame({"x": pd.Series([], dtype="float64")}), [expects("expect_column_to_exist", column="x")])
    assert report.verdict == "failed"


def test_min_rows(check: Check, expects: Expects) -> None:
    asked = [expects("expect_column_to_exist", column="age")]
    assert check(FRAME, asked, min_rows=4).verdict == "passed"
    report = check(FRAME, asked, min_rows=5)
    assert report.verdict == "failed"
    assert "the table has 4 rows, it needs at least 5" in gate.refusal(report)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_numbers_are_refused(value: float, dtype: str, check: Check, expects: Expects) -> None:
    """Great Expectations passes +inf under a lower bound, and as not null."""
    frame = pd.DataFrame({"x": pd.Series([1.0, value, np.nan], dtype=dtype), "y": [1, 2, 3]})
    report = check(frame, [expects("expect_column_to_exist", column="x")], fail_on="critical")
    assert report.verdict == "failed"
    assert "column x holds 1 infinite value" in gate.refusal(report)
    assert report.results[1].columns == ["x"]


def test_a_condition_that_no_row_meets_is_not_evaluated(only: Only) -> None:
    def condition(name: str) -> dict[str, Any]:
        return {"type": "comparison", "column": {"name": "name"}, "operator": "==", "parameter": name}

    kwargs: dict[str, Any] = {"column": "age", "min_value": 30}
    kind = "expect_column_values_to_be_between"
    assert only(FRAME, kind, **kwargs, row_condition=condition("nobody")).state == "not_evaluated"
    assert only(FRAME, kind, **kwargs, row_condition=condition("b")).state == "passed"
    assert only(FRAME, kind, **kwargs, row_condition=condition("a")).state == "failed"


def test_a_pair_that_never_meets_is_not_evaluated(only: Only) -> None:
    frame = pd.DataFrame({"x": [1.0, None], "y": [None, 2.0]})
    kind = "expect_column_pair_values_a_to_be_greater_than_b"
    result = only(frame, kind, column_A="x", column_B="y", ignore_row_if="either_value_is_missing")
    assert (result.state, result.message) == ("not_evaluated", "no row has a value in each of the columns x, y")


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("expect_column_values_to_be_between", {"column": "name", "min_value": 1}),
        ("expect_column_mean_to_be_between", {"column": "name", "min_value": 1}),
        ("expect_table_row_count_to_equal_other_table", {"other_table_name": "other"}),
        ("unexpected_rows_expectation", {"unexpected_rows_query": "SELECT 1"}),
    ],
)
def test_what_raises_in_great_expectations_is_the_third_state(
    kind: str, kwargs: dict[str, Any], check: Check, expects: Expects
) -> None:
    report = check(
        FRAME, [expects(kind, "info", **kwargs), expects("expect_column_to_exist", column="age")], fail_on="critical"
    )
    assert [result.state for result in report.results] == ["passed", "passed", "not_evaluated", "passed"]
    assert report.verdict == "failed", "whatever its severity"
    assert f"(1 expectation could not be evaluated: {kind})" in gate.refusal(report)


@pytest.mark.parametrize(
    "info",
    [
        {"raised_exception": True, "exception_message": "Error: no\nmore", "exception_traceback": ""},
        {"('metric', 1)": {"raised_exception": True, "exception_message": "no"}},
    ],
)
def test_both_shapes_of_exception_info(info: dict[str, Any]) -> None:
    outcome = gate_evaluate._outcome({"success": True, "exception_info": info})
    assert (outcome.success, outcome.error) == (None, "no")


def test_an_answer_too_few_is_a_bug_and_no_success(only: Only, monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.datasource.fluent.interfaces import Batch

    real = Batch.validate

    def forgetful(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = real(self, *args, **kwargs)
        result.results = []
        return result

    monkeypatch.setattr(Batch, "validate", forgetful)
    with pytest.raises(RuntimeError, match=r"Great Expectations answered \[\], asked were \[1\]"):
        only(FRAME, "expect_column_values_to_be_unique", column="age")


@pytest.mark.parametrize("fail_on", ["critical", "warning", "info"])
@pytest.mark.parametrize("severity", [None, "critical", "warning", "info"])
def test_severity_is_policy(severity: str | None, fail_on: str, check: Check, expects: Expects) -> None:
    order = ["info", "warning", "critical"]
    report = check(
        FRAME, [expects("expect_column_max_to_be_between", severity, column="age", max_value=1)], fail_on=fail_on
    )
    refused = order.index(severity or "critical") >= order.index(fail_on)
    assert report.verdict == ("failed" if refused else "passed")
    [line] = gate.refusal(report).splitlines()[1:] if refused else gate.warnings(report)
    assert "column age: expect_column_max_to_be_between(max_value=1) failed" in line
    assert (gate.warnings(report) == []) == refused


def test_one_word_in_a_column_of_numbers(check: Check, expects: Expects, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\n" + "1\n" * 20 + "n.a.\n")
    report = check(
        tmp_path / "t.csv",
        [
            expects("expect_column_values_to_be_in_type_list", column="x", type_list=["int64", "float64"]),
            expects("expect_column_values_to_be_between", column="x", min_value=0),
            expects("expect_column_mean_to_be_between", column="x", min_value=0),
        ],
    )
    lines = gate.refusal(report).splitlines()
    assert 'column x is text, for 1 value of 21 is no number (row 21: "n.a."); observed object' in lines[1]
    assert "(2 expectations could not be evaluated: expect_column_values_to_be_between" in lines[2]


def test_types_are_those_of_the_file_and_values_are_compared_in_any(check: Check, expects: Expects) -> None:
    narrow = pd.DataFrame(
        {
            "i": pd.Series([1, 2], dtype="int16"),
            "f": pd.Series([0.5, 2], dtype="float32"),
            "t": pd.to_datetime(["2024-01-31", "2024-02-29"]).astype("datetime64[us]"),
        }
    )
    between = "expect_column_values_to_be_between"
    suite = [
        expects("expect_column_values_to_be_of_type", column="i", type_="int16"),
        expects("expect_column_values_to_be_of_type", column="f", type_="float32"),
        expects(between, column="i", min_value=1, max_value=2),
        expects(between, column="f", min_value=0.5, max_value=2),
        expects(between, column="t", min_value="2024-01-01T00:00:00", max_value="2024-03-01T00:00:00"),
        expects(between, column="t", max_value="2024-02-01T00:00:00"),
    ]
    report = check(narrow, suite)
    assert [result.state for result in report.results[2:]] == ["passed"] * 5 + ["failed"]
    cast = gate_evaluate.cast_for_speed(narrow)
    assert cast.dtypes.astype(str).tolist() == ["int64", "float64", "datetime64[ns]"]
    assert gate_evaluate.cast_for_speed(cast) is cast


def test_times_beyond_nanoseconds_are_left_as_they_are() -> None:
    far = pd.DataFrame({"t": np.array(["9999-01-01"], dtype="datetime64[s]")})
    assert gate_evaluate.cast_for_speed(far) is far


def test_details_are_asked_for_failures_only(check: Check, expects: Expects, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, list[str]]] = []
    real = gate_evaluate._validate

    def spy(batch: Any, expectations: Any, result_format: Any) -> Any:
        asked.append((result_format, [made.column for made in expectations.values()]))
        return real(batch, expectations, result_format)

    monkeypatch.setattr(gate_evaluate, "_validate", spy)
    unique = "expect_column_values_to_be_between"
    check(FRAME, [expects(unique, column="age", min_value=1), expects(unique, column="gap", min_value=9)])
    assert [columns for _, columns in asked] == [["age", "gap"], ["gap"]]
    assert asked[0][0] == "BOOLEAN_ONLY"


def test_extra_column(check: Check, expects: Expects) -> None:
    asked = expects("expect_table_columns_to_match_set", column_set=["age", "name"], exact_match=True)
    assert "unexpected: gap" in gate.refusal(check(FRAME, [asked]))


def test_analytics_stay_off(only: Only, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    only(FRAME, "expect_column_to_exist", column="age")
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
