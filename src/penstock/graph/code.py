"""The files of a component's snapshot."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.graph.coded import Coded
from penstock.spec.files import Files, SnapshotFile


def code_files(component: Coded, files: Files) -> Iterator[SnapshotFile]:
    """What uploading `code` with `additional_includes` would send, in a stable order. Raises OSError."""
    code, folder = component.code, component.folder
    includes = tuple(folder / str(include.value) for include in code.includes)
    if code.path is not None or includes:
        yield from files.snapshot(folder / code.path if code.path is not None else None, includes)
