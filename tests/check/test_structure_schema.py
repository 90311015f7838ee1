"""src/penstock/check/azure_ml.json is what the installed azure-ai-ml says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.check.structure_schema import root_of
from penstock.check.structure_values import WORDS, accepts
from penstock.spec.kind import SCHEMAS, Kind
from penstock.spec.source import Mapping, parse

SUPPORT = Path(__file__).parents[1] / "support"
FILE = Path(__file__).parents[2] / "src" / "penstock" / "check" / "azure_ml.json"


def test_the_file_is_current() -> None:
    """In a process of its own: the SDK changes its schemas while it uses them."""
    script = "import azure_schema, sys; sys.stdout.write(azure_schema.text())"
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=SUPPORT)
    assert made.stdout == FILE.read_text(), "make schema writes it anew"


def test_every_reference_leads_somewhere() -> None:
    content = json.loads(FILE.read_text())

    def look(node: object) -> None:
        if isinstance(node, dict):
            if "object" in node:
                assert node["object"] in content["definitions"]
            for value in node.values():
                look(value)
        elif isinstance(node, list):
            for value in node:
                look(value)

    look(content["roots"])
    for definition in content["definitions"].values():
        look(definition["keys"])


@pytest.mark.parametrize("kind", sorted(set(map(str, SCHEMAS.values()))))
def test_every_kind_of_file_has_a_schema(kind: str) -> None:
    """But parallel jobs, which are nodes only, and the types that another key tells apart."""
    of = {str(one): one for one in SCHEMAS.values()}[kind]
    task = {"automl": "regression", "data_transfer": "copy_data"}.get(of.type, "x")
    root = parse(f"task: {task}", "x.yml").root
    assert isinstance(root, Mapping)
    assert (root_of(of, root) is None) == (of == Kind("job", "parallel"))


def test_every_word_has_a_check_and_a_description() -> None:
    for word in WORDS:
        assert isinstance(accepts(word, "x"), bool)
