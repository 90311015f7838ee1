"""YAML with places: values as PyYAML has them, places that point at the text, and no exception for any input."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import DefinitionError
from penstock.spec.override import apply
from penstock.spec.source import Mapping, Node, Scalar, Sequence, parse, plain

TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.from_regex("[a-z]+", fullmatch=True), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(TREES.filter(lambda tree: tree is not None), st.booleans())
def test_values_are_those_of_pyyaml(tree: Any, flow: bool) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow)
    document = parse(text, "x.yml")
    assert document.findings == ()
    assert plain(document.root) == yaml.safe_load(text)


def scalars(node: Node) -> list[Scalar]:
    if isinstance(node, Mapping):
        return [scalar for entry in node for scalar in (entry.key, *scalars(entry.value))]
    return [s for item in node.items for s in scalars(item)] if isinstance(node, Sequence) else [node]


@given(
    st.dictionaries(
        st.from_regex("[a-z]{1,8}", fullmatch=True), st.from_regex("[a-z]{2,8}", fullmatch=True), min_size=1
    )
)
def test_places_point_at_the_words(tree: dict[str, str]) -> None:
    text = yaml.safe_dump({"top": [tree, {"deep": tree}]})
    root = parse(text, "x.yml").root
    assert root is not None
    lines = text.splitlines()
    for scalar in scalars(root):
        at = lines[scalar.place.line - 1][scalar.place.column - 1 :]
        assert at.lstrip("'\"").startswith(scalar.text)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_no_input_raises(data: bytes | str) -> None:
    document = parse(data, "x.yml")
    assert document.root is not None or document.findings
    assert all(finding.place.line >= 1 and finding.place.column >= 1 for finding in document.findings)


def bomb() -> bytes:
    """A few lines that stand for nine million values."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 20)}]" for i in range(1, 7)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"", "x.yml:1:1", "the file is empty"),
        (b"a: 1\nb: [1, 2\n", "x.yml:3:1", "is not YAML"),
        (b"a:\n\t- 1\n", "x.yml:2:1", "is not YAML"),
        ("b: 1\na: ü".encode("latin-1"), "x.yml:2:4", "is not UTF-8 text"),
        (b"b: 1\na: 'x\nc: 2\n", "x.yml:2:4", "the quote that opens here is never closed"),
        (b"a: 1\nb: 2024-99-99\n", "x.yml:2:4", "2024-99-99 is no value: month must be in 1..12"),
        ("ü: 1\nb: ü\0\n".encode(), "x.yml:2:5", "holds a character that YAML does not allow"),
        (b"a: 1\nname hello\nb: 2\n", "x.yml:2:1", "could not find expected ':'"),
        (b"a: 1\n0", "x.yml:2:1", "could not find expected ':'"),
        (bomb(), "x.yml:5:65", "its aliases stand for more than 200000 values"),
        (b"a: 1\nb: 2\na: 3\n", "x.yml:3:1", "the key 'a' stands here for the second time"),
        (b"? [1, 2]\n: x\n", "x.yml:1:3", "a key must be a plain word"),
        (b"[" * 100_000, "x.yml:1:101", "nested more than 100 levels deep"),
        (b"a: &x [*x]", "x.yml:1:8", "nothing before this is called &x"),
        (b"a: 1\n---\nb: 2\n", "x.yml:2:1", "the second of which begins here"),
        (b"a: !!python/object:os.system x", "x.yml:1:4", "could not determine a constructor"),
        (b"a: !include [x.yml]", "x.yml:1:4", "could not determine a constructor"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(data: bytes, place: str, message: str) -> None:
    [finding] = parse(data, "x.yml").findings
    assert str(finding.place) == place
    assert message in finding.message


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("a:\n\tb: 1", "Indent with blanks"),
        ("a: 1\n\tb: 2", "Indent with blanks"),
        ("a: @x", "Put the text in quotes: none begins with @"),
        ("a: b: c", "Put a text with a colon in quotes"),
        ("a: [1, 2", "Close the list with ]."),
        ("a: {b: 1", "Close the object with }."),
        ("a: - b", "Begin the list on a line of its own."),
        ("a: 1\nb", "Write KEY: VALUE"),
        ("a:\n  b: 1\n c: 2", "Correct the indentation"),
        ("a:\n  - b\n - d", "Correct the indentation"),
        ('a: "\\q"', "Write two backslashes"),
    ],
)
def test_the_way_out_of_a_fault_of_the_syntax(text: str, fix: str) -> None:
    [finding] = parse(text, "x.yml").findings
    assert fix in finding.fix, finding


def test_a_byte_order_mark_is_no_content() -> None:
    assert plain(parse(b"\xef\xbb\xbfa: 1", "x.yml").root) == {"a": 1}


def test_overrides_replace_and_add() -> None:
    root = parse("inputs:\n  lr: 0.1\n", "x.yml").root
    assert root is not None
    changed = apply(root, ("inputs.lr=0.5", "jobs.a.inputs.x=[1, 2]", "name=a=b", "inputs.text='1'"))
    assert plain(changed) == {
        "inputs": {"lr": 0.5, "text": "1"},
        "jobs": {"a": {"inputs": {"x": [1, 2]}}},
        "name": "a=b",
    }
    assert plain(root) == {"inputs": {"lr": 0.1}}


@pytest.mark.parametrize(
    ("override", "message"),
    [("inputs", "PATH=VALUE"), ("a..b=1", "PATH=VALUE"), ("inputs.lr.deep=1", "x.yml:2:7 is not an object")],
)
def test_an_override_that_fits_nowhere_is_refused(override: str, message: str) -> None:
    root = parse("inputs:\n  lr: 0.1\n", "x.yml").root
    assert root is not None
    with pytest.raises(DefinitionError, match=message.replace(".", r"\.")):
        apply(root, (override,))
