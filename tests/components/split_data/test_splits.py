"""Which rows are held out."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock_steps.errors import StepError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRACTIONS = st.floats(0.01, 0.99)
VALUES = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["a", "b", None])), min_size=1, max_size=60)
property_test = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def table(rows: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["x", "kind"])


def test_hash_holds_out_about_the_fraction(bench: Any) -> None:
    n = 10_000
    frame = pd.DataFrame({"id": np.arange(n)})
    for seed in range(5):
        share = bench.splits.by_hash(frame, 0.2, None, seed).mean()
        assert abs(share - 0.2) < 4.5 * sqrt(0.16 / n)


@property_test
@given(VALUES, VALUES, FRACTIONS)
def test_hash_a_row_keeps_its_side_as_the_data_grows(
    bench: Any, rows: list[Any], more: list[Any], fraction: float
) -> None:
    before = bench.splits.by_hash(table(rows), fraction, None, 0)
    after = bench.splits.by_hash(table(more + rows), fraction, None, 0)
    assert after[len(more) :].tolist() == before.tolist()


@property_test
@given(VALUES, FRACTIONS, st.sampled_from(["hash", "stratified"]))
def test_equal_rows_stand_on_one_side(bench: Any, rows: list[Any], fraction: float, method: str) -> None:
    frame = table(rows + rows[::-1])
    held_out: NDArray[np.bool_] = (
        bench.splits.by_hash(frame, fraction, None, 0)
        if method == "hash"
        else bench.splits.stratified(frame, fraction, None, 0, "kind")
    )
    sides: dict[Any, set[bool]] = {}
    for row, side in zip(rows + rows[::-1], held_out.tolist(), strict=True):
        sides.setdefault(row, set()).add(side)
    assert all(len(side) == 1 for side in sides.values())


@property_test
@given(VALUES, FRACTIONS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(bench: Any, rows: list[Any], fraction: float, random: Any) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    frame = table(rows)
    for split in (
        lambda f: bench.splits.by_hash(f, fraction, None, 3),
        lambda f: bench.splits.stratified(f, fraction, None, 3, "kind"),
        lambda f: bench.splits.newest(f, fraction, "x"),
    ):
        assert split(frame.iloc[order]).tolist() == split(frame)[order].tolist()


def test_keys_decide_alone(bench: Any) -> None:
    frame = pd.DataFrame({"patient": [i // 4 for i in range(4000)], "visit": range(4000)})
    held_out = bench.splits.by_hash(frame, 0.3, ["patient"], 0)
    assert (frame.assign(held_out=held_out).groupby("patient")["held_out"].nunique() == 1).all()
    assert not (
        frame.assign(held_out=bench.splits.by_hash(frame, 0.3, None, 0)).groupby("patient")["held_out"].nunique() == 1
    ).all()


@property_test
@given(st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=80), FRACTIONS)
def test_stratified_keeps_the_share_of_each_value(bench: Any, kinds: list[Any], fraction: float) -> None:
    frame = pd.DataFrame({"id": range(len(kinds)), "kind": pd.Series(kinds, dtype=object)})
    held_out = bench.splits.stratified(frame, fraction, None, 0, "kind")
    for kind in set(kinds):
        of_kind = np.array([value == kind for value in kinds])
        assert abs(held_out[of_kind].sum() - of_kind.sum() * fraction) <= 0.5 + 1e-9


def test_stratified_null_is_a_value_like_others(bench: Any) -> None:
    frame = pd.DataFrame({"id": range(20), "kind": [None, float("nan")] * 10})
    assert bench.splits.stratified(frame, 0.3, None, 0, "kind").sum() == 6


def test_stratified_takes_the_lowest_hashes(bench: Any) -> None:
    """So that most rows keep their sides when the data grows."""
    frame = pd.DataFrame({"id": range(2000), "kind": ["a", "b"] * 1000})
    before = bench.splits.stratified(frame[:1900], 0.2, None, 0, "kind")
    after = bench.splits.stratified(frame, 0.2, None, 0, "kind")[:1900]
    assert (before != after).mean() < 0.03


def test_another_seed_is_another_split(bench: Any) -> None:
    frame = pd.DataFrame({"id": range(1000), "kind": ["a", "b"] * 500})
    assert (bench.splits.by_hash(frame, 0.5, None, 0) != bench.splits.by_hash(frame, 0.5, None, 1)).mean() > 0.3
    one, other = (bench.splits.stratified(frame, 0.5, None, seed, "kind") for seed in (0, 1))
    assert (one != other).mean() > 0.3


TIMES = {
    "text": [f"2024-01-{day:02}" for day in range(1, 11)],
    "text_of_both_precisions": ["2024-01-01", *[f"2024-01-{day:02}T12:00:00+01:00" for day in range(2, 11)]],
    "datetime": pd.date_range("2024-01-01", periods=10),
    "time_zone": pd.date_range("2024-01-01", periods=10, tz="Asia/Tokyo"),
    "far": np.array([f"{year}-01-01" for year in range(9000, 9010)], dtype="datetime64[s]"),
    "year": list(range(2000, 2010)),
    "float": [0.1 * i for i in range(10)],
    "category": pd.Categorical([f"2024-01-{day:02}" for day in range(1, 11)]),
}


@pytest.mark.parametrize("kind", TIMES)
def test_time_holds_out_the_newest(kind: str, bench: Any) -> None:
    frame = pd.DataFrame({"t": TIMES[kind]}).iloc[::-1]
    assert bench.splits.newest(frame, 0.3, "t").tolist() == [True] * 3 + [False] * 7


@property_test
@given(st.lists(st.integers(0, 9), min_size=1, max_size=50), FRACTIONS)
def test_time_rows_of_one_time_stand_on_one_side(bench: Any, times: list[int], fraction: float) -> None:
    held_out = bench.splits.newest(pd.DataFrame({"t": times}), fraction, "t")
    newest, older = np.array(times)[held_out], np.array(times)[~held_out]
    assert len(newest) >= max(1, round(len(times) * fraction - 1e-9))
    assert len(older) == 0 or newest.min() > older.max()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2024-01-31", "31/01/2024"], r"column 't' holds '31/01/2024' in row 2, which is no ISO 8601 time"),
        (["2024-01-31", None], r"column 't' is null in row 2"),
        ([True, False], "column 't' holds true and false, no times"),
    ],
)
def test_what_is_no_time_is_told(values: list[Any], message: str, bench: Any) -> None:
    with pytest.raises(StepError, match=message):
        bench.splits.newest(pd.DataFrame({"t": values}), 0.5, "t")
