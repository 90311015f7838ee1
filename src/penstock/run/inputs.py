"""Where nothing keeps a step from writing to its inputs: whether it has, seen by their files before and after.

By name, number, size and time of the last change of every file; its content is not read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from penstock.graph.model import GraphNode
from penstock.run.modes import mounted, needed
from penstock.store.workspace import RunFolder

_Stamps = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Inputs:
    """The mounted inputs of one attempt, by name; none of them on a machine that keeps them read-only."""

    paths: Mapping[str, str]
    before: Mapping[str, _Stamps]

    @classmethod
    def of(cls, node: GraphNode, run: RunFolder, *, guarded: bool) -> Inputs:
        """As they are now. A folder that holds the workspace or the like is left out: it always changes."""
        paths = {} if guarded else mounted(node, run)
        paths = {name: path for name, path in paths.items() if not _is_busy(path, needed(run))}
        return cls(paths, {name: dict(_stamps(path)) for name, path in paths.items()})

    def changed(self) -> dict[str, str]:
        """The inputs that are not as they were, each with a file that shows it."""
        found = {}
        for name, path in self.paths.items():
            before, now = self.before[name], dict(_stamps(path))
            if now != before:
                found[name] = next(file for file in (*before, *now) if before.get(file) != now.get(file))
        return found


def in_words(changed: Mapping[str, str]) -> str:
    """Why a step that has changed its inputs has failed."""
    shown = ", ".join(f"'{name}' ({Path(file).name})" for name, file in changed.items())
    return f"its input {shown} was changed while it ran; on Azure inputs are read-only (mode: download gives a copy)"


def _is_busy(path: str, folders: tuple[str, ...]) -> bool:
    return any(folder == path or folder.startswith(path.rstrip("/") + "/") for folder in folders)


def _stamps(root: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _stamp(root)
    for folder, folders, names in os.walk(root):
        for name in folders:
            yield f"{folder}/{name}", ()
        for name in names:
            yield from _stamp(f"{folder}/{name}")


def _stamp(path: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    with suppress(OSError):
        status = Path(path).stat()
        if stat.S_ISREG(status.st_mode):
            yield path, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
