"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from penstock.check.subject import Subject
from penstock.spec.finding import Finding, Severity
from penstock.spec.place import Place


class Told(Struct, frozen=True):
    """One occurrence of what a rule looks for."""

    message: str
    place: Place
    fix: str = ""


Look = Callable[[Subject], Iterator[Told]]


class Rule(Struct, frozen=True):
    """A check with a name. `look` yields what it finds.

    `azure_only`: what it finds keeps Azure from running the job, but not this machine.
    """

    id: str
    severity: Severity
    title: str
    look: Look
    azure_only: bool = False

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for told in self.look(subject):
            yield Finding(self.id, self.severity, told.message, told.place, told.fix)


RULES: dict[str, Rule] = {}


def rule(id_: str, title: str, severity: Severity = "error", *, azure_only: bool = False) -> Callable[[Look], Look]:
    """Register a function as the rule `id_`."""

    def register(look: Look) -> Look:
        RULES[id_] = Rule(id_, severity, title, look, azure_only)
        return look

    return register
