"""What several rules look at is read once per check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from penstock.check.subject import Subject

T = TypeVar("T")


def remembered(subject: Subject, key: tuple[object, ...], make: Callable[[], T]) -> T:
    """What `make` makes, the first time in this check that something is asked for by `key`."""
    if key not in subject.cache:
        subject.cache[key] = make()
    return cast("T", subject.cache[key])


def bytes_of(subject: Subject, path: Path) -> bytes:
    """The file's content. Raises OSError or, for a path that cannot be, ValueError."""
    return remembered(subject, ("bytes", path), lambda: subject.files.read(path))
