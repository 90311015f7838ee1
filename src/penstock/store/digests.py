"""What files and folders hold, as SHA-256 digests; read again only if the disk says that something has changed.

The index knows a file's digest by device, inode, size, mtime and ctime. An edit in place, even one that puts the mtime
back, changes the ctime, which nobody can set. A file that was changed less than a tick of the file system's clock
before it was read may have been changed again since within the same tick, so what the index says of it is not trusted
(git calls such an entry racy: Documentation/technical/racy-git.txt in git's sources).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from penstock.spec.files import SnapshotFile

_TICK_NS = 20_000_000
_BUSY_S = 60
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, device INTEGER, inode INTEGER, size INTEGER,"
    " mtime INTEGER, ctime INTEGER, read INTEGER, digest TEXT) WITHOUT ROWID"
)
_Stamp = tuple[int, int, int, int, int]
READ = ("file", "program")


class Listed(NamedTuple):
    """An entry of a folder: its path with `/`, its kind, and the digest of its content if the kind is one of `READ`."""

    name: str
    kind: str
    digest: str


def listing_digest(listing: Iterable[Listed]) -> str:
    """The digest of what `Digests.listing` gives: of a single file that of its content."""
    listed = tuple(listing)
    if len(listed) == 1 and not listed[0].name:
        return listed[0].digest
    text = "".join("\0".join(entry) + "\n" for entry in listed)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


class Digests:
    """Digests of files and folders, with an index at `index`. Not for several threads. `close` writes the index."""

    def __init__(self, index: Path) -> None:
        self._path = index
        self._index: sqlite3.Connection | None = None
        self._fresh: dict[str, tuple[_Stamp, int, str]] = {}
        self._moved: dict[str, tuple[_Stamp, str]] = {}

    def of(self, path: Path) -> str:
        """The digest of a file's content, or of a folder's names, kinds and contents. Raises OSError."""
        return listing_digest(self.listing(path))

    def listing(self, path: Path) -> tuple[Listed, ...]:
        """What a folder holds, sorted, links followed; of a file only itself, by an empty name. Raises OSError."""
        root = str(path)
        if not os.path.isdir(root):
            kind = "program" if os.stat(root).st_mode & 0o100 else "file"
            return (Listed("", kind, self.files([root])[root]),)
        entries = sorted(_entries(root))
        digests = self.files([f"{root}/{name}" for name, kind in entries if kind in READ])
        return tuple(Listed(name, kind, digests.get(f"{root}/{name}", "")) for name, kind in entries)

    def snapshot(self, files: Iterable[SnapshotFile]) -> str:
        """The digest of a snapshot's names, x-bits and contents. Raises OSError."""
        listed = sorted((file.name, str(file.path)) for file in files)
        digests = self.files([path for _, path in listed])
        kinds = {path: "program" if os.stat(path).st_mode & 0o100 else "file" for path in digests}
        return listing_digest(Listed(name, kinds[path], digests[path]) for name, path in listed)

    def files(self, paths: list[str]) -> dict[str, str]:
        """The digest of each file's content; those to be read are read side by side. Raises OSError."""
        found, unknown = {}, []
        for path in paths:
            digest = self._known(path)
            if digest is None:
                unknown.append(path)
            else:
                found[path] = digest
        found.update(zip(unknown, self._read(unknown), strict=True))
        return found

    def linked(self, old: str, new: str) -> None:
        """A file has got a second name, which changed nothing but its ctime: what is known of it stays known."""
        digest = self._fresh.get(old, (None, 0, None))[2] or self._moved.get(old, (None, None))[1]
        digest = digest or self._row(old)[2]
        if digest is not None:
            stamp = _stamp(old)
            self._moved[old] = self._moved[new] = (stamp, digest)

    def close(self) -> None:
        """Write what has been learnt. An index that cannot be written is no harm: files are read again."""
        rows = [(path, *stamp, read, digest) for path, (stamp, read, digest) in self._fresh.items()]
        now = time.time_ns()
        for path, (stamp, digest) in self._moved.items():
            with suppress(OSError):
                if _stamp(path)[:4] == stamp[:4]:
                    rows.append((path, *_stamp(path), now, digest))
        with suppress(sqlite3.Error, OSError):
            if rows:
                with self._opened() as db:
                    db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        if self._index is not None:
            self._index.close()
            self._index = None
        self._fresh, self._moved = {}, {}

    def _known(self, path: str) -> str | None:
        stamp = _stamp(path)
        if path in self._moved and self._moved[path][0] == stamp:
            return self._moved[path][1]
        known, read, digest = self._fresh.get(path) or self._row(path)
        return digest if known == stamp and read > max(stamp[3:]) + _TICK_NS else None

    def _row(self, path: str) -> tuple[_Stamp | None, int, str | None]:
        if self._index is None and not self._path.exists():
            return None, 0, None
        try:
            row = self._opened().execute("SELECT * FROM files WHERE path = ?", (path,)).fetchone()
        except sqlite3.Error:
            row = None
        return (None, 0, None) if row is None else (tuple(row[1:6]), row[6], row[7])

    def _read(self, paths: list[str]) -> Iterator[str]:
        """Read and remember; a file that changes while it is read is not remembered."""
        before = [(path, _stamp(path), time.time_ns()) for path in paths]
        for (path, stamp, read), digest in zip(before, _digests(paths), strict=True):
            if _stamp(path) == stamp:
                self._fresh[path] = (stamp, read, digest)
            yield digest

    def _opened(self) -> sqlite3.Connection:
        if self._index is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._index = _open(self._path)
            except sqlite3.DatabaseError:  # not a database: a machine that died while it was written
                self._path.unlink(missing_ok=True)
                self._index = _open(self._path)
        return self._index


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY_S)
    db.execute("PRAGMA synchronous = OFF")  # what is lost is read again
    db.execute(_SCHEMA)
    return db


def _stamp(path: str) -> _Stamp:
    status = os.stat(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _digests(paths: list[str]) -> list[str]:
    if len(paths) < 2:
        return [_digest(path) for path in paths]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_digest, paths))


def _digest(path: str) -> str:
    with open(path, "rb", buffering=0) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _entries(root: str) -> Iterator[tuple[str, str]]:
    """The files and folders below a folder, by name with `/`; a folder is not entered twice on one way down."""
    todo = [("", frozenset({os.path.realpath(root)}))]
    while todo:
        folder, above = todo.pop()
        for name in os.listdir(f"{root}/{folder}"):
            inner = f"{folder}{name}"
            try:
                mode = os.stat(f"{root}/{inner}").st_mode
            except FileNotFoundError:
                yield inner, "dangling link"
                continue
            if stat.S_ISREG(mode):
                yield inner, "program" if mode & 0o100 else "file"
            elif not stat.S_ISDIR(mode):
                yield inner, "neither file nor folder"
            else:
                yield inner, "folder"
                real = os.path.realpath(f"{root}/{inner}")
                if real not in above:
                    todo.append((f"{inner}/", above | {real}))
