"""The YAML text: reads back as what was written, by the rules of YAML 1.1 and 1.2, and is never wrapped."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from penstock.compile.text import to_text

texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)
values = st.one_of(texts, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
documents = st.dictionaries(
    texts,
    st.recursive(
        values,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3), st.dictionaries(texts, inner, min_size=1, max_size=3)
        ),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)
# The tags of YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#1032-tag-resolution), for plain scalars.
YAML_1_2 = re.compile(
    r"null|Null|NULL|~||true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN"
)


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(_same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    return type(ours) is type(theirs) and ours == theirs


@given(documents)
def test_it_reads_back_as_it_was(document: dict[str, Any]) -> None:
    assert _same(yaml.safe_load(to_text(document, "made by a test")), document)


@given(texts)
def test_a_plain_text_is_a_text_to_yaml_1_2_as_well(text: str) -> None:
    line = to_text({"key": text}, "c").split("\n", 2)[1]
    scalar = line.removeprefix("key:").strip()
    if scalar and scalar[0] not in "\"'|":
        assert not YAML_1_2.fullmatch(scalar)


NUMBERS = [
    "12",
    "007",
    "1e5",
    "1.5",
    ".5",
    "0x1f",
    "0o17",
    "1_000",
    "12:30:00",
    "2024-01-01",
    ".inf",
    "-.INF",
    ".NaN",
    "+3",
]
WORDS = ["yes", "No", "on", "true", "null", "~", "n", "Y"]


@pytest.mark.parametrize("text", ["", *NUMBERS, *WORDS])
def test_what_looks_like_something_else_is_quoted(text: str) -> None:
    assert to_text({"key": text}, "c") == f'# c\nkey: "{text}"\n'


@pytest.mark.parametrize(
    "text", ["4g", "STANDARD_D2", "azureml:cpu", "${{parent.inputs.x}}", "../a/b.yml", "größer", "v1.2"]
)
def test_other_texts_stand_plain(text: str) -> None:
    assert to_text({"key": text}, "c") == f"# c\nkey: {text}\n"


def test_long_lines_are_not_wrapped_and_lines_stay_lines() -> None:
    long = "word " * 100 + "end"
    assert to_text({"a": long, "b": "two\nlines"}, "c") == f"# c\na: {long}\nb: |-\n  two\n  lines\n"


def test_the_same_object_twice_is_written_twice() -> None:
    shared = {"x": [1]}
    assert "&" not in to_text({"a": shared, "b": shared}, "c")
