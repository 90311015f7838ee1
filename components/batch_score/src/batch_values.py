"""Values of files as a request to a package has them. What does not fit is left as it is, for the package to refuse."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from penstock_steps.model_input import ColumnType

# What `pandas.read_csv` takes for a missing value; https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html
_NULL_WORDS = "#N/A #NA -1.#IND -1.#QNAN -NaN -nan 1.#IND 1.#QNAN <NA> N/A NA NULL NaN None n/a nan null"
NULLS = frozenset(["", "#N/A N/A", *_NULL_WORDS.split()])
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LONGEST = 400  # digits; a longer number is no finite one


def from_text(text: str, kind: ColumnType) -> Any:
    """The value of a CSV file's cell for a column of the model."""
    if text in NULLS:
        return None
    if kind in ("long", "double"):
        return _number(text)
    return _BOOLEANS.get(text, text) if kind == "boolean" else text


def _number(text: str) -> Any:
    bare = text.strip()
    if len(bare) > _LONGEST or not _NUMBER.fullmatch(bare):
        return text
    value = int(bare) if _WHOLE.fullmatch(bare) else float(bare)
    return value if math.isfinite(float(value) if abs(value) < 1e308 else math.inf) else text


def from_typed(value: Any, kind: ColumnType) -> Any:
    """A value of Python, as Arrow gives it, for a column of the model; see `penstock_steps.model_input`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    elif isinstance(value, datetime | date | time):
        value = value.isoformat()
    elif isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, bool | int | float) and (not isinstance(value, float) or math.isfinite(value)):
        return _plain(value, kind)
    return value if isinstance(value, str) else str(value)


def _plain(value: bool | int | float, kind: ColumnType) -> Any:
    """As training takes it: true is 1 among numbers, 1 is true among booleans, both are text among texts."""
    if kind in ("long", "double"):
        return int(value) if isinstance(value, bool) else value
    if kind == "boolean":
        return bool(value) if value in (0, 1) else value
    return str(value) if kind == "string" and not isinstance(value, float) else value
