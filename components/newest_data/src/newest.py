"""Which file of a folder is the newest: by the date in its path, or by its name.

Not by when it was written: a mount, a copy and a download each have a time of their own for the same file.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from penstock_steps.digests import file_digest
from penstock_steps.errors import StepError

SELECTION_FILE = "selection.json"
FORMAT = 1
Key = datetime | list[tuple[bool, int, str]]  # a date, or the parts of a name
_DIGITS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "j": 3, "y": 2}


@dataclass(frozen=True)
class Newest:
    """The newest of `files` files: its path below the folder, its date (ISO 8601) if it was chosen by one.

    `before` is the path of the one that comes second, if there is one.
    """

    file: str
    date: str | None
    files: int
    before: str | None


@dataclass(frozen=True)
class Selection(Newest):
    """With the content that was handed on: its digest (sha256:...) and its size in bytes."""

    digest: str
    bytes: int


def select(folder: Path, pattern: str, date_format: str | None) -> Newest:
    """The newest of the files below `folder` that the glob `pattern` matches.

    Files and folders whose names begin with a dot or an underscore do not count: what is half written is often called
    so (_temporary, .part).

    Raises:
        StepError: no such folder, no such file, a bad pattern or format, a file without a date, or several newest ones.
    """
    if not folder.is_dir():
        raise StepError(f"{folder} is no folder; give folder the place that new files come into")
    names = sorted(_matching(folder, pattern))
    if not names:
        raise StepError(f"{folder} holds no file that {pattern} matches; {_there_is(folder)}")
    keys = {name: _date(name, date_format) if date_format else _natural(name) for name in names}
    ordered = sorted(names, key=lambda name: keys[name])
    newest, before = ordered[-1], ordered[-2] if len(ordered) > 1 else None
    if before is not None and keys[before] == keys[newest]:
        raise StepError(
            f"{before} and {newest} are both the newest; narrow pattern ({pattern}) so that one of them counts"
        )
    key = keys[newest]
    return Newest(newest, key.isoformat() if isinstance(key, datetime) else None, len(names), before)


def _matching(folder: Path, pattern: str) -> list[str]:
    try:
        found = [path for path in folder.glob(pattern) if path.is_file()]
    except (ValueError, NotImplementedError) as error:
        raise StepError(f"pattern {pattern!r} is no glob below the folder: {error}; write *.csv, for example") from None
    names = (path.relative_to(folder) for path in found)
    return [name.as_posix() for name in names if not any(part.startswith((".", "_")) for part in name.parts)]


def _there_is(folder: Path) -> str:
    files = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    return f"it holds {len(files)} others, such as {files[-1]}" if files else "it is empty"


def _natural(name: str) -> Key:
    """So that part-10 comes after part-9."""
    parts = re.findall(r"(\d+)|(\D+)", name)
    return [(not digits, int(digits or 0), text) for digits, text in parts]


def _date(name: str, date_format: str) -> Key:
    found = re.search(_regex(date_format), name)
    if found is None:
        raise StepError(
            f"{name} has no date as {date_format} in it; narrow pattern to the files that have, or correct it"
        )
    try:
        return datetime.strptime(found[0], date_format)  # noqa: DTZ007 - a date in a name has no zone
    except ValueError as error:
        raise StepError(f"{name} has no date as {date_format} in it: {error}") from None


def _regex(date_format: str) -> str:
    """What a date of this format looks like. Raises StepError for letters that do not have a fixed number of digits."""
    letters = re.findall(r"%(.?)", date_format)
    if not letters or any(letter not in _DIGITS for letter in letters):
        known = ", ".join(f"%{letter}" for letter in _DIGITS)
        raise StepError(f"date_format {date_format!r} must have some of {known}, and no other letter after %")
    texts = re.split(r"%.", date_format)
    middle = "".join(
        rf"\d{{{_DIGITS[letter]}}}{re.escape(text)}" for letter, text in zip(letters, texts[1:], strict=True)
    )
    return rf"(?<!\d){re.escape(texts[0])}{middle}(?!\d)"


def write_selection(folder: Path, newest: Newest, data: Path) -> Selection:
    """Write selection.json into `folder`, making it; `data` is the copy that is handed on, whose content counts."""
    selection = Selection(**asdict(newest), digest=file_digest(data), bytes=data.stat().st_size)
    folder.mkdir(parents=True, exist_ok=True)
    document = {"format": FORMAT, **asdict(selection)}
    (folder / SELECTION_FILE).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return selection
