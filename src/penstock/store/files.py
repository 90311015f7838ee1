"""The disk as reading, checking and planning see it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from penstock.spec.files import SnapshotFile
from penstock.store.ignore import snapshot_files


class Disk:
    """Implements `penstock.spec.files.Files`."""

    def is_file(self, path: Path) -> bool:
        return os.path.isfile(path)  # False also for a path that cannot exist (too long, a null byte)

    def is_dir(self, path: Path) -> bool:
        return os.path.isdir(path)

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def size(self, path: Path) -> int:
        return path.stat().st_size

    def is_symlink(self, path: Path) -> bool:
        return os.path.islink(path)  # noqa: PTH114 - pathlib raises for a name that is too long

    def real(self, path: Path) -> Path:
        return Path(os.path.realpath(path))

    def snapshot(self, code: Path | None, includes: tuple[Path, ...]) -> Iterator[SnapshotFile]:
        return snapshot_files(code, includes)


class RememberingDisk(Disk):
    """A disk that does not change while it is looked at: what was read once is not read again."""

    def __init__(self) -> None:
        self._bytes: dict[Path, bytes] = {}
        self._snapshots: dict[tuple[Path | None, tuple[Path, ...]], tuple[SnapshotFile, ...]] = {}

    def read(self, path: Path) -> bytes:
        if path not in self._bytes:
            self._bytes[path] = super().read(path)
        return self._bytes[path]

    def snapshot(self, code: Path | None, includes: tuple[Path, ...]) -> Iterator[SnapshotFile]:
        key = (code, includes)
        if key not in self._snapshots:
            self._snapshots[key] = tuple(super().snapshot(code, includes))
        return iter(self._snapshots[key])
