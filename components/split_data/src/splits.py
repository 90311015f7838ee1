"""Which rows are held out for the test: by hash, by hash within each value of a column, or the newest.

All three look at a row's values only, never at its position: equal rows stand on the same side, and the order of the
file does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from penstock_steps.errors import StepError
from penstock_steps.gate_suite import did_you_mean
from penstock_steps.rows import fractions, row_hashes

Side = NDArray[np.bool_]  # one entry for each row: whether it is held out


def by_hash(frame: pd.DataFrame, test_fraction: float, keys: Sequence[str] | None, seed: int) -> Side:
    """The rows whose hash, as a number in [0, 1), is below `test_fraction`.

    A row's side depends on nothing but its key and the seed, so it stays when rows are added or removed. The price is
    that the share of held-out rows is only near `test_fraction`: of n distinct keys, within two standard deviations
    of sqrt(test_fraction * (1 - test_fraction) / n) nineteen times out of twenty.
    """
    need(frame, keys or [], "key_columns")
    return fractions(row_hashes(frame, keys, seed)) < test_fraction


def stratified(frame: pd.DataFrame, test_fraction: float, keys: Sequence[str] | None, seed: int, column: str) -> Side:
    """Within each value of `column` (null is one of them), the rows with the lowest hashes: `test_fraction` of them.

    The number is rounded to the nearest; rows with equal keys go together, so it may be missed by as many as they are.
    The trade-off against `by_hash`: shares are kept exactly, for small classes too, but the boundary within a value
    moves as rows are added, and a few rows near it change sides.
    """
    need(frame, [*(keys or []), column], "stratify_column or key_columns")
    hashes = pd.Series(row_hashes(frame, keys, seed))
    groups = row_hashes(frame, [column])
    rank = hashes.groupby(groups).rank(method="min") - 1  # equal keys have the same rank: that of their first
    wanted = hashes.groupby(groups).transform("size") * test_fraction
    return np.asarray(rank.to_numpy() < np.floor(wanted.to_numpy() + 0.5), dtype=bool)


def newest(frame: pd.DataFrame, test_fraction: float, column: str) -> Side:
    """The newest rows by the time in `column`, `test_fraction` of them; rows of the same time go together.

    Where the boundary falls among rows of the same time they are all held out, so there may be more. `column` holds
    times, ISO 8601 text, or numbers that grow with time.

    Raises StepError for a null or a text that is not a time; the message names its row.
    """
    need(frame, [column], "time_column")
    times = _times(frame[column])
    held_out = max(1, int(np.floor(len(times) * test_fraction + 0.5)))
    boundary = np.sort(times)[-held_out] if len(times) else 0
    return np.asarray(times >= boundary, dtype=bool)


def need(frame: pd.DataFrame, names: Sequence[str], parameter: str) -> None:
    """Raise StepError if a column of `names`, which `parameter` asks for, is not there."""
    columns = [str(column) for column in frame.columns]
    problems = [f"{name!r}{did_you_mean(name, columns)}" for name in names if name not in columns]
    if problems:
        raise StepError(
            f"{parameter} names a column that the data lacks: {', '.join(problems)} (it has {', '.join(columns)})"
        )


def _times(column: pd.Series[Any]) -> NDArray[np.int64] | NDArray[np.float64]:
    """The column as numbers that grow with time."""
    name = column.name
    if column.isna().any():
        raise StepError(
            f"column {name!r} is null in row {_row(column.isna())}; the time method needs a time in each row"
        )
    if pd.api.types.is_bool_dtype(column.dtype):
        raise StepError(f"column {name!r} holds true and false, no times")
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64 if column.dtype.kind == "f" else np.int64)
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        parsed = pd.to_datetime(column.astype("object"), format="ISO8601", errors="coerce", utc=True)
        if parsed.isna().any():
            bad = column[parsed.isna()].iloc[0]
            raise StepError(
                f"column {name!r} holds {str(bad)!r} in row {_row(parsed.isna())}, which is no ISO 8601 time "
                "(2024-01-31 or 2024-01-31T12:00:00); convert the column before it is validated"
            )
        column = parsed
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.to_numpy().astype(np.int64)


def _row(where: pd.Series[bool]) -> int:
    """The number of the first row, counted from 1, where the condition holds."""
    return int(np.argmax(where.to_numpy())) + 1
