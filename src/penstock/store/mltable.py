"""`MLTable` files: which data they name, and what is to be done with it.

Source: Azure ML's "CLI (v2) MLTable YAML schema".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import RunError
from penstock.spec.finding import did_you_mean
from penstock.spec.place import Place
from penstock.spec.source import Mapping, Node, Scalar, Sequence, parse, plain, scalar_text

FILE = "MLTable"
READS = ("read_delimited", "read_parquet", "read_json_lines")
STEPS = (
    "keep_columns",
    "drop_columns",
    "take",
    "take_random_sample",
    "skip",
    "filter",
    "convert_column_types",
    "extract_columns_from_partition_format",
)


@dataclass(frozen=True, slots=True)
class MLTable:
    """An MLTable: the files that it names, and its transformations with their arguments, in order.

    Without a transformation that reads, it is a list of files.
    """

    folder: Path
    files: tuple[Path, ...]
    transformations: tuple[tuple[str, Any], ...]

    @property
    def is_table(self) -> bool:
        return any(name in READS for name, _ in self.transformations)


def read_mltable(folder: Path) -> MLTable:
    """The MLTable in a folder. Raises RunError for what is wrong with it, with its place."""
    path = folder / FILE
    try:
        document = parse(path.read_bytes(), str(path))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}; an mltable is a folder with such a file") from None
    if document.findings:
        raise RunError("\n".join(map(str, document.findings)))
    root = document.root
    paths = root.get("paths") if isinstance(root, Mapping) else None
    if not isinstance(root, Mapping) or not isinstance(paths, Sequence):
        raise RunError(f"{Place(str(path))}: an MLTable lists its data below paths:")
    files = tuple(file for item in paths.items for file in _files(item, folder))
    listed = root.get("transformations")
    items = listed.items if isinstance(listed, Sequence) else ()
    return MLTable(folder, files, tuple(_transformation(item) for item in items))


def _files(item: Node, folder: Path) -> Iterator[Path]:
    """The files of one entry of `paths`, in order."""
    entry = next(iter(item), None) if isinstance(item, Mapping) else None
    if entry is None or not isinstance(entry.value, Scalar) or entry.key.text not in ("file", "folder", "pattern"):
        raise RunError(f"{item.place}: an entry of paths: is file:, folder: or pattern: with a path")
    text = scalar_text(entry.value)
    if "://" in text and not text.startswith("file://"):
        raise RunError(f"{entry.value.place}: '{text}' is not on this machine; download it and name its path")
    path = folder / text.removeprefix("file://")
    if entry.key.text == "pattern":
        found = sorted(p for p in Path(folder).glob(text.removeprefix("./")) if p.is_file())
    elif entry.key.text == "folder":
        found = [Path(root) / name for root, folders, names in _walk(path) for name in sorted(names)]
    else:
        found = [path]
    if not found or not all(p.is_file() for p in found):
        raise RunError(f"{entry.value.place}: there is no {entry.key.text} '{text}' in {folder}")
    yield from (Path(os.path.normpath(p)) for p in found)


def _walk(path: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for root, folders, names in os.walk(path):
        folders.sort()
        yield root, folders, names


def _transformation(item: Node) -> tuple[str, Any]:
    """A name, or an object of one name with its arguments."""
    if isinstance(item, Scalar):
        name, arguments, place = scalar_text(item), None, item.place
    else:
        entry = next(iter(item), None) if isinstance(item, Mapping) else None
        if entry is None:
            raise RunError(f"{item.place}: a transformation is a name, or a name with its arguments")
        name, arguments, place = entry.key.text, plain(entry.value), entry.key.place
    if name not in (*READS, *STEPS):
        close = did_you_mean(name, (*READS, *STEPS))
        raise RunError(f"{place}: the transformation '{name}' is not done on this machine. {close}")
    return name, arguments
