"""The tables that MLTable files on the disk describe: what they say, and the files that they are made of."""

from __future__ import annotations

import glob
import os
import shutil
from pathlib import Path

from msgspec import Struct

from penstock.errors import RunError
from penstock.spec.mltable import MLTABLE, MLTable, TablePath, read_mltable
from penstock.spec.source import parse


class FoundTable(Struct, frozen=True):
    """An MLTable file that has been read, with its files in order."""

    table: MLTable
    files: tuple[Path, ...]


def find_table(folder: Path) -> FoundTable:
    """The table that the MLTable file in a folder describes. Raises RunError, with the place of what is wrong."""
    file = folder / MLTABLE
    try:
        table = read_mltable(parse(file.read_bytes(), str(file)))
    except OSError as error:
        raise RunError(f"an input of type mltable is a folder with a file MLTable: {file}: {error.strerror}") from None
    if table.findings:
        raise RunError("\n".join(map(str, table.findings)))
    found: list[Path] = []
    for path in table.paths:
        files = sorted(_files(path, folder))
        if not files:
            raise RunError(f"{path.place}: no file is there for '{path.text}'")
        if table.is_tabular and file in files:
            raise RunError(f"{path.place}: '{path.text}' takes in the MLTable file itself, whose lines would be rows")
        found += files
    return FoundTable(table, tuple(found))


def _files(path: TablePath, folder: Path) -> list[Path]:
    text = path.text.removeprefix("file://")
    if path.kind == "pattern":
        named = glob.glob(text, root_dir=folder, recursive=True, include_hidden=True)  # noqa: PTH207 - hidden ones too
    else:
        named = [text] if path.kind == "file" else _below(folder / text)
    absolute = [Path(os.path.normpath(folder / name)) for name in named]
    return [each for each in absolute if each.is_file()]


def _below(folder: Path) -> list[str]:
    return [str(path) for path in files_below(folder)]


def files_below(path: Path) -> list[Path]:
    """The files of a folder at any depth, sorted; of a file itself. Links are followed."""
    if path.is_file():
        return [path]
    found = [Path(above) / name for above, _, names in os.walk(path, followlinks=True) for name in names]
    return sorted(each for each in found if each.is_file())


def link_files(table: FoundTable, folder: Path, target: Path, *, copies: bool = False) -> Path:
    """Make a folder of links to the table's files, by their paths from the MLTable's folder. Raises OSError."""
    target.mkdir(parents=True)
    for file in table.files:
        inside = file.is_relative_to(folder)
        link = target / (file.relative_to(folder) if inside else str(file).lstrip("/"))
        link.parent.mkdir(parents=True, exist_ok=True)
        if copies:
            shutil.copyfile(file, link)
        elif not link.is_symlink():
            link.symlink_to(file)
    return target
