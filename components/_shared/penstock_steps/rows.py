"""Hashes of rows that depend on the values alone, so that a row keeps its side of a split as the data grows.

A row's hash does not depend on the other rows, their order, the order of the columns, the pandas version or the
dtypes that a reader happened to choose. These are the same value:

- 1, 1.0, True and the texts "1" and "true": whole numbers are read as floats once one of them is null, and as text
  once one of them is a word; -0.0 and 0.0;
- null in all its forms (None, NaN, NaT, NA). A null cell adds nothing, so a column that comes later and is null in
  the old rows does not move them;
- a point in time in any unit, and in any time zone (without one it is taken as UTC); a date is its midnight;
- a category and its value.

Numbers are compared as doubles, whole ones too: a column of whole numbers becomes one of doubles as soon as it holds a
null, and no row may change sides for that. So whole numbers above 2**53 that round to the same double stay together.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from penstock_steps.errors import StepError

Hashes = NDArray[np.uint64]
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TRUTH = {"true": 1.0, "false": 0.0}
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def row_hashes(frame: pd.DataFrame, columns: Sequence[str] | None = None, seed: int = 0) -> Hashes:
    """A 64-bit hash of each row of `frame`, shape (rows,).

    Each cell is brought to the canonical value that the module's docstring describes, hashed (numbers and times by
    splitmix64, text by the keyed SipHash of `pandas.util.hash_array`) and mixed with its column's name. A row's hash is
    the sum of its cells, mixed with the seed. Rows that are equal in `columns` have equal hashes.

    Args:
        frame: the rows.
        columns: the columns that identify a row; all when None.
        seed: a whole number; another one gives unrelated hashes.

    Raises:
        StepError: a column holds values without a canonical form (lists, say); the message names it.
        KeyError: `columns` names a column that `frame` lacks.
    """
    total = np.zeros(len(frame), dtype=np.uint64)
    for name in frame.columns if columns is None else dict.fromkeys(columns):
        hashes, null = _column(frame[name])
        mixed = splitmix64(hashes ^ _text(np.array([name], dtype=object)))
        total += np.where(null, np.uint64(0), mixed)
    salt = splitmix64(np.array([seed % 2**64], dtype=np.uint64))
    return splitmix64(total ^ salt)


def fractions(hashes: Hashes) -> NDArray[np.float64]:
    """The hashes as evenly spread numbers in [0, 1): their upper 53 bits, the digits of a double; same shape."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def splitmix64(values: Hashes) -> Hashes:
    """The output function of SplitMix64 for each state of `values`, same shape.

    Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014, with the constants of
    Vigna's https://prng.di.unimi.it/splitmix64.c (public domain).
    """
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _column(column: pd.Series[Any]) -> tuple[Hashes, NDArray[np.bool_]]:
    """The hash of each cell, and which cells are null (their hashes mean nothing)."""
    null = column.isna().to_numpy(dtype=bool)
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categories, _ = _column(pd.Series(dtype.categories))
        codes = column.cat.codes.to_numpy()
        return (categories[codes] if len(categories) else np.zeros(len(column), np.uint64)), null
    if isinstance(dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    if column.dtype.kind in "mM" and isinstance(column.dtype, np.dtype):
        return _times(column.to_numpy()), null
    if isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        return _numbers(column.to_numpy(dtype=np.float64)), null
    return _objects(column), null


def _numbers(values: NDArray[np.float64]) -> Hashes:
    return splitmix64((values + 0.0).view(np.uint64))  # -0.0 + 0.0 is 0.0 (IEEE 754, 6.3)


def _times(values: NDArray[Any]) -> Hashes:
    """Times and durations as seconds and nanoseconds, which all units share."""
    per_second = _PER_SECOND[np.datetime_data(values.dtype)[0]]
    seconds, rest = np.divmod(values.astype(np.int64), per_second)
    nanoseconds = rest * (10**9 // per_second)
    return splitmix64(splitmix64(seconds.view(np.uint64)) ^ nanoseconds.view(np.uint64))


def _text(values: NDArray[np.object_]) -> Hashes:
    return pd.util.hash_array(values, categorize=False).astype(np.uint64)


def _objects(column: pd.Series[Any]) -> Hashes:
    """Values of any Python type: each distinct one is hashed once."""
    try:
        codes, distinct = pd.factorize(column.to_numpy(dtype=object))
    except TypeError:
        raise StepError(
            f"the rows cannot be told apart by column {column.name!r}: it holds lists or other nested values. "
            "Name the columns that identify a row (key_columns)"
        ) from None
    hashes = np.zeros(len(distinct), dtype=np.uint64)
    canonical = [_canonical(value) for value in distinct]
    for kind, (dtype, hasher) in _HASHERS.items():
        where = [i for i, (found, _) in enumerate(canonical) if found == kind]
        if where:
            hashes[where] = hasher(np.array([canonical[i][1] for i in where], dtype=dtype))
    return hashes[codes] if len(distinct) else np.zeros(len(column), np.uint64)


def _moments(values: NDArray[np.object_]) -> Hashes:
    """Single times, each of its own unit: one unit for all could overflow."""
    return np.concatenate([_times(np.array([value])) for value in values])


_HASHERS: dict[str, tuple[Any, Callable[[Any], Hashes]]] = {
    "text": (object, _text),
    "number": (np.float64, _numbers),
    "time": (object, _moments),
}


def _canonical(value: Any) -> tuple[str, Any]:
    """The kind of a value, a key of `_HASHERS`, and the value that its hasher takes."""
    if isinstance(value, bool | int | float | Decimal | np.bool_ | np.integer | np.floating):
        return "number", float(value)
    if isinstance(value, dt.date | np.datetime64):
        time = pd.Timestamp(value)
        return "time", (time.tz_convert("UTC").tz_localize(None) if time.tzinfo else time).to_datetime64()
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    if text.lower() in _TRUTH:
        return "number", _TRUTH[text.lower()]
    return ("number", float(text)) if _NUMBER.fullmatch(text) else ("text", text)
