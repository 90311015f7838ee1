"""The page `docs/rules.md`: all rules in a table. `make docs` writes it (`python -m penstock.check.table`)."""

from __future__ import annotations

import sys

from penstock.check import RULES
from penstock.check.explanation import explanation
from penstock.check.rule import Rule

_HEAD = """# The rules of `penstock check`

Written by `make docs`. `penstock check --explain PS204` prints why a rule is there, with a wrong and a right example.

An **error** is what Azure refuses or what makes the job fail; a **warning** is what Azure tolerates and you may not
want; an **info** is told so that silence does not mislead. An error marked *Azure* does not keep `penstock run` from
running the job on this machine: there it is a warning.

To live with a finding, say so where it stands, with the reason:

    learning_rate: 7   # penstock: ignore[PS204] the sweep goes beyond the bounds on purpose

at the end of the line or alone on the line before it (of a text of several lines, such as a command, that is the line
that it begins on); or for whole files in `penstock.toml` at the project root:

    [[check.ignore]]
    path = "vendor/**"        # as in .gitignore
    rules = ["PS8*"]
    reason = "not ours to change"

A suppression that suppresses nothing is told, too.

In a folder every YAML file is looked at that git would take and that is Azure ML's, by its `$schema` or its shape.
What is no YAML there is an error if its text speaks of Azure ML (`azureml`, `${{parent.`, `type: pipeline`), a
warning if it lies beside a file that is Azure ML's, and otherwise somebody else's: a template, say. A file that is
named on the command line is always told of.
"""
_GROUPS = {
    "PS0": "Structure",
    "PS1": "Graph",
    "PS2": "Values",
    "PS3": "Components",
    "PS4": "Files",
    "PS5": "Environments",
    "PS6": "Snapshots",
    "PS7": "Security",
    "PS8": "Style and suppressions",
    "PS9": "Sweeps, parallel and spark steps, schedules, endpoints, deployments",
}
_COLUMNS = ("| rule | | what it finds | why it matters |", "| --- | --- | --- | --- |")


def rules_table() -> str:
    """The page, in Markdown."""
    lines = [_HEAD]
    for prefix, title in _GROUPS.items():
        rules = [RULES[id_] for id_ in sorted(RULES) if id_.startswith(prefix)]
        if rules:
            lines += [
                f"## {prefix}xx {title}",
                "",
                "| rule | | what it finds | why it matters |",
                "| --- | --- | --- | --- |",
            ]
            lines += [*map(_row, rules), ""]
    return "\n".join(lines)


def _row(rule: Rule) -> str:
    severity = f"{rule.severity}, *Azure*" if rule.azure_only else rule.severity
    cells = (rule.id, severity, rule.title, explanation(rule.id).why)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(rules_table())
