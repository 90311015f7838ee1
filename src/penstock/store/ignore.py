"""Which files `code:` uploads, after `.amlignore` and `.gitignore`.

The rules are those of azure-ai-ml 1.35: a folder's `.amlignore`, else its `.gitignore`; patterns as in gitignore, the
last match wins; `__pycache__` never goes along. Without `additional_includes` only the ignore file at the root of the
snapshot counts; with them those of inner folders do too, each for what is below it, and the root's also for what is
included.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.spec.files import SnapshotFile

if TYPE_CHECKING:
    from pathspec import PathSpec
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_ALWAYS = "__pycache__"


@dataclass(frozen=True)
class _IgnoreFile:
    """The patterns of one ignore file; paths are matched from `base`."""

    base: Path
    lines: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> _IgnoreFile:
        for name in (".amlignore", ".gitignore"):
            path = folder / name
            if path.is_file():
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
                return cls(folder, (*lines, _ALWAYS))
        return cls(folder, (_ALWAYS,))

    @property
    def brings_back(self) -> bool:
        """Whether a file in an ignored folder may go along all the same."""
        return any(line.startswith("!") for line in self.lines)

    def excludes(self, path: Path) -> bool:
        if self.lines == (_ALWAYS,):
            return _ALWAYS in path.relative_to(self.base).parts
        return _patterns(self.lines).match_file(path.relative_to(self.base).as_posix())


@cache
def _patterns(lines: tuple[str, ...]) -> PathSpec[GitIgnoreSpecPattern]:
    """The patterns of an ignore file, of which the last that matches decides (GitIgnoreSpec would do as git does)."""
    from pathspec import PathSpec
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    return PathSpec.from_lines(GitIgnoreSpecPattern, lines)


def snapshot_files(code: Path | None, includes: tuple[Path, ...]) -> Iterator[SnapshotFile]:
    """The files of a snapshot in a stable order, later ones replacing earlier ones of the same name.

    Raises OSError if a folder or file cannot be read.
    """
    found: dict[str, Path] = {}
    nested = bool(includes)
    root = _IgnoreFile.of(code) if code is not None and code.is_dir() else None
    if code is not None:
        _collect(code, "" if code.is_dir() else code.name, (root,) if root else (), nested, found)
    for include in includes:
        source = Path(os.path.normpath(include))
        ignores = (_IgnoreFile(source.parent, root.lines),) if root is not None else ()
        if source.is_dir():
            ignores = (*ignores, _IgnoreFile.of(source))
        _collect(source, source.name, ignores, nested, found)
    for name in sorted(found):
        yield SnapshotFile(found[name], name)


def _collect(path: Path, name: str, ignores: tuple[_IgnoreFile, ...], nested: bool, found: dict[str, Path]) -> None:
    # azure-ai-ml looks at folders only where it copies them (with includes); elsewhere `!` brings back what is in one
    whole = nested or not path.is_dir() or not any(ignore.brings_back for ignore in ignores)
    if name and whole and any(ignore.excludes(path) for ignore in ignores):
        return
    if not path.is_dir() or _leads_back(path):
        found[name] = path
        return
    for child in sorted(path.iterdir()):
        inner = (*ignores, _IgnoreFile.of(child)) if nested and child.is_dir() else ignores
        _collect(child, f"{name}/{child.name}" if name else child.name, inner, nested, found)


def _leads_back(folder: Path) -> bool:
    """Whether a folder is a link to one that it lies in: there is no end to what it holds."""
    if not folder.is_symlink():
        return False
    target = os.path.realpath(folder)
    return Path(os.path.realpath(folder.parent)).is_relative_to(target)
