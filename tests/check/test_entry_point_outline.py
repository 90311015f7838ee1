"""The outline of a file lists no import less than Python's own parser finds, over the standard library and by cases."""

from __future__ import annotations

import ast
import sysconfig
import warnings
from pathlib import Path

import pytest

from penstock.check.entry_point_outline import outline

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
FILES = [*LIBRARY.glob("*.py"), *(Path(__file__).parents[2] / "components").rglob("*.py")]


def names_of(nodes: list[ast.stmt] | list[ast.AST]) -> set[str]:
    """The dotted names of the imports among `nodes`."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found |= {base, *(f"{base.removesuffix('.')}.{alias.name}" for alias in node.names if node.module)}
    return found


def test_no_import_of_a_library_is_left_out() -> None:
    assert len(FILES) > 150
    for path in FILES:
        data = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
        read = outline(data)
        assert names_of(list(ast.walk(tree))) <= set(read.imported), path
        assert names_of(tree.body) <= read.at_top, path


@pytest.mark.parametrize(
    ("text", "at_top"),
    [
        ("import a\n", {"a"}),
        ("import a.b as c, d\n", {"a.b", "d"}),
        ("x = 1; import a\n", {"a"}),
        ("from a import (\n    b,\n    c as d,\n)\n", {"a", "a.b", "a.c"}),
        ("import a, \\\n    b\n", {"a", "b"}),
        ("def f():\n    import a\n", set()),
        ("if x: import a\n", set()),
        ('"""\nimport a\n"""\n', {"a"}),  # more than there are
    ],
)
def test_imports_that_are_not_indented(text: str, at_top: set[str]) -> None:
    assert outline(text.encode()).at_top == at_top


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ('"""A type for argparse, which reports it. You may click it."""', False),
        ("import argparse", True),
        ("import os, argparse as ap", True),
        ("from typer import Option", True),
        ("from library import click", True),
        ("@click.command()", True),
        ("def add(parser): parser.add_argument('--x')", True),
        ("def read(parser): return parser.parse_known_args()", True),
        ("from sys import argv", True),
    ],
)
def test_what_may_read_a_command_line(text: str, about: bool) -> None:
    assert outline(text.encode()).about_arguments is about
