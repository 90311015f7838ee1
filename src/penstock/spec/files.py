"""The read-only view of the disk that reading and checking definitions need. `penstock.store.files` implements it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from msgspec import Struct


class SnapshotFile(Struct, frozen=True):
    """A file that a snapshot uploads: where it lies, and its path from the snapshot's root with slashes."""

    path: Path
    name: str


class Files(Protocol):
    """Read-only access to files; paths are absolute or relative to the working directory."""

    def is_file(self, path: Path) -> bool: ...

    def is_dir(self, path: Path) -> bool: ...

    def read(self, path: Path) -> bytes:
        """The file's bytes. Raises OSError if it cannot be read."""
        ...

    def size(self, path: Path) -> int:
        """The file's size in bytes. Raises OSError."""
        ...

    def is_symlink(self, path: Path) -> bool: ...

    def real(self, path: Path) -> Path:
        """The path without symbolic links in it, absolute; a link to nothing leads to where it points."""
        ...

    def snapshot(self, code: Path | None, includes: tuple[Path, ...]) -> Iterator[SnapshotFile]:
        """What uploading `code` with `additional_includes` would send, ignore files applied, in a stable order."""
        ...
