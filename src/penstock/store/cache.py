"""Outputs that are kept for reuse.

    cache/entries/<key>.json    which outputs a key led to, by their digests; from which run they come
    cache/trees/<digest>        an output, a file or a folder: the same files as in the run's folder, by a second name
    cache/index.db              see `penstock.store.digests`

What is kept is looked at again before it is used: an output that somebody has changed in place is dropped.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.store.digests import Digests
from penstock.store.workspace import Workspace, write_atomically

_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a key led to: the digests of the outputs, and the run, node and log that they come from."""

    run: str
    node: str
    log: str | None
    outputs: Mapping[str, str]


class Cache:
    """The outputs of earlier runs, by key."""

    def __init__(self, workspace: Workspace, digests: Digests) -> None:
        self._root = workspace.cache
        self._digests = digests

    def find(self, key: str) -> Entry | None:
        """What is kept for a key, if it is as it was."""
        try:
            found: dict[str, Any] = json.loads(self._entry(key).read_text(encoding="utf-8"))
            entry = Entry(found["run"], found["node"], found["log"], found["outputs"])
            changed = [digest for digest in entry.outputs.values() if self._digests.of(self._tree(digest)) != digest]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        for digest in changed:
            _remove(self._tree(digest))
        return None if changed else entry

    def add(self, key: str, entry: Entry, parts: Mapping[str, str], folder: Path) -> None:
        """Keep the outputs below `folder`, one by port, for a key. Raises OSError."""
        for port, digest in entry.outputs.items():
            tree = self._tree(digest)
            if tree.exists():
                continue
            tree.parent.mkdir(parents=True, exist_ok=True)
            temporary = tree.with_name(f".{digest}.{os.getpid()}")
            _remove(temporary)
            self._link(folder / port, temporary)
            with suppress(FileExistsError, OSError):  # another run was faster; its tree is as good
                temporary.rename(tree)
            _remove(temporary)
        document = {
            "run": entry.run,
            "node": entry.node,
            "log": entry.log,
            "outputs": dict(entry.outputs),
            "parts": dict(parts),
        }
        path = self._entry(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(document, indent=2) + "\n")

    def restore(self, entry: Entry, folder: Path) -> None:
        """Put the outputs of an entry below `folder`, all of them in one rename. Raises OSError."""
        temporary = folder.with_name(f".{folder.name}.new")
        temporary.mkdir(parents=True)
        for port, digest in entry.outputs.items():
            self._link(self._tree(digest), temporary / port)
        temporary.rename(folder)

    def _entry(self, key: str) -> Path:
        return self._root / "entries" / f"{key}.json"

    def _tree(self, digest: str) -> Path:
        return self._root / "trees" / digest

    def _link(self, source: Path, target: Path) -> None:
        """Give a file, or all files of a folder, a second name; where that cannot be, copy."""
        if source.is_dir():
            target.mkdir()
            for inner in source.iterdir():
                self._link(inner, target / inner.name)
            return
        try:
            if source.is_symlink():
                shutil.copy2(source, target)
                return
            os.link(source, target)
            self._digests.linked(str(source), str(target))
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            shutil.copy2(source, target)


def protect(path: Path) -> None:
    """Take the right to write from every file of an output: it is what others have read. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        for inner in path.iterdir():
            protect(inner)
    elif path.is_file() and not path.is_symlink():
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
