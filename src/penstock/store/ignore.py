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
from pathlib import Path

from penstock.spec.files import SnapshotFile

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

    def excludes(self, path: Path) -> bool:
        if self.lines == (_ALWAYS,):
            return _ALWAYS in path.relative_to(self.base).parts
        from pathspec import GitIgnoreSpec

        return GitIgnoreSpec.from_lines(self.lines).match_file(path.relative_to(self.base).as_posix())


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
    if name and any(ignore.excludes(path) for ignore in ignores):
        return
    if not path.is_dir():
        found[name] = path
        return
    for child in sorted(path.iterdir()):
        inner = (*ignores, _IgnoreFile.of(child)) if nested and child.is_dir() else ignores
        _collect(child, f"{name}/{child.name}" if name else child.name, inner, nested, found)
