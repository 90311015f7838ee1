"""No file, however wrong, ends `penstock check` in anything but findings: the rules' own examples, spoilt at random."""

from __future__ import annotations

import contextlib
import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.check import RULES
from penstock.check.comments import lines_of
from penstock.check.explanation import explanation
from penstock.check.project import Report, Target, check_project
from penstock.cli.suppressed import suppressions
from penstock.store.discover import yaml_files
from penstock.store.files import RememberingDisk

EXAMPLES = [example for rule in sorted(RULES) for example in (explanation(rule).bad, explanation(rule).good)]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(max_size=8),
    st.sampled_from(
        ["${{parent.inputs.x}}", "${{", "$[[", "${{inputs.a}}", "azureml:x:1", "../..", "file:", "\0", "a" * 300]
    ),
    st.lists(st.one_of(st.integers(), st.text(max_size=4)), max_size=2),
    st.dictionaries(st.text(max_size=4), st.one_of(st.none(), st.integers()), max_size=2),
)


def paths(tree: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [prefix, *(path for key, value in items for path in paths(value, (*prefix, key)))]


def put(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    tree = copy.copy(tree)
    tree[path[0]] = put(tree[path[0]], path[1:], value)
    return tree


def spoilt(text: str, data: st.DataObject) -> str:
    """The file with some values replaced, or with some letters lost."""
    if data.draw(st.booleans(), label="letters"):
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(text)))
            text = text[:at] + data.draw(st.text(max_size=2)) + text[at + data.draw(st.integers(0, 12)) :]
        return text
    with contextlib.suppress(yaml.YAMLError):
        tree = yaml.safe_load(text)
        for _ in range(data.draw(st.integers(1, 2))):
            tree = put(tree, data.draw(st.sampled_from(paths(tree))), data.draw(VALUES))
        return yaml.safe_dump(tree, allow_unicode=True)
    return text


def checked(folder: Path) -> Report:
    disk = RememberingDisk()
    targets = [Target(path, named=False) for path in yaml_files(folder)]
    return check_project(targets, disk, suppressions(disk), [folder])


@settings(max_examples=150)
@given(st.sampled_from(EXAMPLES), st.data())
def test_whatever_is_written_ends_in_findings(example: dict[str, str], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".penstock").mkdir()
        for file, text in example.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            if file.endswith("/"):
                (folder / file).mkdir()
                continue
            is_yaml = file.endswith((".yml", ".yaml"))
            content = spoilt(text, data) if is_yaml else text
            (folder / file).write_bytes(content.encode("utf-8", "surrogatepass"))
        report = checked(folder)
        assert report == checked(folder), "the same on every run"
        for finding in report.findings:
            place = Path(finding.place.file)
            assert finding.message
            assert finding.place.line >= 1
            assert finding.place.column >= 1
            assert place.is_relative_to(folder)
            if place.is_file():
                lines = lines_of(place.read_bytes().decode("utf-8-sig", "replace"))
                assert finding.place.line <= len(lines)
                assert finding.place.column <= len(lines[finding.place.line - 1]) + 1
