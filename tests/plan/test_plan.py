"""Plans: order, and who is below whom."""

from __future__ import annotations

from graphlib import CycleError
from itertools import pairwise

import pytest

from penstock.graph.order import cycle, topological


def test_the_order_is_that_of_the_file_where_needs_allow_it() -> None:
    assert topological({"c": ("a",), "a": (), "b": ()}) == ("a", "b", "c")


def test_a_cycle_has_no_order() -> None:
    needs = {"a": ("c",), "b": ("a",), "c": ("b",), "free": ()}
    with pytest.raises(CycleError):
        topological(needs)
    circle = cycle(needs)
    assert circle[0] == circle[-1]
    assert set(circle) == {"a", "b", "c"}
    assert all(after in needs[name] for name, after in pairwise(circle))


def test_no_cycle_is_empty() -> None:
    assert cycle({"a": (), "b": ("a",)}) == ()
