"""Logs that do not fill the disk: of one that grows beyond all measure the head and the tail are kept.

A step writes to its log file itself, so nothing stands in its way. What is in the middle of a log that has grown too
large is given back to the disk while the step runs (a hole in the file, see fallocate(2)), and the file is made small
when the step has ended.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LIMIT = 100 << 20
LOOK_EVERY_S = 1.0
_BLOCK = 4096
_KEEP_SIZE_PUNCH_HOLE = 0x03
_PATTERNS = ("*.txt", "trials/*/std_log.txt", "workers/*.txt")


@dataclass
class Logs:
    """The logs of one attempt. `cut` holds the sizes at which those that were too large have been looked at."""

    folder: Path
    limit: int = LIMIT
    cut: dict[Path, int] = field(default_factory=dict)

    def look(self) -> list[Path]:
        """Give back the middle of what has grown too large; the logs for which this is the first time."""
        new = []
        for path, size in self._all():
            if size > max(self.limit, self.cut.get(path, 0) + self.limit // 4):
                new += [path] if path not in self.cut else []
                self.cut[path] = size
                _punch(path, self.limit // 2, size - self.limit // 2)
        return new

    def close(self) -> list[Path]:
        """Make the logs small that were, or are, too large; those for which this is the first time."""
        new = [path for path, size in self._all() if path not in self.cut and size > self.limit]
        for path in (*self.cut, *new):
            with suppress(OSError):  # gone, or no space for what is kept: it stays as it is
                _shorten(path, self.limit // 2)
        return new

    def _all(self) -> Iterator[tuple[Path, int]]:
        """The logs and their sizes; steps may make and remove some at any time."""
        for pattern in _PATTERNS:
            for path in self.folder.glob(pattern):
                with suppress(OSError):
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode):
                        yield path, status.st_size


def told(limit: int = LIMIT) -> str:
    """What is said of a log that was too large."""
    half = limit // 2
    shown = f"{half >> 20} MB" if half >= 1 << 20 else f"{half} bytes"
    return f"has grown too large; only its first and last {shown} are kept"


def _punch(path: Path, start: int, end: int) -> None:
    start, end = -(-start // _BLOCK) * _BLOCK, end // _BLOCK * _BLOCK
    if end <= start or not sys.platform.startswith("linux"):
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    with suppress(OSError), path.open("r+b") as file:
        libc.fallocate(file.fileno(), _KEEP_SIZE_PUNCH_HOLE, ctypes.c_longlong(start), ctypes.c_longlong(end - start))


def _shorten(path: Path, half: int) -> None:
    """Head, a line that says what is missing, tail."""
    size = path.stat().st_size
    if size <= 2 * half:
        return
    temporary = path.with_name(f".{path.name}.short")
    with path.open("rb") as source, temporary.open("wb") as target:
        target.write(source.read(half))
        target.write(f"\n--- {size - 2 * half} bytes are left out here: this log {told(2 * half)} ---\n".encode())
        source.seek(size - half)
        shutil.copyfileobj(source, target)
    os.replace(temporary, path)  # noqa: PTH105 - as a person would rename it
