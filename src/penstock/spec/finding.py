"""What is wrong with a definition, and where."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from penstock.spec.place import Place

Severity = Literal["error", "warning", "info"]


class Finding(Struct, frozen=True):
    """One thing that is wrong: which rule says so, where, and the way out."""

    rule: str
    severity: Severity
    message: str
    place: Place
    fix: str = ""

    def __str__(self) -> str:
        fix = f" {self.fix}" if self.fix else ""
        return f"{self.place}: {self.severity} {self.rule}: {self.message}{fix}"

    def to_json(self) -> dict[str, str | int]:
        """The finding as `penstock check --format json` prints it."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "fix": self.fix,
        }


def close_match(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `known` that is most like `word`, if any is as like as `cutoff` (difflib's ratio, 0 to 1)."""
    import difflib  # takes longer than reading a file

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean 'x'?` for the closest of `known`, else what there is to choose from, else nothing."""
    names = sorted(known)
    close = close_match(word, names)
    if close:
        return f"Did you mean '{close}'?"
    return f"There is: {', '.join(names)}." if names else ""
