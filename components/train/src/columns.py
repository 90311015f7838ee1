"""Finds out what the columns of a table are, and which of them are features."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from penstock_steps.arguments import shortened
from penstock_steps.errors import StepError
from penstock_steps.model_input import ColumnType, ModelColumn, inferred, plain

Kind = Literal["number", "boolean", "text", "time", "time text"]
Series: TypeAlias = "pd.Series[Any]"

# ISO 8601 without a time zone, which NumPy parses without a warning: the form in which a CSV file keeps times.
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?", re.ASCII)
_OF_OBJECTS: dict[str, Kind] = {
    "string": "text",
    "boolean": "boolean",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
}


@dataclass(frozen=True)
class Feature:
    """A column that the model learns from: what it is, and how the model's signature has it."""

    column: ModelColumn
    kind: Kind


@dataclass(frozen=True)
class Features:
    """The features of a table, and the columns that are none with the reason for each."""

    used: list[Feature]
    left_out: Mapping[str, str]

    @property
    def columns(self) -> list[ModelColumn]:
        return [feature.column for feature in self.used]

    def of_kind(self, kind: Kind) -> list[str]:
        """The names of the features of one kind."""
        return [feature.column.name for feature in self.used if feature.kind == kind]


def find_features(table: pd.DataFrame, excluded: Collection[str]) -> Features:
    """Which columns of `table`, the target not among them, a model can learn from.

    Left out, with a reason, are columns that have one value only or none at all, and texts that differ in every row.

    Raises:
        StepError: a column whose values are neither numbers, booleans, texts nor times, or numbers that are infinite
            (all of these in one message); or no feature is left.
    """
    used, left_out, problems = [], dict.fromkeys(excluded, "excluded"), []
    for name in table.columns:
        if name in left_out:
            continue
        column = plain(table[name])
        reason = _says_nothing(column)
        if reason:
            left_out[name] = reason
            continue
        kind = _kind(column)
        if kind is None:
            problems.append(f"{name!r} holds {inferred(column)} values, which are no numbers, booleans, texts or times")
        elif kind == "number" and _infinite(column):
            problems.append(f"{name!r} holds {_infinite(column)} infinite values")
        elif kind == "text" and _all_different(column):
            left_out[name] = "every row has another text"
        else:
            used.append(Feature(ModelColumn(name, _type(kind, column)), kind))
    if problems:
        raise StepError(f"{'; '.join(problems)}. Name the column in --exclude-columns or repair the data")
    if not used:
        told = shortened([f"{name} ({reason})" for name, reason in left_out.items()]) or "the target is the only column"
        raise StepError(f"no column is left to learn from: {told}")
    return Features(used, left_out)


def _says_nothing(column: Series) -> str | None:
    values = column.dropna()
    if values.empty:
        return "it has no value"
    try:
        alike = values.nunique() == 1
    except TypeError:  # lists and other nested values, told of by their kind
        return None
    return f"it is always {values.iloc[0]!s}" if alike and len(values) == len(column) else None


def _kind(column: Series) -> Kind | None:
    if column.dtype.kind == "M":
        return "time"
    if column.dtype.kind == "b":
        return "boolean"
    if column.dtype.kind in "iufm":
        return "number"
    kind = _OF_OBJECTS.get(inferred(column))
    return "time text" if kind == "text" and _are_times(column.dropna()) else kind


def _are_times(texts: Series) -> bool:
    if not all(_TIME.fullmatch(text) for text in texts):
        return False
    return bool(pd.to_datetime(texts, format="ISO8601", errors="coerce").notna().all())


def _all_different(texts: Series) -> bool:
    values = texts.dropna()
    return len(values) > 2 and values.nunique() == len(values)


def _infinite(column: Series) -> int:
    return int(np.isinf(column.to_numpy(dtype=np.float64)).sum()) if column.dtype.kind == "f" else 0


def _type(kind: Kind, column: Series) -> ColumnType:
    if kind == "number":
        return "long" if column.dtype.kind in "iu" and not column.isna().any() else "double"
    types: dict[Kind, ColumnType] = {"boolean": "boolean", "time": "datetime", "text": "string", "time text": "string"}
    return types[kind]
