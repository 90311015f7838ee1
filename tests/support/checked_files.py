"""Writes files and checks the first of them, as `penstock check FILE` does."""

from __future__ import annotations

from pathlib import Path

from penstock.check import check
from penstock.check.subject import Subject, read_subject
from penstock.spec.finding import Finding
from penstock.store.files import Disk


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write `files` below `folder`; returns the path of the first."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / next(iter(files))


def findings(folder: Path, files: dict[str, str]) -> tuple[Finding, ...]:
    """All findings in the first of `files`."""
    subject = read_subject(write(folder, files), Disk())
    assert isinstance(subject, Subject)
    return check(subject)


def told(folder: Path, files: dict[str, str], *rules: str) -> list[str]:
    """What the rules that begin with one of `rules` tell: `rule file:line:column message`, the file below `folder`."""
    return [
        f"{finding.rule} {Path(finding.place.file).relative_to(folder).as_posix()}:{finding.place.line}:"
        f"{finding.place.column} {finding.message} {finding.fix}".strip()
        for finding in findings(folder, files)
        if finding.rule.startswith(rules)
    ]
