"""The column to predict: its values as estimators learn and metrics compare them, or the reason why not."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from penstock_steps.errors import StepError
from penstock_steps.model_input import ColumnType, ModelColumn, as_model_input, inferred, plain

Series: TypeAlias = "pd.Series[Any]"
_LABELS: dict[str, tuple[Any, ColumnType]] = {
    "string": (object, "string"),
    "boolean": (np.bool_, "boolean"),
    "integer": (np.int64, "long"),
}


def target_values(column: Series, task: str) -> tuple[NDArray[Any], ColumnType]:
    """The target's values, shape (rows,), and their type in a model's signature.

    Regression: float64. Classification: str objects, booleans or int64; floats that are whole numbers count as such.

    Raises:
        StepError: a value is missing or infinite; or the values do not fit the task.
    """
    column, name = plain(column), str(column.name)
    missing = int(column.isna().sum())
    if missing:
        raise StepError(f"the target {name!r} is missing in {missing} of {len(column)} rows; repair the data")
    return _numbers(column, name) if task == "regression" else _labels(column, name)


def _numbers(column: Series, name: str) -> tuple[NDArray[Any], ColumnType]:
    if column.dtype.kind == "b" or inferred(column) == "boolean":
        raise StepError(
            f"the target {name!r} is true or false, which regression cannot predict; the task is classification"
        )
    try:
        values = as_model_input(column.to_frame(), [ModelColumn(name, "double")])[name].to_numpy()
    except StepError:
        raise StepError(
            f"the target {name!r} holds {inferred(column)} values such as {column.iloc[0]!r}; regression predicts "
            "numbers. Is the task classification?"
        ) from None
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise StepError(f"the target {name!r} is infinite in {infinite} of {len(values)} rows; repair the data")
    return values, "double"


def _labels(column: Series, name: str) -> tuple[NDArray[Any], ColumnType]:
    if column.dtype.kind == "f" and not (column % 1 == 0).all():
        raise StepError(
            f"the target {name!r} holds fractions such as {column[column % 1 != 0].iloc[0]}; "
            "classes are texts, whole numbers or true and false. Is the task regression?"
        )
    kind = "integer" if column.dtype.kind == "f" else inferred(column)
    if kind not in _LABELS:
        raise StepError(f"the target {name!r} holds {kind} values; classes are texts, whole numbers or true and false")
    dtype, type_ = _LABELS[kind]
    return column.to_numpy(dtype=dtype), type_
