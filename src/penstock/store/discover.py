"""The YAML files of a folder, as git would see them: what `.gitignore` files exclude is not searched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec import Struct

SUFFIXES = (".yml", ".yaml")
# Folders of tools: what is in them was not written by the people of the repository.
NEVER = {
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    "node_modules",
    "site-packages",
    "__pycache__",
    "__pypackages__",
    ".eggs",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".ipynb_checkpoints",
    ".terraform",
    ".penstock",
    ".tools",
}


class _Ignores(Struct, frozen=True, dict=True):
    """A `.gitignore`; its patterns count from `base`, which is absolute."""

    base: str
    lines: tuple[str, ...]

    @cached_property
    def _patterns(self) -> list[Any]:
        from pathspec import GitIgnoreSpec

        return [pattern for pattern in GitIgnoreSpec.from_lines(self.lines).patterns if pattern.include is not None]

    def verdict(self, path: str, *, is_dir: bool) -> bool | None:
        """Whether it excludes the path; None if it says nothing of it."""
        name = path[len(self.base.rstrip("/")) + 1 :] + ("/" if is_dir else "")
        for pattern in reversed(self._patterns):
            if _is_meant(pattern, name):
                include: bool = pattern.include
                return include
        return None


def _is_meant(pattern: Any, name: str) -> bool:
    """Whether a pattern matches the path itself, not a folder above it: that one has been decided before.

    What pathspec matches by a folder holds the slash after that folder's name in the group `ps_d`.
    """
    found = pattern.match_file(name)
    if found is None:
        return False
    slash = found.match.groupdict().get("ps_d")
    return slash is None or found.match.end("ps_d") == len(name)


def yaml_files(folder: Path) -> Iterator[Path]:
    """Every path below `folder` with the name of a YAML file, in a stable order; also a folder of such a name.

    Links to folders are not followed, links to files are. A folder that cannot be listed is itself what is yielded.
    """
    absolute = os.path.abspath(folder)  # noqa: PTH100 - without following links
    todo = [(os.path.normpath(folder), absolute, _from_above(absolute))]
    while todo:
        shown, absolute, ignores = todo.pop()
        entries = _listing(absolute)
        if entries is None:
            yield Path(shown)
            continue
        names = {entry.name for entry in entries}
        if "pyvenv.cfg" in names:
            continue
        if ".gitignore" in names:
            ignores = (*ignores, *_read(absolute))
        inner = []
        for entry in entries:
            is_dir = entry.is_dir(follow_symlinks=False)
            is_yaml = entry.name.lower().endswith(SUFFIXES)
            if not (is_dir or is_yaml) or entry.name in NEVER or _excluded(entry.path, ignores, is_dir=is_dir):
                continue
            path = entry.name if shown == os.curdir else f"{shown.rstrip('/')}/{entry.name}"
            if is_yaml and (is_dir or entry.is_file()):
                yield Path(path)
            if is_dir:
                inner.append((path, entry.path, ignores))
        todo += reversed(inner)


def _listing(folder: str) -> list[os.DirEntry[str]] | None:
    try:
        with os.scandir(folder) as listing:
            return sorted(listing, key=lambda entry: entry.name)
    except OSError:
        return None


def _excluded(path: str, ignores: tuple[_Ignores, ...], *, is_dir: bool) -> bool:
    """The innermost `.gitignore` that says something decides."""
    for ignore in reversed(ignores):
        verdict = ignore.verdict(path, is_dir=is_dir)
        if verdict is not None:
            return verdict
    return False


def _read(folder: str) -> tuple[_Ignores, ...]:
    try:
        with open(os.path.join(folder, ".gitignore"), encoding="utf-8", errors="replace") as file:  # noqa: PTH123, PTH118
            lines = tuple(line for line in file.read().splitlines() if line.strip() and not line.startswith("#"))
    except OSError:
        return ()
    return (_Ignores(folder, lines),) if lines else ()


def _from_above(absolute: str) -> tuple[_Ignores, ...]:
    """The `.gitignore` files of the folders above, up to the root of the repository; none outside of one.

    A folder that they exclude is searched nevertheless when it is the one that was asked for.
    """
    folder = Path(absolute)
    if (folder / ".git").exists():
        return ()
    above: list[Path] = []
    for parent in folder.parents:
        above.insert(0, parent)
        if (parent / ".git").exists():
            ignores = tuple(ignore for each in above for ignore in _read(str(each)))
            inside = [path for path in (*above[1:], folder) if _excluded(str(path), ignores, is_dir=True)]
            return () if inside else ignores
    return ()
