"""The words of the data gate: what a result says to a person, one line each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from penstock_steps.gate_report import OWN_CHECKS, Report, Result

_LONGEST = 300  # characters of an observed value


def headline(report: Report) -> str:
    """How much of the suite refuses the data, and how much only warns."""
    unevaluated, warned = report.counts["not_evaluated"], len(report.warnings)
    failed = report.counts["failed"] - warned
    parts = [f"{failed} failed"] * bool(failed) + [f"{unevaluated} could not be evaluated"] * bool(unevaluated)
    aside = f", besides {count(warned, 'warning')}" * bool(warned)
    return (
        f"the data gate refuses the data: of {count(len(report.results), 'check')} {' and '.join(parts)}{aside} "
        f"(suite {report.suite_name!r}, fail_on {report.policy.fail_on})"
    )


def problems(results: Sequence[Result]) -> list[str]:
    """One line for each of `results`; those that could not be evaluated for one and the same reason share one.

    Missing columns come first: what follows often follows from them.
    """
    causes: dict[str, list[Result]] = {}
    for result in results:
        if result.state == "not_evaluated":
            causes.setdefault(result.cause, []).append(result)
    folded = [_folded(together) for together in causes.values()]
    first = [
        line for line, together in zip(folded, causes.values(), strict=True) if " is missing" in together[0].message
    ]
    rest = [line for line in folded if line not in first]
    return [*first, *(_line(result) for result in results if result.state == "failed"), *rest]


def finding(result: Result, details: Mapping[str, Any] | None) -> str:
    """What was found instead of what a failed result asked for."""
    parts = []
    what = "null" if result.type == "expect_column_values_to_not_be_null" else "unexpected"
    if result.unexpected_count is not None and result.element_count:
        share = 100 * result.unexpected_count / result.element_count
        parts.append(f"{result.unexpected_count} of {count(result.element_count, 'value')} {what} ({share:.3g} %)")
    elif result.unexpected_count is not None:
        parts.append(f"{count(result.unexpected_count, 'value')} unexpected")
    if result.samples:
        parts[-1:] = [", ".join([*parts[-1:], "for example " + ", ".join(_value(sample) for sample in result.samples)])]
    mismatched = (details or {}).get("mismatched")
    if isinstance(mismatched, Mapping):
        parts += [
            f"{kind}: {', '.join(map(str, names))}"
            for kind in ("missing", "unexpected")
            if (names := mismatched.get(kind))
        ]
    elif result.observed is not None:
        parts.append(f"observed {_value(result.observed)}")
    return "; ".join(parts) or "it is not there"


def odd_values(frame: pd.DataFrame, name: str) -> str:
    """What is wrong with a column of numbers that was read as text for a few words in it; empty if it is none."""
    if name not in frame.columns or frame[name].dtype != object:
        return ""
    column = frame[name].dropna()
    words = column[pd.to_numeric(column, errors="coerce").isna().to_numpy()]
    if words.empty or 2 * len(words) >= len(column):
        return ""
    row = frame.index.get_loc(words.index[0])
    number = f"{count(len(words), 'value')} of {len(frame)} {'is' if len(words) == 1 else 'are'} no number"
    return (
        f"column {name} is text, for {number} (row {row + 1 if isinstance(row, int) else '?'}: {_value(words.iloc[0])})"
    )


def count(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def asked(result: Result) -> str:
    """The keywords of a check, as a person would write them."""
    return ", ".join(f"{key}={_value(value)}" for key, value in result.asked.items())


def found(result: Result) -> str:
    """What was observed, where the check observes a value."""
    return "" if result.observed is None else _value(result.observed)


def _line(result: Result) -> str:
    if result.type in OWN_CHECKS:
        return f"{result.message} [{result.severity}]"
    where = f"column {', '.join(result.columns)}: " if result.columns else ""
    notes = f". {result.notes}" if result.notes else ""
    return f"{where}{result.type}({asked(result)}) failed [{result.severity}]: {result.message}{notes}"


def _folded(together: Sequence[Result]) -> str:
    first = together[0]
    names = ", ".join(dict.fromkeys(result.type for result in together))
    number = count(len(together), "expectation")
    where = "" if "column" in first.message else f"column {', '.join(first.columns)}: " if first.columns else ""
    return f"{where}{first.message} ({number} could not be evaluated: {names})"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping) and {"quantiles", "values"} <= value.keys():
        pairs = zip(value["quantiles"], value["values"], strict=False)
        return ", ".join(f"{_value(quantile)}-quantile {_value(found)}" for quantile, found in pairs)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
