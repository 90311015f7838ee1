"""What a model takes: its columns by name and type, and the one way in which a table becomes that.

Training, evaluation and scoring all pass through here, so that a column means the same to each. The types are those of
an MLflow signature (https://mlflow.org/docs/latest/ml/model/signatures/):

- `long`: whole numbers, none missing when the model was trained; `double`: other numbers, and durations in seconds;
- `boolean`, `string`: those, missing values allowed; a category is its value;
- `datetime`: points in time, in UTC and without a time zone.

Missing values are NaN, NaT or None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from penstock_steps.arguments import did_you_mean
from penstock_steps.errors import StepError

ColumnType = Literal["long", "double", "boolean", "string", "datetime"]
Series: TypeAlias = "pd.Series[Any]"
_NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty"}


@dataclass(frozen=True)
class ModelColumn:
    """A column that a model takes."""

    name: str
    type: ColumnType


def as_model_input(frame: pd.DataFrame, columns: Sequence[ModelColumn]) -> pd.DataFrame:
    """The `columns` of `frame` as the model takes them, shape (rows, len(columns)), same index.

    Numbers and booleans become float64 (a missing one NaN), text object (None), times datetime64 (NaT).

    Raises:
        StepError: a column is missing or holds values of another type; the message lists all of these.
    """
    problems = [
        f"the column {column.name!r} is missing.{did_you_mean(column.name, map(str, frame.columns))}"
        for column in columns
        if column.name not in frame.columns
    ]
    converted: dict[str, Series] = {}
    for column in columns:
        if column.name in frame.columns:
            try:
                converted[column.name] = _CONVERSIONS[column.type](plain(frame[column.name]))
            except _WrongTypeError as error:
                problems.append(f"the column {column.name!r} {error}")
    if problems:
        raise StepError("the rows do not fit the model: " + "; ".join(problems))
    return pd.DataFrame(converted, index=frame.index, columns=[column.name for column in columns])


def plain(column: Series) -> Series:
    """The column with categories replaced by their values."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(column.cat.categories.dtype if not column.isna().any() else object)
    return column


def inferred(column: Series) -> str:
    """What an object column holds, nulls aside, in the words of `pandas.api.types.infer_dtype`."""
    return pd.api.types.infer_dtype(column, skipna=True)


class _WrongTypeError(Exception):
    pass


def _number(column: Series) -> Series:
    if column.dtype.kind == "m":
        return column.dt.total_seconds()
    if column.dtype.kind in "iufb" or inferred(column) in _NUMBERS:
        return pd.Series(_floats(column), index=column.index)
    raise _WrongTypeError(f"holds {_example(column)}, the model takes numbers")


def _floats(column: Series) -> Any:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufb":
        return column.to_numpy(dtype=np.float64)
    return np.array([np.nan if null else float(v) for v, null in zip(column, column.isna(), strict=True)], np.float64)


def _boolean(column: Series) -> Series:
    values = _number(column)
    if not values.dropna().isin([0.0, 1.0]).all():
        raise _WrongTypeError(f"holds {_example(column)}, the model takes true and false")
    return values


def _string(column: Series) -> Series:
    if column.dtype.kind in "iub" or inferred(column) in {"string", "empty", "boolean", "integer", "mixed-integer"}:
        texts = [None if null else str(value) for value, null in zip(column, column.isna(), strict=True)]
        return pd.Series(texts, index=column.index, dtype=object)
    raise _WrongTypeError(f"holds {_example(column)}, the model takes text")


def _datetime(column: Series) -> Series:
    try:
        times = column if column.dtype.kind == "M" else pd.to_datetime(column, format="ISO8601", utc=True)
    except (ValueError, TypeError):
        times = column
    if times.dtype.kind != "M" or column.dtype.kind in "iuf":
        raise _WrongTypeError(f"holds {_example(column)}, the model takes points in time")
    return times.dt.tz_convert("UTC").dt.tz_localize(None) if isinstance(times.dtype, pd.DatetimeTZDtype) else times


def _example(column: Series) -> str:
    values: Iterable[Any] = column.dropna()
    value = next(iter(values), None)
    return f"{type(value).__name__} values such as {value!r}"


_CONVERSIONS = {"long": _number, "double": _number, "boolean": _boolean, "string": _string, "datetime": _datetime}
