"""Findings as SARIF 2.1.0, the format that code hosts show in a pull request."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from penstock.check.explanation import explanation
from penstock.check.rule import RULES, Rule
from penstock.spec.finding import Finding, Severity

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}


def sarif(findings: Iterable[Finding], root: Path, version: str) -> dict[str, Any]:
    """A SARIF log. Paths count from `root` (absolute, the repository's folder); those outside are absolute URIs."""
    findings = list(findings)
    ids = sorted({finding.rule for finding in findings})
    driver = {"name": "penstock", "semanticVersion": version, "rules": [_rule(RULES[id_]) for id_ in ids]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, ids.index(finding.rule), root) for finding in findings],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    about = explanation(rule.id)
    shown = {"bad": "Wrong", "good": "Right"}
    parts = [
        f"{shown[kind]}:\n\n" + "\n\n".join(f"{file}\n```yaml\n{text.rstrip()}\n```" for file, text in files.items())
        for kind, files in (("bad", about.bad), ("good", about.good))
    ]
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": about.why or rule.title},
        "help": {"text": about.why or rule.title, "markdown": "\n\n".join([about.why, *parts])},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Finding, index: int, root: Path) -> dict[str, Any]:
    place = finding.place
    region = {"startLine": place.line, "startColumn": place.column}
    location = {"artifactLocation": _artifact(place.file, root), "region": region}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message} {finding.fix}".strip()},
        "locations": [{"physicalLocation": location}],
    }


def _artifact(file: str, root: Path) -> dict[str, str]:
    path = Path(os.path.abspath(file))  # noqa: PTH100 - without following links
    if path.is_relative_to(root):
        return {"uri": _quoted(path.relative_to(root).as_posix()), "uriBaseId": "%SRCROOT%"}
    return {"uri": "file://" + _quoted(path.as_posix())}


def _quoted(path: str) -> str:
    return quote(path, errors="surrogateescape")
