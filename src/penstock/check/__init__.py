"""Rules over spec and graph: small functions with an id. All findings of a file at once, sorted by place."""

from __future__ import annotations

from penstock.check.rule import RULES
from penstock.check.rules import (
    component,
    entry_point,
    environment,
    files,
    graph,
    imports,
    other_nodes,
    ports,
    reading,
    references,
    schedule,
    security,
    serving,
    snapshot,
    structure,
    sweep,
    values,
)
from penstock.check.subject import Subject
from penstock.spec.finding import Finding
from penstock.spec.place import Place

__all__ = ["GROUPS", "RULES", "check"]

GROUPS = (
    reading,
    structure,
    graph,
    values,
    component,
    ports,
    entry_point,
    files,
    references,
    environment,
    imports,
    snapshot,
    security,
    sweep,
    other_nodes,
    schedule,
    serving,
)


def check(subject: Subject) -> tuple[Finding, ...]:
    """Every finding of a file, those of reading it included, in the order of the places; a rule tells a place once."""
    findings = [*subject.found, *(finding for rule in RULES.values() for finding in rule.findings(subject))]
    once: dict[tuple[str, Place], Finding] = {}
    for finding in findings:
        once.setdefault((finding.rule, finding.place), finding)
    return tuple(sorted(once.values(), key=lambda finding: (finding.place, finding.rule)))
