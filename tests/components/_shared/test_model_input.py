"""Tables as models take them, and targets as metrics compare them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from penstock_steps.errors import StepError
from penstock_steps.model_input import ColumnType, ModelColumn, as_model_input
from penstock_steps.target import target_values

NOON = pd.Timestamp("2026-01-31T12:00")


def converted(values: Any, type_: ColumnType) -> list[Any]:
    column = as_model_input(pd.DataFrame({"x": values}), [ModelColumn("x", type_)])["x"]
    return [None if pd.isna(value) else value for value in column.tolist()]


@pytest.mark.parametrize(
    ("type_", "values", "expected"),
    [
        ("long", [1, 2], [1.0, 2.0]),
        ("long", [1.0, None], [1.0, None]),
        ("double", [Decimal("1.5"), None], [1.5, None]),
        ("double", [True, None], [1.0, None]),
        ("double", pd.array([1, None], dtype="Int64"), [1.0, None]),
        ("double", pd.to_timedelta(["90s", None]), [90.0, None]),
        ("double", pd.Categorical([3, None]), [3.0, None]),
        ("double", [None, None], [None, None]),
        ("boolean", [True, False], [1.0, 0.0]),
        ("boolean", [True, None], [1.0, None]),
        ("boolean", pd.array([False, None], dtype="boolean"), [0.0, None]),
        ("string", ["a", None], ["a", None]),
        ("string", ["a", np.nan], ["a", None]),
        ("string", pd.array(["a", None], dtype="string"), ["a", None]),
        ("string", pd.Categorical(["b", None]), ["b", None]),
        ("string", [7, 8], ["7", "8"]),
        ("datetime", [NOON, None], [NOON, None]),
        ("datetime", [NOON.tz_localize("Europe/Oslo")], [NOON - pd.Timedelta(hours=1)]),
        ("datetime", ["2026-01-31T12:00", None], [NOON, None]),
        ("datetime", ["2026-01-31T13:00:00+01:00"], [NOON]),
    ],
)
def test_each_form_of_a_column_becomes_the_one_that_models_take(type_: ColumnType, values: Any, expected: Any) -> None:
    assert converted(values, type_) == expected


@pytest.mark.parametrize(
    ("type_", "values", "message"),
    [
        ("double", ["1", "x"], "the column 'x' holds str values such as '1', the model takes numbers"),
        ("boolean", [2.0], "the column 'x' holds float values such as 2.0, the model takes true and false"),
        ("string", [1.5], "the column 'x' holds float values such as 1.5, the model takes text"),
        ("datetime", ["soon"], "the column 'x' holds str values such as 'soon', the model takes points in time"),
        ("datetime", [3], "the column 'x' holds int values such as 3, the model takes points in time"),
    ],
)
def test_values_of_another_type_are_told(type_: ColumnType, values: Any, message: str) -> None:
    with pytest.raises(StepError, match=message):
        converted(values, type_)


def test_all_that_does_not_fit_is_told_at_once_and_the_order_is_the_models() -> None:
    table = pd.DataFrame({"aera": [1.0], "b": ["x"], "c": [2]}, index=[7])
    asked = [ModelColumn("c", "long"), ModelColumn("b", "string")]
    fitting = as_model_input(table, asked)
    assert list(fitting.columns) == ["c", "b"]
    assert fitting.index.tolist() == [7]
    with pytest.raises(StepError, match=r"'area' is missing\. Did you mean 'aera'\?; the column 'b' holds str"):
        as_model_input(table, [ModelColumn("area", "double"), ModelColumn("b", "double")])


@pytest.mark.parametrize(
    ("values", "expected", "type_"),
    [
        (["no", "yes"], ["no", "yes"], "string"),
        ([0, 1], [0, 1], "long"),
        ([0.0, 1.0], [0, 1], "long"),
        ([True, False], [True, False], "boolean"),
        (pd.Categorical(["b", "a"]), ["b", "a"], "string"),
    ],
)
def test_classes(values: Any, expected: list[Any], type_: str) -> None:
    found, found_type = target_values(pd.Series(values, name="y"), "classification")
    assert (found.tolist(), found_type) == (expected, type_)


@pytest.mark.parametrize("values", [[1, 2], [1.5, 2.5], [Decimal("1.5"), Decimal(2)]])
def test_numbers_to_predict(values: list[Any]) -> None:
    found, type_ = target_values(pd.Series(values, name="y"), "regression")
    assert (found.tolist(), found.dtype, type_) == ([float(v) for v in values], np.dtype("float64"), "double")


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        ([1.0, None], "regression", "the target 'y' is missing in 1 of 2 rows"),
        (["a", None], "classification", "the target 'y' is missing in 1 of 2 rows"),
        ([1.0, np.inf], "regression", "the target 'y' is infinite in 1 of 2 rows"),
        (["low", "high"], "regression", r"holds string values such as 'low'.*Is the task classification\?"),
        ([True, False], "regression", "the target 'y' is true or false"),
        ([0.5, 1.0], "classification", r"holds fractions such as 0\.5; .*Is the task regression\?"),
        ([NOON, NOON], "classification", "the target 'y' holds datetime64 values; classes are texts"),
    ],
)
def test_targets_that_cannot_be_predicted(values: list[Any], task: str, message: str) -> None:
    with pytest.raises(StepError, match=message):
        target_values(pd.Series(values, name="y"), task)
