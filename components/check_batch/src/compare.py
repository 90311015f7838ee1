"""Compares a file with what batch_score made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock_steps.batches import csv_rows, read_set_aside, set_aside_file
from penstock_steps.errors import StepError
from penstock_steps.tables import may_be_table, table_kind

_AGAIN = "run batch_score again"
_BATCH = 10_000  # rows of a Parquet file at a time


@dataclass(frozen=True)
class FileCounts:
    """Rows of a file; `columns` names for each row that was set aside the column because of which it was."""

    name: str
    rows: int
    scored: int
    columns: Sequence[str]

    @property
    def set_aside(self) -> int:
        return len(self.columns)


def stray_files(tables: Sequence[Path], scored: Path, set_aside: Path) -> list[str]:
    """What lies in the outputs and belongs to none of the tables (paths below the data's folder)."""
    expected = {scored / table for table in tables} | {set_aside / set_aside_file(table) for table in tables}
    return [
        str(path)
        for folder in (scored, set_aside)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path not in expected and may_be_table(path.relative_to(folder))
    ]


def check_file(file: Path, data: Path, scored: Path, set_aside: Path) -> FileCounts:
    """The counts of one file (a path below `data`).

    Raises StepError, naming file and row, if a row is missing, there twice, in another place or changed.
    """
    aside = read_set_aside(set_aside / set_aside_file(file))
    numbers = {int(row["row"]) for row in aside}
    if not (scored / file).is_file():
        raise StepError(f"{file} was not scored: {scored / file} is not there; {_AGAIN}")
    rows = count = 0
    kept = iter(_rows(scored / file))
    columns, given = _columns(next(kept)), iter(_rows(data / file))
    if columns[:-1] != _columns(next(given)):
        raise StepError(f"{scored / file} has other columns than {data / file} and one more")
    for rows, values in enumerate(given, 1):
        if rows in numbers:
            continue
        count += 1
        found = next(kept, None)
        if found is None or not _same(found[:-1], values):
            what = "is missing" if found is None else "is not in its place, or was changed"
            raise StepError(f"row {rows} of {file}, which was not set aside, {what} in {scored / file}; {_AGAIN}")
    if next(kept, None) is not None:
        raise StepError(f"{scored / file} has more rows than {data / file} without those set aside; {_AGAIN}")
    if max(numbers, default=0) > rows:
        raise StepError(f"row {max(numbers)} of {file} was set aside, but the file has {rows} rows")
    return FileCounts(file.as_posix(), rows, count, [str(row.get("column") or "the whole row") for row in aside])


def _columns(names: Sequence[Any]) -> list[str]:
    return [str(name) for name in names]


def _rows(path: Path) -> Iterator[Sequence[Any]]:
    """The columns' names, then the values of each row."""
    if table_kind(path) == "csv":
        yield from (cells for _, cells in csv_rows(path))
        return
    try:
        file = pq.ParquetFile(path)
        yield file.schema_arrow.names
        for batch in file.iter_batches(batch_size=_BATCH):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except (pa.ArrowException, OSError) as error:
        raise StepError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from None


def _same(one: Sequence[Any], two: Sequence[Any]) -> bool:
    """Equal, where not-a-number equals itself."""
    return all(a == b or (a != a and b != b) for a, b in zip_longest(one, two, fillvalue=_rows))  # noqa: PLR0124
