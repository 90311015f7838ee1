"""Checks many files at once: which of them are Azure ML's, each component file read once, each finding told once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from penstock.check import check
from penstock.check.rule import RULES
from penstock.check.subject import Subject, read_subject
from penstock.check.suppress import Suppressions
from penstock.graph.library import Library
from penstock.spec.files import Files
from penstock.spec.finding import Finding, Severity
from penstock.spec.kind import close_schema, kind_of
from penstock.spec.place import Place
from penstock.spec.source import Document, Mapping

_LARGE = 1_000_000
_TYPES = (
    b"pipeline|command|sweep|parallel|spark|automl|uri_file|uri_folder|mltable|mlflow_model|custom_model|amlcompute"
)
_AZURE = re.compile(
    rb"\$\{\{ ?parent\.|(?m:^[\"']?type[\"']?\s*:\s*[\"']?(?:" + _TYPES + rb")\b|^\s+component\s*:\s*(?:file:|\.))"
)

# What Helm, Jinja and cookiecutter put their text for. Not `{{` alone: in Azure ML's YAML that lacks its `$`.
_TEMPLATE = re.compile(rb"\{\{-|\{%|\{\{\s*(?:\.|\$|cookiecutter\b)")


class Target(Struct, frozen=True):
    """A file to check. `named`: on the command line, rather than met in a folder."""

    path: Path
    named: bool


class Report(Struct, frozen=True):
    """All findings in the order of their places, and how many Azure ML files were looked at."""

    findings: tuple[Finding, ...]
    files: int

    @property
    def has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


def check_project(
    targets: Iterable[Target], files: Files, suppressions: Suppressions, searched: Iterable[Path] = ()
) -> Report:
    """Check every target. `searched` are the folders (absolute) that the targets are all YAML files of."""
    reader = _Reader(files)
    for target in targets:
        reader.read(target)
    findings = [*reader.odd()]
    seen = {id(subject.component) for subject in reader.subjects if subject.component is not None}
    for subject in reader.subjects:
        findings += check(replace(subject, elsewhere=seen))
        seen.update(id(component) for component in subject.components())
    checked = [str(subject.file) for subject in reader.subjects]
    kept = [*suppressions.apply(findings, checked), *suppressions.about_settings(tuple(searched))]
    return Report(once(kept), len(reader.subjects))


def once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in the order of their places; a rule tells a place once, whatever path led to the file."""
    kept: dict[tuple[str, str, int, int], Finding] = {}
    absolute: dict[str, str] = {}
    for finding in findings:
        place = finding.place
        if place.file not in absolute:
            absolute[place.file] = os.path.abspath(place.file)  # noqa: PTH100 - without following links
        kept.setdefault((finding.rule, absolute[place.file], place.line, place.column), finding)
    return tuple(sorted(kept.values(), key=lambda finding: (finding.place, finding.rule)))


class _Reader:
    """Reads targets as what they are. What a folder search meets and cannot read is judged at the end, by `odd`."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.library = Library(files)
        self.subjects: list[Subject] = []
        self._told: list[Finding] = []
        self._broken: list[tuple[Document, Path, bool]] = []
        self._read: set[str] = set()

    def read(self, target: Target) -> None:
        """Read one file; the same one is not read again."""
        absolute = os.path.abspath(target.path)  # noqa: PTH100 - without following links
        if absolute in self._read:
            return
        self._read.add(absolute)
        problem = self._unreadable(target.path)
        if problem is None:
            try:
                self._take(target)
            except OSError as error:
                problem = f"it cannot be read: {error.strerror}"
        if problem is not None:
            severity: Severity = "error" if target.named else "warning"
            self._told.append(Finding("PS003", severity, f"{problem}.", Place(str(target.path))))

    def _unreadable(self, path: Path) -> str | None:
        if self.files.is_dir(path):
            yaml = path.suffix.lower() in (".yml", ".yaml")
            return (
                f"this is a folder{', though its name is that of a YAML file' if yaml else ' that cannot be searched'}"
            )
        return None if self.files.is_file(path) else "this is no file that can be read"

    def _take(self, target: Target) -> None:
        path, named = target.path, target.named
        if not named and not self._worth_parsing(path):
            return
        found = read_subject(path, self.files, self.library)
        if isinstance(found, Subject):
            self.subjects.append(found)
        elif isinstance(found, Document):
            self._broken.append((found, path, named))
        else:
            self._told += self._foreign(path, named=named)

    def _worth_parsing(self, path: Path) -> bool:
        """Whether a file met in a folder may be Azure ML's: a large one only if it says so."""
        data = self.files.read(path)
        return len(data) < _LARGE or is_plausible(data)

    def _foreign(self, path: Path, *, named: bool) -> list[Finding]:
        """A file that is YAML but nothing of Azure ML's: told if somebody thinks it is."""
        root = self.library.document(path).root
        meant = close_schema(root) if isinstance(root, Mapping) else None
        if isinstance(root, Mapping) and meant is not None:
            message = f"'{root.text('$schema')}' is no schema of Azure ML, so nothing is checked."
            return [Finding("PS004", "warning", message, root.entries["$schema"].value.place, meant)]
        return [_not_ours(root.place)] if named and root is not None else []

    def odd(self) -> list[Finding]:
        """What is told of files that are no subjects.

        Broken YAML that was met in a folder is told if its text speaks of Azure ML, and as a warning if it lies
        beside a file that is Azure ML's; what else is broken in a folder is somebody else's.
        """
        folders = {subject.file.parent for subject in self.subjects}
        found = list(self._told)
        for document, path, named in self._broken:
            found += self._of_broken(document, path, named=named, beside=path.parent in folders)
        return found

    def _of_broken(self, document: Document, path: Path, *, named: bool, beside: bool) -> list[Finding]:
        """Of what cannot be read: other tools write templates, several documents in a file and tags of their own."""
        data = self.files.read(path)
        template = _TEMPLATE.search(data) is not None
        meant = any(map(kind_of, document.several)) if document.several else is_plausible(data)
        if not meant and (template or document.several or document.tagged):
            return [_not_ours(document.findings[0].place)] if named else []
        if (named or meant) and not template:
            return list(document.findings)
        return [replace(finding, severity="warning") for finding in document.findings] if meant or beside else []


def _not_ours(place: Place) -> Finding:
    message = "this is not the YAML of an Azure ML job, component or other asset; nothing is checked."
    return Finding("PS004", RULES["PS004"].severity, message, place, "Files with $schema: are known by it.")


def is_plausible(data: bytes) -> bool:
    """Whether a text that cannot be read as YAML is meant for Azure ML."""
    text = data.replace(b"\0", b"")
    return b"azureml" in text.lower() or _AZURE.search(text) is not None
