from __future__ import annotations

import datetime as dt
from decimal import Decimal
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_steps.errors import StepError
from penstock_steps.rows import fractions, row_hashes, splitmix64

CELL = st.one_of(
    st.none(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False), st.text(max_size=5), st.booleans()
)
ROWS = st.lists(st.tuples(CELL, CELL), min_size=1, max_size=15)


def frame(rows: list[tuple[Any, Any]]) -> pd.DataFrame:
    columns = zip(*rows, strict=True) if rows else [(), ()]
    return pd.DataFrame({name: pd.Series(list(v), dtype=object) for name, v in zip("ab", columns, strict=True)})


def column(values: Any, **options: Any) -> list[int]:
    return row_hashes(pd.DataFrame({"a": pd.Series(values, **options)})).tolist()


def test_splitmix64_is_the_published_one() -> None:
    """Vigna's reference program, seeded with 1234567, prints these first."""
    step = 0x9E3779B97F4A7C15
    states = np.array([(1234567 + i * step) % 2**64 for i in range(3)], dtype=np.uint64)
    assert splitmix64(states).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_hashes_of_this_release_are_those_of_the_next() -> None:
    """Another value here moves rows between train and test in every data set: a new major version of split_data."""
    table = pd.DataFrame(
        {
            "n": [1, 2],
            "x": [0.5, -1e300],
            "t": ["é", None],
            "d": pd.to_datetime(["2024-01-31T00:00:00.0", "1969-07-20T20:17:40.5"]),
        }
    )
    assert row_hashes(table).tolist() == GOLDEN
    assert row_hashes(table, ["n"], seed=7).tolist() == GOLDEN_KEY


GOLDEN = [5749623773196774630, 12707823327294057384]
GOLDEN_KEY = [3426935879451050940, 5576887204303962102]


