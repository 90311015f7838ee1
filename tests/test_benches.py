"""The benches are not run by the tests: they load, and the file of their results has a row for every bound."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parent / "bench"
RESULTS = Path(__file__).parents[1] / "docs" / "benchmarks.md"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    """Imports a bench as its own folder's scripts import each other."""
    monkeypatch.syspath_prepend(str(BENCH))

    def loaded(name: str) -> ModuleType:
        return importlib.import_module(name)

    return loaded


@pytest.mark.parametrize("name", ["bench", "engine", "figures", "generated", "one_process", "peers", "serving"])
def test_a_bench_can_be_loaded(load, name: str) -> None:
    load(name)


def test_the_pipeline_of_kfp_is_python() -> None:
    ast.parse((BENCH / "peers" / "kfp_chain.py").read_text())  # it is loaded in kfp's own environment


@pytest.mark.parametrize(("command", "bounds"), [("make bench", "OWN"), ("make bench-peers", "PEERS")])
def test_the_results_name_every_bound(load, command: str, bounds: str) -> None:
    sections = {part.splitlines()[0]: part for part in RESULTS.read_text().split("\n## ")[1:]}
    lines = sections[command].splitlines()
    for name, bound in getattr(load("figures"), bounds).items():
        rows = [line for line in lines if line.startswith(f"| {name} | ")]
        assert len(rows) == 1, f"{command} has measured nothing for '{name}': run it"
        assert f" | {bound} | " in rows[0], f"the bound of '{name}' is {bound}: run `{command}`"


def test_a_section_takes_the_place_of_its_own_only(load, tmp_path: Path) -> None:
    write, file = load("figures").write, tmp_path / "kept.md"
    write(file, "b", "| old |")
    write(file, "a", "| other |")
    write(file, "b", "| new |")
    head, *sections = file.read_text().split("\n## ")
    assert head.startswith("# How long things take")
    assert sections == ["a\n\n| other |\n", "b\n\n| new |\n"]


def test_a_bound_holds_on_its_side(load) -> None:
    bound = load("figures").Bound
    assert bound(2.5, "x").allows(2.5)
    assert not bound(2.5, "x").allows(2.51)
    assert bound(3, "x", at_least=True).allows(3)
    assert not bound(3, "x", at_least=True).allows(2.99)
    assert str(bound(3, "x", at_least=True)) == ">= 3 x"
