"""The data gate: checks a table against a suite and says yes or no, with reasons.

Great Expectations reports success where nothing was checked: for an empty table, a column without a value, a condition
that no row meets, an infinite number under a one-sided bound. Here each of these refuses the data:

- an expectation that had nothing to look at, or that GX could not evaluate, is `not_evaluated`, never passed;
- the gate has two checks of its own, `minimum_rows` and `finite_values`, of critical severity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from penstock_steps import gate_evaluate
from penstock_steps import gate_messages as say
from penstock_steps.digests import content_digest, file_digest
from penstock_steps.errors import StepError
from penstock_steps.gate_evaluate import TYPE_EXPECTATIONS, Outcome
from penstock_steps.gate_report import OWN_CHECKS, Policy, Report, Result, Severity
from penstock_steps.gate_suite import Expectation, Suite, did_you_mean, read_suite
from penstock_steps.tables import read_table

_CRITICAL: Severity = "critical"
_ABOUT_NULLS = frozenset(
    {
        "expect_column_to_exist",
        "expect_column_values_to_be_null",
        "expect_column_values_to_not_be_null",
        "expect_column_proportion_of_non_null_values_to_be_between",
    }
)
_SKIPS_HALF_ROWS = ("either_value_is_missing", "any_value_is_missing")


def check(data: Path, suite: Path, policy: Policy, parameters: Mapping[str, Any] | None = None) -> Report:
    """Check the table at `data` (see `tables.read_table`) against the suite's file.

    Data or a suite that cannot be read gives a report with `error`, it raises nothing: a report says why in any case.
    """
    report = Report(
        policy,
        data_digest=content_digest(data) if data.exists() else "",
        suite_name="",
        suite_digest=file_digest(suite) if suite.is_file() else "",
    )
    try:
        read = read_suite(suite, parameters)
        report = replace(report, suite_name=read.name, suite_version=read.version, parameters=read.parameters)
        frame = read_table(data)
        report = replace(report, rows=len(frame), columns=[str(name) for name in frame.columns])
        _same_subject(report.columns, read)
        results, version = check_frame(frame, read, policy)
        return replace(report, results=results, great_expectations=version)
    except StepError as error:
        return replace(report, error=str(error))


def check_frame(frame: pd.DataFrame, suite: Suite, policy: Policy) -> tuple[list[Result], str]:
    """The result of each check of `frame` (rows by columns), and the version of Great Expectations.

    Raises StepError if the suite holds what Great Expectations does not know.
    """
    built = gate_evaluate.build(suite.expectations, f"the suite {suite.name!r}")
    answers: dict[int, Result] = {}
    evaluable = []
    for expectation, made in zip(suite.expectations, built, strict=True):
        unmet = _nothing_to_check(frame, expectation, made)
        if unmet is None:
            evaluable.append((expectation, made))
        else:
            answers[expectation.position] = unmet
    outcomes = gate_evaluate.evaluate(frame, [made for _, made in evaluable])
    for (expectation, made), outcome in zip(evaluable, outcomes, strict=True):
        answers[expectation.position] = _judge(frame, expectation, made, outcome)
    own = [_minimum_rows(frame, policy), _finite_values(frame)]
    return [*own, *(answers[expectation.position] for expectation in suite.expectations)], gate_evaluate.version()


def _same_subject(columns: Sequence[str], suite: Suite) -> None:
    """Raise StepError if the table has none of the columns that the suite names: one line instead of one for each."""
    named = {name for expectation in suite.expectations for name in expectation.columns}
    if len(named) > 1 and named.isdisjoint(columns):
        raise StepError(
            f"the table has none of the columns that the suite names (it has {', '.join(columns)}); "
            "is it the right file, and are its values separated by commas?"
        )


def _nothing_to_check(frame: pd.DataFrame, expectation: Expectation, made: Any) -> Result | None:
    """A result that is not evaluated, if `frame` has nothing for the expectation to look at; None if it has."""
    if expectation.type == "expect_column_to_exist":
        return None
    for name in expectation.columns:
        if name not in frame.columns:
            hint = did_you_mean(name, [str(column) for column in frame.columns])
            return _not_evaluated(expectation, f"column {name} is missing{hint}", f"column {name}")
    if not expectation.columns or expectation.type in _ABOUT_NULLS:
        return None
    if frame.empty:
        return _not_evaluated(expectation, "the table has no rows", "rows")
    return _nothing_but_nulls(frame, expectation, made)


def _nothing_but_nulls(frame: pd.DataFrame, expectation: Expectation, made: Any) -> Result | None:
    values = frame[expectation.columns].notna()
    for name in expectation.columns:
        if not values[name].any():
            return _not_evaluated(expectation, f"column {name} holds nothing but nulls", f"column {name}")
    if getattr(made, "ignore_row_if", None) in _SKIPS_HALF_ROWS and not values.all(axis="columns").any():
        names = ", ".join(expectation.columns)
        return _not_evaluated(expectation, f"no row has a value in each of the columns {names}", f"columns {names}")
    return None


def _judge(frame: pd.DataFrame, expectation: Expectation, made: Any, outcome: Outcome) -> Result:
    """GX's answer as a result."""
    about_type = expectation.type in TYPE_EXPECTATIONS
    odd = next((text for name in expectation.columns if (text := say.odd_values(frame, name))), "")
    if outcome.success is None:
        return _not_evaluated(expectation, odd or outcome.error, odd or outcome.error)
    found = outcome.result
    elements, nulls = found.get("element_count"), found.get("missing_count") or 0
    if getattr(made, "row_condition", None) and elements is not None and elements <= nulls:
        return _not_evaluated(expectation, "no row with a value meets its row_condition", str(expectation.position))
    observed = found.get("observed_value")
    if outcome.success:
        return _result(expectation, "passed", observed=observed)
    if about_type:
        observed = ", ".join(str(frame[name].dtype) for name in expectation.columns)
        return _result(
            expectation, "failed", observed=observed, message=f"{odd}; " * bool(odd) + f"observed {observed}"
        )
    result = _result(
        expectation,
        "failed",
        observed=observed,
        unexpected_count=found.get("unexpected_count"),
        element_count=elements,
        samples=found.get("partial_unexpected_list") or [],
    )
    return replace(result, message=say.finding(result, found.get("details")))


