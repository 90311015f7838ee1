"""Rules over spec and graph: small functions with an id. All findings of a file at once, sorted by place."""

from __future__ import annotations

from penstock.check.rule import RULES
from penstock.check.rules import (
    assets,
    component,
    deployment_name,
    entry_point,
    environment,
    files,
    graph,
    imports,
    nested,
    numbers,
    other_nodes,
    parallel,
    ports,
    reading,
    references,
    schedule,
    scheduled_job,
    scripts,
    security,
    serving,
    shell,
    snapshot,
    spark,
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
    nested,
    values,
    shell,
    component,
    ports,
    entry_point,
    files,
    assets,
    references,
    environment,
    imports,
    snapshot,
    security,
    sweep,
    other_nodes,
    parallel,
    scripts,
    spark,
    numbers,
    schedule,
    scheduled_job,
    serving,
    deployment_name,
)


def check(subject: Subject) -> tuple[Finding, ...]:
    """Every finding of a file, those of reading it included, in the order of the places; a rule tells a place once."""
    findings = [*subject.found, *(finding for rule in RULES.values() for finding in rule.findings(subject))]
    once: dict[tuple[str, Place], Finding] = {}
    for finding in findings:
        once.setdefault((finding.rule, finding.place), finding)
    return tuple(sorted(once.values(), key=lambda finding: (finding.place, finding.rule)))
