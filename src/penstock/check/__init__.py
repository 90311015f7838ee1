"""Rules over spec and graph: small functions with an id. All findings of a job at once, sorted by place."""

from __future__ import annotations

from penstock.check.rule import RULES, Subject
from penstock.check.rules import component, environment, files, graph, values
from penstock.graph.model import Graph
from penstock.spec.files import Files
from penstock.spec.finding import Finding
from penstock.spec.place import Place

__all__ = ["RULES", "check"]

GROUPS = (graph, values, component, files, environment)


def check(subject_graph: Graph, found: tuple[Finding, ...], reader: Files) -> tuple[Finding, ...]:
    """Every finding of a resolved job, `found` included, in the order of the places; a rule tells a place once."""
    subject = Subject(subject_graph, reader)
    findings = [*found, *(finding for rule in RULES.values() for finding in rule.findings(subject))]
    once: dict[tuple[str, Place], Finding] = {}
    for finding in findings:
        once.setdefault((finding.rule, finding.place), finding)
    return tuple(sorted(once.values(), key=lambda finding: (finding.place, finding.rule)))