def _minimum_rows(frame: pd.DataFrame, policy: Policy) -> Result:
    rows = len(frame)
    few = rows < policy.min_rows
    message = f"the table has {say.count(rows, 'row')}, it needs at least {policy.min_rows}" if few else ""
    asked = {"min_rows": policy.min_rows}
    return Result(OWN_CHECKS[0], [], asked, _CRITICAL, "failed" if few else "passed", message, observed=rows)


def _finite_values(frame: pd.DataFrame) -> Result:
    infinite: dict[str, int] = {}
    for name, column in frame.items():
        if column.dtype.kind == "f":
            # Neither finite nor null, without a copy as float64: abs(x) == inf.
            number = int((column.abs() == float("inf")).sum())
            infinite |= {str(name): number} if number else {}
    message = "; ".join(f"column {name} holds {say.count(n, 'infinite value')}" for name, n in infinite.items())
    return Result(
        OWN_CHECKS[1],
        list(infinite),
        {},
        _CRITICAL,
        "failed" if infinite else "passed",
        message,
        unexpected_count=sum(infinite.values()),
    )


def _not_evaluated(expectation: Expectation, message: str, cause: str) -> Result:
    return _result(expectation, "not_evaluated", message=message, cause=cause)


def _result(expectation: Expectation, state: Any, **found: Any) -> Result:
    return Result(
        type=expectation.type,
        columns=expectation.columns,
        asked=expectation.asked,
        severity=expectation.severity,
        state=state,
        notes=expectation.notes,
        **found,
    )


def refusal(report: Report) -> str:
    """Why the gate refuses the data: a headline, then one line for each failure; for `StepError`."""
    if report.error is not None:
        return f"the data gate refuses the data, nothing could be checked: {report.error}"
    return "\n  - ".join([say.headline(report), *say.problems(report.refusing)])


def warnings(report: Report) -> Sequence[str]:
    """One line for each failure whose severity is below the policy's."""
    return say.problems(report.warnings)
