"""Files of every kind with anything anywhere: findings, never a traceback, and no finding without a place."""

from __future__ import annotations

import copy
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.check import check
from penstock.check.structure import Comparison, Owner
from penstock.check.structure_schema import root_of
from penstock.check.subject import Subject, read_subject, subject_of
from penstock.spec.kind import SCHEMAS, Kind
from penstock.spec.source import Mapping, parse
from penstock.store.files import Disk

GOOD = Path(__file__).parent / "structure"
FILES = sorted(path for path in GOOD.glob("*.yml") if path.name != "conda.yml")
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=4),
    st.text(max_size=8),
    st.sampled_from(["${{", "${{a}}", "$[[", "file:", "file:x", "azureml:", "9" * 5000, "a" * 300, 10**400, "\0"]),
    st.recursive(
        st.none() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.one_of(st.text(max_size=5), st.integers(), st.booleans()), inner, max_size=2)
        ),
        max_leaves=6,
    ),
)


@cache
def tree_of(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def paths(tree: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [prefix, *(path for key, value in items for path in paths(value, (*prefix, key)))]


def put(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.copy(tree)
    changed[path[0]] = put(tree[path[0]], path[1:], value)
    return changed


@settings(max_examples=300)
@given(st.sampled_from(FILES), st.data())
def test_anything_anywhere(path: Path, data: st.DataObject) -> None:
    tree = tree_of(path)
    for _ in range(data.draw(st.integers(1, 3))):
        tree = put(tree, data.draw(st.sampled_from(paths(tree))), data.draw(ODD))
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "x.yml"
        file.write_text(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), encoding="utf-8")
        found = read_subject(file, Disk())
        findings = check(found) if isinstance(found, Subject) else found.findings if found else ()
    for finding in findings:
        assert finding.place.line >= 1
        assert finding.place.column >= 1
        assert finding.message


KINDS = sorted(set(SCHEMAS.values()), key=str)


@pytest.mark.parametrize("text", ["[1, 2]", "plain", "3", "null", "{}", "? [a]\n: b", "- {a: 1}", "on: {yes: no}"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_any_document_as_any_kind(kind: Kind, text: str) -> None:
    document = parse(text, "x.yml")
    subject = subject_of(document, Path("x.yml"), Disk(), kind)
    if subject is not None:
        assert check(subject)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_as_deep_as_the_reader_lets_pass(kind: Kind) -> None:
    for text in ("{a: " * 99 + "1" + "}" * 99, "inputs: " + "[" * 98 + "]" * 98, "jobs: " + "{a: " * 97 + "}" * 97):
        document = parse(text, "x.yml")
        assert isinstance(document.root, Mapping)
        subject = subject_of(document, Path("x.yml"), Disk(), kind)
        assert subject is not None
        check(subject)


def test_what_is_meant_by_thousands_of_unknown_keys_is_not_guessed() -> None:
    text = "name: x\npath: y\n" + "".join(f"nam{number}: 1\n" for number in range(3000))
    root = parse(text, "x.yml").root
    assert isinstance(root, Mapping)
    found = Comparison().compare(root, root_of(Kind("data", ""), root), Owner("the data", "", root.place))
    assert sum(problem.what == "unknown" for problem in found) == 3000
    assert sum(bool(problem.fix) for problem in found) < 100


def test_a_long_value_is_cut_in_the_message() -> None:
    root = parse(f"name: x\npath: y\ntype: {'a' * 100_000}\ntags: {'b' * 100_000}\n", "x.yml").root
    assert isinstance(root, Mapping)
    found = Comparison().compare(root, root_of(Kind("data", ""), root), Owner("the data", "", root.place))
    assert {problem.what for problem in found} == {"value", "type"}
    assert all(len(problem.message) < 200 for problem in found)
