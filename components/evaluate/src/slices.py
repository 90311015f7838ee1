"""Candidate and champion on slices of the held-out rows: with one value of a column, or in one of its quarters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from penstock_steps.arguments import unknown_columns
from penstock_steps.errors import StepError
from penstock_steps.metrics import Metric, MetricError, Predictions, Values, value
from rule import SliceRule, number

_MOST_VALUES = 12  # of a column of numbers that is not cut into quarters
_QUARTERS = 4
_MOST_SLICES = 200


@dataclass(frozen=True)
class SliceScore:
    """A slice: its rows, and the metric of both models on them; None where there is no value, and `why` that is."""

    rule: SliceRule
    label: str
    rows: int
    candidate: float | None
    champion: float | None
    worsening: float | None
    why: str = ""

    @property
    def is_worse(self) -> bool:
        """Whether the candidate is worse by more than is allowed."""
        most = self.rule.max_worsening
        return self.worsening is not None and self.worsening > most and not math.isclose(self.worsening, most)

    def sentence(self, metric: Metric) -> str:
        """What is wrong with it."""
        return (
            f"{metric.name} of the {self.rows} rows with {self.rule.column} {self.label} is "
            f"{number(self.candidate or 0.0)}, worse than the champion's {number(self.champion or 0.0)} by "
            f"{number(self.worsening or 0.0)}; at most {number(self.rule.max_worsening)} was allowed"
        )

    def as_dict(self) -> dict[str, Any]:
        """As decision.json has it."""
        verdict = "worse" if self.is_worse else "ok" if self.worsening is not None else self.why
        return {
            "column": self.rule.column,
            "slice": self.label,
            "rows": self.rows,
            "candidate": self.candidate,
            "champion": self.champion,
            "verdict": verdict,
        }


def check_columns(rules: Sequence[SliceRule], table: pd.DataFrame) -> None:
    """Raises StepError if the held-out rows lack a column, or one has too many values to slice by."""
    problems = unknown_columns([rule.column for rule in rules], [str(name) for name in table.columns], "--slices")
    for column in (rule.column for rule in rules if rule.column in table.columns):
        found = len(_cut(table[column].dropna())[1])
        if found > _MOST_SLICES:
            problems.append(
                f"--slices names the column {column!r}, which makes {found} slices; take one of at most "
                f"{_MOST_SLICES} different values, or of numbers, which are cut into quarters"
            )
    if problems:
        raise StepError("; ".join(problems))


def slice_scores(
    rules: Sequence[SliceRule],
    metric: Metric,
    table: pd.DataFrame,
    truth: Values,
    models: tuple[Predictions, Predictions],
) -> list[SliceScore]:
    """The scores of candidate and champion on every slice.

    Args:
        rules: by which columns.
        metric: the primary one.
        table: the held-out rows.
        truth: their target's values, shape (rows,).
        models: what candidate and champion predict for them.
    """
    return [
        _score(rule, label, rows, metric, truth, models)
        for rule in rules
        for label, rows in _slices(table[rule.column])
    ]


def _slices(column: pd.Series[Any]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    missing = np.flatnonzero(column.isna())
    if len(missing):
        yield "missing", missing
    places, (slice_of, labels) = np.flatnonzero(column.notna()), _cut(column.dropna())
    order = np.argsort(slice_of, kind="stable")
    ends = np.cumsum(np.bincount(slice_of, minlength=len(labels)))
    for label, start, end in zip(labels, [0, *ends], ends, strict=False):
        if end > start:
            yield label, places[order[start:end]]


def _cut(known: pd.Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """In which slice each row is, and the slices' labels, the lowest first."""
    is_number = pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known)
    labels = list(dict.fromkeys(known.sort_values().map(str) if is_number else sorted(known.map(str))))
    if is_number and len(labels) > _MOST_VALUES:
        return _quarters(known.to_numpy(dtype=np.float64))
    places = {label: place for place, label in enumerate(labels)}
    return np.array([places[str(value)] for value in known], dtype=np.intp), labels


def _quarters(values: NDArray[np.float64]) -> tuple[NDArray[np.intp], list[str]]:
    """As `_cut`, between the quartiles of the values that are finite; infinite ones are slices of their own."""
    edges = np.unique(np.quantile(values[np.isfinite(values)], np.linspace(0, 1, _QUARTERS + 1)))
    names = [f"from {number(low)} to {number(high)}" for low, high in itertools.pairwise(edges)]
    quarters = np.clip(np.searchsorted(edges, values), 1, len(names))
    slice_of = np.where(np.isfinite(values), quarters, np.where(values < 0, 0, len(names) + 1))
    return slice_of, ["-inf", *names, "inf"]


def _score(
    rule: SliceRule, label: str, rows: Any, metric: Metric, truth: Values, models: tuple[Predictions, Predictions]
) -> SliceScore:
    if len(rows) < rule.min_rows:
        return SliceScore(rule, label, len(rows), None, None, None, f"not judged: fewer than {rule.min_rows} rows")
    try:
        mine, theirs = (value(metric, truth[rows], model.take(rows)) for model in models)
    except MetricError as error:
        return SliceScore(rule, label, len(rows), None, None, None, f"not judged: {metric.name} {error}")
    return SliceScore(rule, label, len(rows), mine, theirs, -metric.improvement(mine - theirs))
