"""What is told outside the rules of a subject: by reading a file (PS00x) and by suppressions (PS89x).

They are registered here so that they have a title, an explanation and a place in the table like any other rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.spec.finding import Severity


def _elsewhere(id_: str, title: str, severity: Severity = "error") -> None:
    @rule(id_, title, severity)
    def nothing(subject: Subject) -> Iterator[Told]:  # noqa: ARG001 - the signature of every rule
        return iter(())


_elsewhere("PS001", "The file is not YAML")
_elsewhere("PS002", "The same key twice")
_elsewhere("PS003", "A file that cannot be read")
_elsewhere("PS004", "A YAML file that is not Azure ML's", "info")
_elsewhere("PS890", "A suppression without a reason", "warning")
_elsewhere("PS891", "A suppression that names no rule", "warning")
_elsewhere("PS892", "A suppression that suppresses nothing", "warning")
