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

    def snapshot(self, code: Path | None, includes: tuple[Path, ...]) -> Iterator[SnapshotFile]:
        return snapshot_files(code, includes)