SAME = {
    "int_and_float": ([1, 2], [1.0, 2.0]),
    "int_and_bool": ([1, 0], [True, False]),
    "int_and_its_text": ([1, -20], ["1", "-20.0"]),
    "float_and_its_text": ([1.5, 1e22], ["1.50", "1e22"]),
    "bool_and_its_text": ([True, False], ["True", "false"]),
    "zeros": ([0.0, 0.0], [-0.0, "-0"]),
    "decimal": ([1.5, 2], [Decimal("1.50"), Decimal(2)]),
    "nulls": ([None, float("nan")], [pd.NaT, pd.NA]),
    "small_int": ([1, 2], pd.array([1, 2], dtype="int8")),
    "big_int": ([2**53 + 1, 2**70], [float(2**53 + 1), float(2**70)]),
    "unsigned": ([1, 2**63], pd.array([1, 2**63], dtype="uint64")),
    "nullable": ([1, None], pd.array([1, None], dtype="Int64")),
    "category": (["x", "y"], pd.Categorical(["x", "y"], categories=["z", "y", "x"])),
    "times": (
        np.array(["2024-01-31T12:00:00.125", "1960-01-01"], dtype="datetime64[ns]"),
        np.array(["2024-01-31T12:00:00.125", "1960-01-01"], dtype="datetime64[ms]"),
    ),
    "time_zones": (
        pd.to_datetime(["2024-01-31T12:00Z"]).tz_convert("Asia/Tokyo"),
        pd.to_datetime(["2024-01-31T12:00"]),
    ),
    "dates": (
        [dt.date(2024, 1, 31), dt.date(9999, 1, 1)],
        np.array(["2024-01-31", "9999-01-01"], dtype="datetime64[s]"),
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_value_in_another_dtype(case: str) -> None:
    one, other = SAME[case]
    assert column(one) == column(other)
    assert column(one) == column(list(other), dtype=object)


def test_different_values_differ() -> None:
    values = [
        0,
        1,
        -1,
        0.5,
        2**62,
        2**53 - 1,
        2**53,
        float("inf"),
        float("-inf"),
        "x",
        "X",
        "",
        " ",
        "inf",
        "nan",
        "1_000",
        "0x1",
        None,
    ]
    assert len(set(column(values, dtype=object))) == len(values)


def test_a_null_among_whole_numbers_moves_no_other_row() -> None:
    """pandas turns the column into floats then; and into text for a stray word."""
    before = column([1, 2, 3])
    assert column([1, 2, 3, None])[:3] == before
    assert column(["1", "2", "3", "n/a."])[:3] == before


def test_a_column_that_is_null_so_far_moves_no_row() -> None:
    table = pd.DataFrame({"a": [1, 2]})
    assert row_hashes(table).tolist() == row_hashes(table.assign(new=[None, None])).tolist()


def test_values_in_other_columns_are_other_rows() -> None:
    hashes = row_hashes(frame([(1, 2), (2, 1), (None, 1), (1, None)]))
    assert len(set(hashes.tolist())) == 4


@given(ROWS, ROWS)
def test_growth_keeps_each_rows_hash(rows: list[tuple[Any, Any]], more: list[tuple[Any, Any]]) -> None:
    assert row_hashes(frame(rows + more))[: len(rows)].tolist() == row_hashes(frame(rows)).tolist()


@given(ROWS)
def test_the_readers_choice_of_dtype_changes_nothing(rows: list[tuple[Any, Any]]) -> None:
    assert row_hashes(frame(rows).infer_objects()).tolist() == row_hashes(frame(rows)).tolist()


@given(ROWS, st.randoms(use_true_random=False))
def test_order_of_rows_and_columns_changes_nothing(rows: list[tuple[Any, Any]], random: Any) -> None:
    shuffled = list(range(len(rows)))
    random.shuffle(shuffled)
    table = frame(rows)
    assert row_hashes(table.iloc[shuffled][["b", "a"]]).tolist() == row_hashes(table)[shuffled].tolist()


@given(ROWS)
def test_duplicates_have_one_hash(rows: list[tuple[Any, Any]]) -> None:
    hashes = row_hashes(frame(rows + rows))
    assert hashes[: len(rows)].tolist() == hashes[len(rows) :].tolist()


def test_key_columns_alone_decide() -> None:
    table = pd.DataFrame({"id": [1, 2], "x": [5, 6]})
    assert row_hashes(table, ["id"]).tolist() == row_hashes(table.assign(x=0), ["id"]).tolist()
    assert row_hashes(table, ["id"]).tolist() != row_hashes(table).tolist()
    with pytest.raises(KeyError, match="nope"):
        row_hashes(table, ["nope"])


@pytest.mark.parametrize("values", ["numbers", "text", "close_floats"])
@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5])
def test_the_observed_share_is_within_binomial_bounds(values: str, fraction: float) -> None:
    n = 20_000
    tables = {
        "numbers": pd.DataFrame({"id": np.arange(n)}),
        "text": pd.DataFrame({"id": [f"row-{i}" for i in range(n)]}),
        "close_floats": pd.DataFrame({"a": np.arange(n) / 1024, "b": 0.5}),
    }
    for seed in range(5):
        share = (fractions(row_hashes(tables[values], seed=seed)) < fraction).mean()
        assert abs(share - fraction) < 4.5 * sqrt(fraction * (1 - fraction) / n)


def test_another_seed_is_another_split() -> None:
    table = pd.DataFrame({"id": np.arange(20_000)})
    first, second = (fractions(row_hashes(table, seed=seed)) < 0.5 for seed in (0, 1))
    assert abs((first & second).mean() - 0.25) < 0.02, "independent: a quarter is on the same side twice"


def test_fractions_fill_the_unit_interval() -> None:
    ends = fractions(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert ends.tolist() == [0.0, 1 - 2.0**-53]


def test_nested_values_are_told() -> None:
    with pytest.raises(StepError, match=r"cannot be told apart by column 'a': it holds lists.*key_columns"):
        column([[1], [2]])


def test_no_rows() -> None:
    assert row_hashes(pd.DataFrame({"a": [], "b": pd.Series([], dtype=object)})).shape == (0,)
