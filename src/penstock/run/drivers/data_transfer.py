"""Copies the inputs of a data_transfer step into its output.

Its orders are a JSON file:

inputs   [{name, path, ours}]   in order; what is ours is read-only and gets a second name instead of a copy
output   a path that is not there yet
type     of the output: uri_file, uri_folder, mltable, ...
mode     merge_with_overwrite | fail_if_conflict | null
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

_CLONE = 0x40049409  # ioctl_ficlone(2): the copy shares the blocks until one of the two is written to
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP)
_TOLD_EVERY_S = 5.0


class Source(NamedTuple):
    """A file to copy, and the input that it comes from."""

    path: str
    input: str
    ours: bool


class TransferError(Exception):
    """What keeps the copy from being made, in words."""


def main(orders: dict[str, Any]) -> None:
    """Copy all of it, or nothing if there are conflicts that may not be."""
    wanted: dict[str, Source] = {}
    folders: dict[str, str] = {"": ""}
    conflicts: list[str] = []
    mode = orders["mode"]
    if mode is None:
        mode = "merge_with_overwrite"
        if len(orders["inputs"]) > 1:
            print("no data_copy_mode is given: of two files of one name the later input's is kept")
    as_file = orders["type"] == "uri_file"
    for given in orders["inputs"]:
        for name, path in _listed(given["path"], given["name"], folders, as_file=as_file):
            if name in wanted:
                conflicts.append(f"{name or given['name']}: in '{wanted[name].input}' and in '{given['name']}'")
            wanted[name] = Source(path, given["name"], given["ours"])
    _refuse_mixed(wanted, folders)
    if conflicts and mode == "fail_if_conflict":
        listed = "\n".join(f"  {conflict}" for conflict in conflicts)
        more = "are in more than one input" if len(conflicts) > 1 else "is in more than one input"
        raise TransferError(f"{len(conflicts)} of the files {more} (data_copy_mode: fail_if_conflict):\n{listed}")
    for conflict in conflicts:
        print(f"overwritten: {conflict}, which is kept")
    for folder in folders if not as_file else ():
        os.makedirs(os.path.join(orders["output"], folder), exist_ok=True)
    _copy_all(wanted, orders["output"])


def _listed(path: str, name: str, folders: dict[str, str], *, as_file: bool) -> Iterator[tuple[str, str]]:
    """The files of an input by their names in the output; a file's name in a file is none."""
    if not os.path.exists(path):
        raise TransferError(f"the data of '{name}' is not there: {path}")
    if os.path.isfile(path):
        yield ("" if as_file else os.path.basename(path)), path
        return
    if as_file:
        raise TransferError(f"'{name}' is a folder and the output is of type uri_file: {path}")
    yield from _below(path, "", name, folders, (os.path.realpath(path),))


def _below(
    path: str, prefix: str, name: str, folders: dict[str, str], above: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    with os.scandir(path) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        inner = prefix + entry.name
        if entry.is_dir():
            real = os.path.realpath(entry.path)
            if real in above:
                raise TransferError(f"'{name}': {entry.path} is a link to a folder that it is in")
            folders[inner] = name
            yield from _below(entry.path, inner + "/", name, folders, (*above, real))
        elif entry.is_file():
            yield inner, entry.path
        else:
            raise TransferError(f"'{name}': {entry.path} is neither a file nor a folder, or a link to nothing")


def _refuse_mixed(wanted: dict[str, Source], folders: dict[str, str]) -> None:
    for name, source in wanted.items():
        if name and name in folders:
            raise TransferError(f"{name} is a file in '{source.input}' and a folder in '{folders[name]}'")


def _copy_all(wanted: dict[str, Source], output: str) -> None:
    linked, size, told = 0, 0, time.monotonic()
    for number, (name, source) in enumerate(wanted.items(), 1):
        target = os.path.join(output, name) if name else output
        linked += _copy(source, target)
        size += os.path.getsize(target)
        if time.monotonic() > told + _TOLD_EVERY_S:
            told = time.monotonic()
            print(f"{number} of {len(wanted)} files", flush=True)
    print(f"{len(wanted)} files, {size} bytes: {len(wanted) - linked} copied, {linked} by a second name")


def _copy(source: Source, target: str) -> bool:
    """Whether a second name was enough."""
    if source.ours and not os.path.islink(source.path):
        try:
            os.link(source.path, target)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
        else:
            return True
    if not _cloned(source.path, target):
        shutil.copyfile(source.path, target)
    return False


def _cloned(source: str, target: str) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    with open(source, "rb") as read, open(target, "wb") as write, suppress(OSError):
        fcntl.ioctl(write, _CLONE, read.fileno())
        return True
    return False


if __name__ == "__main__":
    try:
        with open(sys.argv[1], encoding="utf-8") as stream:
            given = json.load(stream)
        main(given)
    except (TransferError, OSError) as error:
        sys.exit(f"nothing was copied: {error}" if isinstance(error, TransferError) else f"copying failed: {error}")
