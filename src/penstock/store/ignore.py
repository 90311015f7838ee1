"""Which files `code:` uploads, after `.amlignore` and `.gitignore`.

The rules are those of azure-ai-ml 1.35: a folder's `.amlignore`, else its `.gitignore`; patterns as in gitignore, the
last match wins; `__pycache__` never goes along. Without `additional_includes` only the ignore file at the root of the
snapshot counts; with them those of inner folders do too, each for what is below it, and the root's also for what is
included.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.spec.files import SnapshotFile

if TYPE_CHECKING:
    from pathspec import PathSpec
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_ALWAYS = "__pycache__"


class IgnoredBy(Struct, frozen=True):
    """The pattern that keeps something out of a snapshot, and where it stands; `file` is None for what never goes."""

    file: Path | None
    line: int
    pattern: str


class Ignored(Struct, frozen=True):
    """What a snapshot leaves out: where it lies, its path from the root with slashes (a folder's ends in one), why."""

    path: Path
    name: str
    by: IgnoredBy


class Listing(Struct, frozen=True):
    """A snapshot: what goes along and what does not, each in the order of the names."""

    files: tuple[SnapshotFile, ...]
    ignored: tuple[Ignored, ...]


class _IgnoreFile(Struct, frozen=True):
    """The patterns of one ignore file; paths are matched from `base`."""

    base: Path
    lines: tuple[str, ...]
    source: Path | None = None

    @classmethod
    def of(cls, folder: Path) -> _IgnoreFile:
        for name in (".amlignore", ".gitignore"):
            path = folder / name
            if path.is_file():
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
                return cls(folder, (*lines, _ALWAYS), path)
        return cls(folder, (_ALWAYS,))

    @property
    def brings_back(self) -> bool:
        """Whether a file in an ignored folder may go along all the same."""
        return any(line.startswith("!") for line in self.lines)

    def excludes(self, path: Path) -> IgnoredBy | None:
        """Which pattern keeps `path` out, if any."""
        if self.source is None:
            return IgnoredBy(None, 0, _ALWAYS) if _ALWAYS in path.relative_to(self.base).parts else None
        patterns, numbers = _patterns(self.lines)
        result = patterns.check_file(path.relative_to(self.base).as_posix())
        if not result.include or result.index is None:
            return None
        number = numbers[result.index]
        if number == len(self.lines):  # the line that is added to every file
            return IgnoredBy(None, 0, _ALWAYS)
        return IgnoredBy(self.source, number, self.lines[number - 1].strip())


@cache
def _patterns(lines: tuple[str, ...]) -> tuple[PathSpec[GitIgnoreSpecPattern], tuple[int, ...]]:
    """The patterns of an ignore file, of which the last that matches decides (GitIgnoreSpec would do as git does).

    With the number of each pattern's line, from 1.
    """
    from pathspec import PathSpec
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    numbers = tuple(number for number, line in enumerate(lines, 1) if line)
    return PathSpec([GitIgnoreSpecPattern(line) for line in lines if line]), numbers


def snapshot_files(code: Path | None, includes: tuple[Path, ...]) -> Iterator[SnapshotFile]:
    """The files of a snapshot in a stable order, later ones replacing earlier ones of the same name.

    Raises OSError if a folder or file cannot be read.
    """
    yield from snapshot_listing(code, includes).files


def snapshot_listing(code: Path | None, includes: tuple[Path, ...]) -> Listing:
    """The files of a snapshot, and what the ignore files leave out. Raises OSError."""
    collected = _Collected(bool(includes))
    root = _IgnoreFile.of(code) if code is not None and code.is_dir() else None
    if code is not None:
        collected.add(code, "" if code.is_dir() else code.name, (root,) if root else ())
    for include in includes:
        source = Path(os.path.normpath(include))
        ignores = (_IgnoreFile(source.parent, root.lines, root.source),) if root is not None else ()
        if source.is_dir():
            ignores = (*ignores, _IgnoreFile.of(source))
        collected.add(source, source.name, ignores)
    files = tuple(SnapshotFile(collected.found[name], name) for name in sorted(collected.found))
    return Listing(files, tuple(sorted(collected.ignored, key=lambda ignored: ignored.name)))


class _Collected:
    """Walks what a snapshot is made of. `nested`: ignore files of inner folders count."""

    def __init__(self, nested: bool) -> None:
        self.nested = nested
        self.found: dict[str, Path] = {}
        self.ignored: list[Ignored] = []

    def add(self, path: Path, name: str, ignores: tuple[_IgnoreFile, ...]) -> None:
        """Take in a file, or a folder with what is below it."""
        # azure-ai-ml looks at folders only where it copies them (with includes); elsewhere `!` brings back what is in
        whole = self.nested or not path.is_dir() or not any(ignore.brings_back for ignore in ignores)
        if name and whole:
            for ignore in ignores:
                by = ignore.excludes(path)
                if by is not None:
                    self.ignored.append(Ignored(path, f"{name}/" if path.is_dir() else name, by))
                    return
        if not path.is_dir() or _leads_back(path):
            self.found[name] = path
            return
        for child in sorted(path.iterdir()):
            inner = (*ignores, _IgnoreFile.of(child)) if self.nested and child.is_dir() else ignores
            self.add(child, f"{name}/{child.name}" if name else child.name, inner)


def _leads_back(folder: Path) -> bool:
    """Whether a folder is a link to one that it lies in: there is no end to what it holds."""
    if not folder.is_symlink():
        return False
    target = os.path.realpath(folder)
    return Path(os.path.realpath(folder.parent)).is_relative_to(target)
