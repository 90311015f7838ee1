"""What a rule is about: why it matters, and a bad and a good example. One file for each rule in `explain/`."""

from __future__ import annotations

import pkgutil
from typing import Any

import yaml
from msgspec import Struct

from penstock.check.rule import RULES, Rule
from penstock.errors import DefinitionError
from penstock.spec.finding import did_you_mean

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Explanation(Struct, frozen=True):
    """A rule with its reason and its examples; of an example the first file is the one that is checked."""

    rule: Rule
    why: str
    bad: dict[str, str]
    good: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The explanation as `penstock check --explain RULE --format json` prints it."""
        rule = self.rule
        head = {"rule": rule.id, "severity": rule.severity, "title": rule.title, "why": self.why}
        return {**head, "bad": self.bad, "good": self.good}


def explanation(rule_id: str) -> Explanation:
    """The explanation of a rule. Raises DefinitionError if there is no such rule."""
    rule = RULES.get(rule_id.upper())
    if rule is None:
        hint = did_you_mean(rule_id.upper(), RULES)
        raise DefinitionError(f"there is no rule {rule_id}. {hint}")
    try:
        data = pkgutil.get_data("penstock.check", f"explain/{rule.id}.yml")
    except FileNotFoundError:
        data = None
    content = yaml.load(data, _Loader) if data else {}  # noqa: S506 - a safe loader, of our own file
    why = " ".join(str(content.get("why", "")).split())
    return Explanation(rule, why, dict(content.get("bad", {})), dict(content.get("good", {})))
