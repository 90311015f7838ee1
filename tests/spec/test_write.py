"""A tree as text again: every value is what it was."""

from __future__ import annotations

import pytest

from penstock.spec.source import Mapping, Scalar, parse, plain
from penstock.spec.write import to_yaml, with_value


@pytest.mark.parametrize(
    "value",
    [
        *("1.10", "'1.10'", "yes", "'yes'", "1e-3", "0o17", "~", "''", "2026-01-31", "'#'", "'a: b'", "ünï"),
        *("[1, '2', {a: b}]", "{}", "[]", "|\n  two\n   lines\n", "|-\n  two\n  lines", ">-\n  a\n  b", "'  blanks '"),
    ],
)
def test_values_survive(value: str) -> None:
    before = parse(f"k: {value}\nl: 1\n", "f").root
    assert isinstance(before, Mapping)
    after = parse(to_yaml(before), "f").root
    assert isinstance(after, Mapping)
    assert plain(after) == plain(before)
    left, right = before.get("k"), after.get("k")
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        assert left.text == right.text or left.value is None


def test_a_value_is_replaced_where_it_stands_and_a_new_one_comes_last() -> None:
    root = parse("a: 1\nb: 2\n", "f").root
    assert isinstance(root, Mapping)
    changed = with_value(with_value(with_value(root, "a", "one"), "c", "three"), "b", None)
    assert to_yaml(changed) == "a: one\nc: three\n"
