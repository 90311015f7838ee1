"""SARIF 2.1.0: the structure that the standard and code hosts ask for, over findings of every rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from penstock.check import RULES
from penstock.check.sarif import sarif
from penstock.spec.finding import Finding
from penstock.spec.place import Place

ROOT = Path("/repository")

# What is written, in the words of the standard (sections 3.13 to 3.52); nothing else may be there.
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
HELP = {**TEXT, "properties": {"text": {"type": "string"}, "markdown": {"type": "string"}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = {
    "type": "object",
    "required": ["id", "shortDescription", "fullDescription", "help", "defaultConfiguration"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": r"^PS\d{3}$"},
        "shortDescription": TEXT,
        "fullDescription": {**TEXT, "properties": {"text": {"type": "string", "maxLength": 1024}}},
        "help": HELP,
        "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}, "additionalProperties": False},
    },
}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "additionalProperties": False,
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "additionalProperties": False,
                    "properties": {
                        # a URI reference: no blanks, no backslashes, every % with two digits
                        "uri": {"type": "string", "pattern": r"^([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})+$"},
                        "uriBaseId": {"const": "%SRCROOT%"},
                    },
                },
                "region": {
                    "type": "object",
                    "required": ["startLine", "startColumn"],
                    "additionalProperties": False,
                    "properties": {
                        "startLine": {"type": "integer", "minimum": 1},
                        "startColumn": {"type": "integer", "minimum": 1},
                    },
                },
            },
        }
    },
}
LOG = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "pattern": "^https://.*sarif-schema-2.1.0.json$"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "additionalProperties": False,
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "additionalProperties": False,
                                "properties": {
                                    "name": {"const": "penstock"},
                                    "semanticVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
                                    "rules": {"type": "array", "uniqueItems": True, "items": RULE},
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": LEVEL,
                                "message": TEXT,
                                "locations": {"type": "array", "minItems": 1, "maxItems": 1, "items": LOCATION},
                            },
                        },
                    },
                },
            },
        },
    },
}


def written(findings: list[Finding]) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(json.dumps(sarif(findings, ROOT, "1.2.3")))
    jsonschema.validate(log, LOG)
    run: dict[str, Any] = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    return run


def test_every_rule_can_be_shown() -> None:
    findings = [
        Finding(rule.id, rule.severity, "what is wrong.", Place(f"/repository/{rule.id}.yml", 3, 5), "the way out.")
        for rule in RULES.values()
    ]
    run = written(findings)
    assert len(run["tool"]["driver"]["rules"]) == len(RULES)
    assert [result["message"]["text"] for result in run["results"]] == ["what is wrong. the way out."] * len(RULES)
    levels = {result["ruleId"]: result["level"] for result in run["results"]}
    assert levels["PS204"] == "error"
    assert levels["PS890"] == "warning"
    assert levels["PS004"] == "note"
    [rule] = [rule for rule in run["tool"]["driver"]["rules"] if rule["id"] == "PS204"]
    assert rule["shortDescription"]["text"] == RULES["PS204"].title
    assert "```yaml" in rule["help"]["markdown"]


def test_nothing_wrong_is_a_log_too() -> None:
    assert written([])["results"] == []


@pytest.mark.parametrize(
    ("file", "uri", "base"),
    [
        ("/repository/jobs/a.yml", "jobs/a.yml", True),
        ("/repository/jobs/../x y/ü#%.yml", "x%20y/%C3%BC%23%25.yml", True),
        ("/elsewhere/a.yml", "file:///elsewhere/a.yml", False),
        ("/repository/odd\udcff.yml", "odd%FF.yml", True),
    ],
)
def test_where(file: str, uri: str, base: bool) -> None:
    [result] = written([Finding("PS204", "error", "m", Place(file, 2, 7))])["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": uri} | ({"uriBaseId": "%SRCROOT%"} if base else {})
    assert place["region"] == {"startLine": 2, "startColumn": 7}


def test_only_rules_that_are_found_are_listed() -> None:
    findings = [Finding(rule, "error", "m", Place("/repository/a.yml")) for rule in ("PS301", "PS101", "PS301")]
    run = written(findings)
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["PS101", "PS301"]
    assert [result["ruleIndex"] for result in run["results"]] == [1, 0, 1]
