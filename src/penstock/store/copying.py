"""Copies of files that share no later change with what they were made of."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from pathlib import Path

_CLONE = 0x40049409  # FICLONE of linux/fs.h: a copy that takes no room until one of the two is changed
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's content and x-bit, links followed; a clone where the file system can. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not _cloned(source, target):
        shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644)


def _cloned(source: Path, target: Path) -> bool:
    try:
        with source.open("rb") as read, target.open("wb") as write:
            fcntl.ioctl(write.fileno(), _CLONE, read.fileno())
    except OSError:
        return False
    return True


def link_tree(source: Path, target: Path) -> None:
    """Give a file, or all files of a folder, a second name below `target`; what is there of the same name is replaced.

    For what is read-only already. Each file changes at once; a folder that is not there appears as a whole. Raises
    OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not target.exists():
        temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
        shutil.rmtree(temporary, ignore_errors=True)
        _linked(source, temporary)
        try:
            temporary.rename(target)
        except OSError:  # somebody was faster: into what is there now
            _linked(temporary, target)
        shutil.rmtree(temporary, ignore_errors=True)
        return
    _linked(source, target)


def _linked(source: Path, target: Path) -> None:
    if not source.is_dir():
        _link(source, target)
        return
    target.mkdir(parents=True, exist_ok=True)
    for inner in source.iterdir():
        _linked(inner, target / inner.name)


def _link(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    if source.is_symlink():
        shutil.copy2(source, temporary)
    else:
        try:
            os.link(source, temporary)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            shutil.copy2(source, temporary)
    temporary.replace(target)
    temporary.unlink(missing_ok=True)  # renaming a file to another name of itself does nothing
