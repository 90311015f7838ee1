"""Suppressions as they stand on this disk: what `check` and `run` share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from penstock.check.suppress import Ignores, Suppressions, parse_ignores
from penstock.spec.files import Files
from penstock.store.project import FILE, project_of, settings_text, shown


def reader(files: Files) -> Callable[[str], bytes]:
    """Gives the bytes of a file, empty if it cannot be read."""

    def read(file: str) -> bytes:
        path = Path(file)
        try:
            return files.read(path) if files.is_file(path) else b""
        except OSError:
            return b""

    return read


def suppressions(files: Files) -> Suppressions:
    """The comments in the files that `files` reads, and the penstock.toml of each file's project."""

    @cache
    def of_root(root: Path) -> Ignores:
        text = settings_text(root)
        return parse_ignores(text, shown(root / FILE), root) if text is not None else Ignores(root)

    @cache
    def of_folder(folder: Path) -> Ignores:
        return of_root(project_of(folder / FILE))

    return Suppressions(reader(files), lambda file: of_folder(Path(file).parent))
