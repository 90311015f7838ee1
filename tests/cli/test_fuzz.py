"""No definition, however wrong, ends in anything but findings."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cli.definition import load_plan
from penstock.errors import DefinitionError
from penstock.store.files import Disk

CASES = Path(__file__).parents[1] / "cases"
SOURCES = [
    (CASES / "nested" / "pipeline.yml", CASES / "nested" / "inner.yml"),
    (CASES / "literal_values" / "pipeline.yml", CASES / "literal_values" / "types.yml"),
    (CASES / "data_file_and_folder" / "pipeline.yml", CASES / "_components" / "echo.yml"),
    (CASES / "snapshot" / "pipeline.yml", CASES / "snapshot" / "listing.yml"),
    (CASES / "single_command_job" / "pipeline.yml", CASES / "_components" / "echo.yml"),
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["${{parent.inputs.x}}", "${{", "$[[", "${{inputs.a}}", "azureml:x:1", "../..", "file:", "\0", "a" * 300]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


def paths(tree: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [prefix, *(path for key, value in items for path in paths(value, (*prefix, key)))]


def put(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.copy(tree)
    changed[path[0]] = put(tree[path[0]], path[1:], value)
    return changed


@settings(max_examples=400)
@given(st.sampled_from(SOURCES), st.data())
def test_any_value_anywhere(source: tuple[Path, Path], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "case"
        for file, target in zip(source, ("pipeline.yml", source[1].name), strict=True):
            tree = yaml.safe_load(file.read_text())
            for _ in range(data.draw(st.integers(0, 2))):
                tree = put(tree, data.draw(st.sampled_from(paths(tree))), data.draw(VALUES))
            folder.mkdir(exist_ok=True)
            (folder / target).write_text(yaml.safe_dump(tree, allow_unicode=True))
        components = Path(name) / "_components"
        components.mkdir()
        (components / "echo.yml").write_text((CASES / "_components" / "echo.yml").read_text())
        try:
            plan, _ = load_plan(folder / "pipeline.yml", (), Disk())
        except DefinitionError as error:
            assert str(error)
        else:
            assert plan.nodes
