"""Candidate and champion on slices of the held-out rows: with one value of a column, or in one of its quarters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from penstock_steps.arguments import unknown_columns
from penstock_steps.errors import StepError
from penstock_steps.metrics import Metric, MetricError, Predictions, Values, value
from rule import SliceRule, number

_MOST_VALUES = 12  # of a column of numbers that is not cut into quarters
_QUARTERS = 4


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
    """Raises StepError if the held-out rows lack a column."""
    problems = unknown_columns([rule.column for rule in rules], [str(name) for name in table.columns], "--slices")
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


def _slices(column: pd.Series[Any]) -> Iterator[tuple[str, np.ndarray[Any, np.dtype[np.intp]]]]:
    missing = column.isna()
    if missing.any():
        yield "missing", np.flatnonzero(missing)
    known = column[~missing]
    is_number = pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known)
    labels = known.map(str)
    if is_number and known.nunique() > _MOST_VALUES:
        quarters = pd.qcut(known, _QUARTERS, duplicates="drop")
        labels = quarters.map(lambda part: f"from {number(part.left)} to {number(part.right)}").astype(str)
    for label in dict.fromkeys(labels.sort_values() if not is_number else labels[known.sort_values().index]):
        yield label, np.flatnonzero((labels == label).reindex(column.index, fill_value=False))


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
