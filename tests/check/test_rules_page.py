"""docs/rules.md is what the rules say of themselves."""

from __future__ import annotations

from pathlib import Path

from penstock.check import RULES
from penstock.check.table import rules_table

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == rules_table(), "make docs writes it anew"


def test_every_rule_has_a_row() -> None:
    rows = [line.split("|")[1].strip() for line in rules_table().splitlines() if line.startswith("| PS")]
    assert rows == sorted(RULES)
