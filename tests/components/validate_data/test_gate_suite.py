"""A suite that Great Expectations would take apart in silence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from penstock_steps import gate
from penstock_steps.gate_report import Report

FRAME = pd.DataFrame({"age": [20, 30, 40]})
BETWEEN: dict[str, Any] = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "age", "min_value": 1}}


def suite(*entries: Any, **keys: Any) -> str:
    return json.dumps({"name": "s", "expectations": list(entries), **keys})


REFUSED = {
    "not_json": ("{", r"suite\.json:1:2 is not JSON: Expecting property name"),
    "no_text": ("", r"suite\.json:1:1 is not JSON"),
    "a_list": ("[]", "is not a suite: it must be an object"),
    "no_expectations": ('{"name": "s"}', 'is not a suite: it has no list "expectations"'),
    "misspelt_expectations": ('{"name": "s", "expectation": []}', "did you mean 'expectation'"),
    "empty": (suite(), "is an empty suite: it expects nothing"),
    "key_twice": ('{"name": "s", "expectations": [], "expectations": []}', "has the key 'expectations' twice"),
    "nan": (suite({**BETWEEN, "kwargs": {"column": "age", "min_value": float("nan")}}), "NaN is not JSON"),
    "no_name": (json.dumps({"expectations": [BETWEEN]}), 'the suite has no "name"'),
    "unknown_suite_key": (suite(BETWEEN, mata={}), "unknown key 'mata'; did you mean 'meta'?"),
    "parameters_no_object": (suite(BETWEEN, suite_parameters=[1]), '"suite_parameters" must be an object'),
    "no_object": (suite(3), "expectation 1 is not an object"),
    "no_type": (suite(BETWEEN, {"kwargs": {}}), r'expectation 2 .* has no "type"'),
    "kwargs_no_object": (suite({**BETWEEN, "kwargs": []}), '"kwargs" must be an object'),
    "old_format": (suite({"expectation_type": "x", "kwargs": {}}), 'before 1.0: rename "expectation_type" to "type"'),
    "unknown_type": (
        suite(BETWEEN, {**BETWEEN, "type": "expect_column_values_to_be_betwen"}),
        "expectation 2 (expect_column_values_to_be_betwen, column age) is unknown to Great Expectations; "
        "did you mean 'expect_column_values_to_be_between'?",
    ),
    "class_name": (
        suite({**BETWEEN, "type": "ExpectColumnValuesToBeBetween"}),
        "did you mean 'expect_column_values_to_be_between'?",
    ),
    "bad_severity": (
        suite({**BETWEEN, "severity": "warn"}),
        "column age) has the severity 'warn'; it must be one of critical, warning, info; did you mean 'warning'?",
    ),
    "misspelt_severity": (suite({**BETWEEN, "sevrity": "info"}), "unknown key 'sevrity'; did you mean 'severity'?"),
    "unknown_kwarg": (
        suite({**BETWEEN, "kwargs": {"column": "age", "min_valu": 1}}),
        "column age): unknown keyword 'min_valu'; did you mean 'min_value'?",
    ),
    "missing_kwarg": (suite({**BETWEEN, "kwargs": {}}), "expect_column_values_to_be_between): column: field required"),
    "wrong_kwarg": (
        suite({**BETWEEN, "kwargs": {"column": "age", "min_value": 1, "mostly": "most"}}),
        "column age): mostly: ",
    ),
    "severity_in_kwargs": (
        suite({**BETWEEN, "kwargs": {"column": "age", "min_value": 1, "severity": "info"}}),
        "'severity' does not belong into \"kwargs\"",
    ),
    "caught_in_kwargs": (
        suite({**BETWEEN, "kwargs": {"column": "age", "min_value": 1, "result_format": "COMPLETE"}}),
        "'result_format' does not belong into \"kwargs\"",
    ),
    "missing_parameter": (
        suite(
            {**BETWEEN, "kwargs": {"column": "age", "min_value": {"$PARAMETER": "lowst"}}},
            suite_parameters={"lowest": 1},
        ),
        "column age) needs the parameter 'lowst'; give it in suite_parameters; did you mean 'lowest'?",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_suite_that_says_less_than_it_seems_is_refused(case: str, check: Callable[..., Report]) -> None:
    text, message = REFUSED[case]
    report = check(FRAME, text)
    assert report.verdict == "failed"
    assert report.error is not None
    assert message in report.error or re.search(message, report.error)
    assert "suite" in gate.refusal(report)


def test_all_problems_are_told_together(check: Callable[..., Report]) -> None:
    report = check(FRAME, suite({**BETWEEN, "severity": "bad"}, {"type": 3}, other=1))
    assert report.error is not None
    assert "has 3 problems" in report.error
    report = check(FRAME, suite({**BETWEEN, "type": "a"}, BETWEEN, {**BETWEEN, "type": "b"}))
    assert report.error is not None
    assert "has 2 problems" in report.error


def test_every_expectation_of_the_file_has_a_result(check: Callable[..., Report]) -> None:
    report = check(
        FRAME, suite(BETWEEN, BETWEEN, {**BETWEEN, "severity": None, "notes": ["why", "not"], "meta": {"position": 9}})
    )
    assert [result.state for result in report.results] == ["passed"] * 5
    assert report.results[-1].notes == "why not"
    assert {result.severity for result in report.results} == {"critical"}


def test_no_suite(check: Callable[..., Report], tmp_path: Any) -> None:
    report = check(FRAME, tmp_path / "nowhere.json")
    assert report.error is not None
    assert "nowhere.json is not a file" in report.error
    assert report.suite_digest == ""


ASKED = {
    **BETWEEN,
    "kwargs": {"column": "age", "min_value": {"$PARAMETER": "lowest"}, "max_value": {"$PARAMETER": "highest"}},
}


def test_parameters_are_put_in_and_override_the_suites_own(check: Callable[..., Report]) -> None:
    text = suite(ASKED, suite_parameters={"lowest": 0, "highest": 25})
    assert check(FRAME, text).verdict == "failed"
    report = check(FRAME, text, {"highest": 40})
    assert report.verdict == "passed"
    assert report.parameters == {"highest": 40, "lowest": 0}
    assert report.results[-1].asked == {"min_value": 0, "max_value": 40}


def test_parameters_deep_in_a_keyword(check: Callable[..., Report]) -> None:
    entry = {
        "type": "expect_column_values_to_be_in_set",
        "kwargs": {"column": "age", "value_set": [{"$PARAMETER": "a"}, 30, 40]},
    }
    assert check(FRAME, [entry], {"a": 20}).verdict == "passed"
    assert check(FRAME, [entry], {"a": 21}).verdict == "failed"


def test_a_parameter_that_nothing_refers_to_is_told(check: Callable[..., Report]) -> None:
    report = check(FRAME, suite(ASKED), {"lowest": 1, "highest": 99, "higest": 9})
    assert report.error is not None
    assert "nothing refers to the parameter 'higest'; did you mean 'highest'?" in report.error
