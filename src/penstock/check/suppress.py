"""Findings that somebody has decided to live with: comments in the YAML, and `[[check.ignore]]` in penstock.toml.

learning_rate: 7   # penstock: ignore[PS204] the sweep goes beyond the bounds on purpose

[[check.ignore]]
path = "vendor/**"
rules = ["PS8*"]
reason = "not ours to change"
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from penstock.check.comments import Comment, comments
from penstock.check.rule import RULES
from penstock.errors import DefinitionError
from penstock.spec.finding import Finding, Severity, did_you_mean
from penstock.spec.place import Place

_HEADER = re.compile(r"(?m)^[ \t]*\[\[\s*check\s*\.\s*ignore\s*\]\]")
_EXAMPLE = 'path = "vendor/**", rules = ["PS8*"], reason = "..."'


class Ignore(Struct, frozen=True, dict=True):
    """One `[[check.ignore]]`: files as in .gitignore, rules with `*` for any part of a name."""

    path: str
    rules: tuple[str, ...]
    reason: str
    place: Place

    @cached_property
    def _files(self) -> Any:
        from pathspec import GitIgnoreSpec

        return GitIgnoreSpec.from_lines([self.path])

    def is_for(self, path: str) -> bool:
        """Whether `path`, from the project root with slashes, is one of its files."""
        return bool(self._files.match_file(path))


class Ignores(Struct, frozen=True):
    """What `penstock.toml` of the project at `root` (absolute) says, empty if there is none."""

    root: Path
    entries: tuple[Ignore, ...] = ()


def parse_ignores(text: str, file: str, root: Path) -> Ignores:
    """The `[[check.ignore]]` of a penstock.toml. Raises DefinitionError for what is not of that form."""
    from penstock.spec.settings import read_settings

    settings = read_settings(text, file)
    checks = settings.get("check", {})
    items = checks.get("ignore", []) if isinstance(checks, dict) else None
    for key in checks.keys() - {"ignore"} if isinstance(checks, dict) else ():
        raise DefinitionError(f"{file}: [check] has no '{key}'. {did_you_mean(key, ('ignore',))}")
    if not isinstance(items, list):
        raise DefinitionError(f"{file}: write what to ignore as [[check.ignore]] with {_EXAMPLE}")
    lines = [text.count("\n", 0, match.start()) + 1 for match in _HEADER.finditer(text)]
    places = [Place(file, line) for line in lines] if len(lines) == len(items) else [Place(file)] * len(items)
    return Ignores(root, tuple(_ignore(item, place) for item, place in zip(items, places, strict=True)))


def _ignore(item: Any, place: Place) -> Ignore:
    if not isinstance(item, dict):
        raise DefinitionError(f"{place}: an entry of check.ignore is a table with {_EXAMPLE}")
    for key in item.keys() - {"path", "rules", "reason"}:
        raise DefinitionError(f"{place}: check.ignore has no '{key}'. {did_you_mean(key, ('path', 'rules', 'reason'))}")
    path, rules, reason = item.get("path"), item.get("rules"), item.get("reason", "")
    if not isinstance(path, str) or not path or not isinstance(reason, str):
        raise DefinitionError(f"{place}: check.ignore needs a path, as text: {_EXAMPLE}")
    if not isinstance(rules, list) or not rules or not all(isinstance(rule, str) for rule in rules):
        raise DefinitionError(f"{place}: check.ignore needs rules, a list of their names: {_EXAMPLE}")
    return Ignore(path, tuple(rules), reason.strip(), place)


class Suppressions(Struct):
    """Applies suppressions. `read` gives a file's bytes, empty if it has none; `ignores_of` the settings of a file."""

    read: Callable[[str], bytes]
    ignores_of: Callable[[str], Ignores]
    _used: set[tuple[Place, str]] = field(default_factory=set)
    _seen: dict[Path, Ignores] = field(default_factory=dict)

    def apply(self, findings: Iterable[Finding], checked: Collection[str]) -> tuple[Finding, ...]:
        """The findings that remain, and what is wrong with the suppressions in the files that were `checked`."""
        in_text = {file: comments(self.read(file)) for file in {*checked, *(f.place.file for f in findings)}}
        remain = [finding for finding in findings if not self._commented(finding, in_text[finding.place.file])]
        for file in sorted(checked):
            self._settings(file)
            for comment in in_text[file]:
                remain += self._about(file, comment)
        return tuple(finding for finding in remain if not self._ignored(finding))

    def about_settings(self, searched: Collection[Path]) -> Iterator[Finding]:
        """What is wrong with the settings met so far. `searched`: the folders all of whose files were checked."""
        for root, ignores in self._seen.items():
            whole = any(root.is_relative_to(folder) for folder in searched)
            for entry in ignores.entries:
                yield from self._wrong(entry.place, entry.rules, entry.reason, f"for {entry.path} ", unused=whole)

    def _commented(self, finding: Finding, there: tuple[Comment, ...]) -> bool:
        hits = [
            (Place(finding.place.file, comment.line, comment.column), rule)
            for comment in there
            if comment.target <= finding.place.line <= comment.last
            for rule in comment.rules
            if fnmatchcase(finding.rule, rule)
        ]
        self._used.update(hits)
        return bool(hits)

    def _about(self, file: str, comment: Comment) -> Iterator[Finding]:
        place = Place(file, comment.line, comment.column)
        if comment.rules:
            yield from self._wrong(place, comment.rules, comment.reason, "here ", unused=True)
        else:
            yield _told("PS891", "this suppression names no rule.", place, "Write # penstock: ignore[PS204] reason.")

    def _wrong(
        self, place: Place, rules: tuple[str, ...], reason: str, where: str, *, unused: bool
    ) -> Iterator[Finding]:
        if not reason:
            yield _told("PS890", f"{', '.join(rules)} is ignored {where}without a reason.", place, "Say why.")
        for rule in dict.fromkeys(rules):
            if not any(fnmatchcase(known, rule) for known in RULES):
                yield _told("PS891", f"there is no rule {rule}.", place, _close(rule))
            elif unused and (place, rule) not in self._used:
                yield _told("PS892", f"{rule} is ignored {where}but not found.", place, "Take it out.")

    def _settings(self, file: str) -> Ignores:
        ignores = self.ignores_of(file)
        self._seen.setdefault(ignores.root, ignores)
        return ignores

    def _ignored(self, finding: Finding) -> bool:
        ignores = self._settings(finding.place.file)
        if not ignores.entries:
            return False
        path = Path(os.path.abspath(finding.place.file))  # noqa: PTH100 - without following links
        if not path.is_relative_to(ignores.root):
            return False
        name = path.relative_to(ignores.root).as_posix()
        hits = [
            (entry.place, rule)
            for entry in ignores.entries
            for rule in entry.rules
            if fnmatchcase(finding.rule, rule) and entry.is_for(name)
        ]
        self._used.update(hits)
        return bool(hits)


def _told(rule: str, message: str, place: Place, fix: str) -> Finding:
    severity: Severity = RULES[rule].severity
    return Finding(rule, severity, message, place, fix)


def _close(rule: str) -> str:
    """The rule that was meant, if one is close; all of them would be too long a list."""
    hint = did_you_mean(rule.upper(), RULES)
    return hint if hint.startswith("Did") else "penstock check --explain tells them."
