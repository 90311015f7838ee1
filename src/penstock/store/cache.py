"""Outputs that are kept for reuse.

    cache/entries/<key>.json    what a key led to: the files of each output by their digests, and where they come from
    cache/blobs/<digest>        a file's content, with `.x` if it is a program: the file in the run's folder itself, by
                                a second name
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
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.store.digests import READ, Digests, Listed
from penstock.store.workspace import Workspace, write_atomically

_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP)


Outputs = Mapping[str, tuple[Listed, ...]]


class Entry(Struct, frozen=True):
    """What a key led to: each output's content, and the run, node and log that it comes from."""

    run: str
    node: str
    log: str | None
    outputs: Outputs


class Cache:
    """The outputs of earlier runs, by key."""

    def __init__(self, workspace: Workspace, digests: Digests) -> None:
        self._root = workspace.cache
        self._digests = digests

    def find(self, key: str) -> Entry | None:
        """What is kept for a key, if all of it is as it was."""
        try:
            found: dict[str, Any] = json.loads(self._entry(key).read_text(encoding="utf-8"))
            outputs = {port: tuple(Listed(*entry) for entry in listed) for port, listed in found["outputs"].items()}
            entry = Entry(found["run"], found["node"], found["log"], outputs)
            blobs = {str(self._blob(e)): e.digest for listed in outputs.values() for e in listed if e.kind in READ}
            kept = self._digests.files(list(blobs))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        changed = [path for path, digest in blobs.items() if kept[path] != digest]
        for path in changed:
            Path(path).unlink(missing_ok=True)
        return None if changed else entry

    def add(self, key: str, entry: Entry, parts: Mapping[str, str], folder: Path) -> None:
        """Keep the outputs below `folder`, one by port, for a key. Raises OSError."""
        for port, listed in entry.outputs.items():
            self._keep_all(folder / port, listed)
        document = {
            "run": entry.run,
            "node": entry.node,
            "log": entry.log,
            "outputs": {port: [list(file) for file in listed] for port, listed in entry.outputs.items()},
            "parts": dict(parts),
        }
        path = self._entry(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(document, indent=2) + "\n")

    def take(self, outputs: Mapping[str, Path]) -> Outputs:
        """Keep outputs that belong to no key. Raises OSError."""
        taken = {}
        for port, path in outputs.items():
            protect(path)
            taken[port] = self._digests.listing(path)
            self._keep_all(path, taken[port])
        return taken

    def restore(self, entry: Entry, folder: Path) -> None:
        """Put the outputs of an entry below `folder`, all of them in one rename. Raises OSError."""
        temporary = folder.with_name(f".{folder.name}.new")
        temporary.mkdir(parents=True)
        for port, listed in entry.outputs.items():
            if not listed or listed[0].name:
                (temporary / port).mkdir()
            for file in listed:
                if file.kind == "folder":
                    (temporary / port / file.name).mkdir(parents=True, exist_ok=True)
                else:
                    self._link(self._blob(file), temporary / port / file.name)
        temporary.rename(folder)

    def _entry(self, key: str) -> Path:
        return self._root / "entries" / f"{key}.json"

    def _blob(self, file: Listed) -> Path:
        return self._root / "blobs" / (file.digest + (".x" if file.kind == "program" else ""))

    def _keep_all(self, path: Path, listed: tuple[Listed, ...]) -> None:
        for file in listed:
            if file.kind in READ:
                self._keep(path / file.name, self._blob(file))
            elif file.kind != "folder":
                raise OSError(f"'{file.name}' in it is a {file.kind}")

    def _keep(self, file: Path, blob: Path) -> None:
        if blob.exists():
            return
        blob.parent.mkdir(parents=True, exist_ok=True)
        temporary = blob.with_name(f".{blob.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        self._link(file, temporary)
        temporary.rename(blob)  # another run may have been faster: its blob is as good
        temporary.unlink(missing_ok=True)  # renaming a file to another name of itself does nothing
        self._digests.linked(str(file), str(blob))

    def _link(self, source: Path, target: Path) -> None:
        """Give a file a second name; where that cannot be, or of a link, copy."""
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
