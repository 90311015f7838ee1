"""The files that are scored: CSV as text, so that one bad value harms one row, and Parquet as it is typed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from batch_values import from_text, from_typed
from penstock_steps.batches import csv_rows
from penstock_steps.errors import StepError
from penstock_steps.model_input import ModelColumn
from penstock_steps.tables import check_names, table_kind


@dataclass(frozen=True)
class Chunk:
    """Some rows that follow each other.

    Attributes:
        first: the number of the first one in its file, from 1.
        rows: the values that the model takes, as JSON has them; empty for a broken row.
        values: those of the row at a position, as the file has them.
        broken: why rows cannot be read at all, by position.
        lines: at which lines they begin, in CSV.
        batch: the rows as Arrow has them, in Parquet.
    """

    first: int
    rows: Sequence[Sequence[Any]]
    values: Callable[[int], Sequence[Any]]
    broken: Mapping[int, str] = field(default_factory=dict)
    lines: Sequence[int] = ()
    batch: pa.RecordBatch | None = None


class Writer(Protocol):
    """Writes a file like the one that is scored, with one column more."""

    def write(self, chunk: Chunk, predictions: Mapping[int, Any]) -> None:
        """Write the rows of `chunk` that have a prediction, by position in ascending order."""


class Table(Protocol):
    """A file that is scored."""

    path: Path
    columns: list[str]

    def chunks(self, size: int, taken: Sequence[ModelColumn]) -> Iterator[Chunk]:
        """The rows, at most `size` at a time. Raises StepError if the file turns out to be broken."""

    def writer(self, path: Path, column: str) -> Any:
        """A context with the `Writer` of a new file. Raises StepError if there is such a column already."""


def open_table(path: Path) -> Table:
    """A file as a table, by its content. Raises StepError if it is none."""
    return ParquetTable(path) if table_kind(path) == "parquet" else CsvTable(path)


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A path to write to; what is there at the end takes the place of `path` at once, if all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")  # of a name that is always the same: another attempt writes over it
    yield part
    part.replace(path)


class CsvTable:
    """A CSV file with a header."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns = next(csv_rows(path))[1]

    def chunks(self, size: int, taken: Sequence[ModelColumn]) -> Iterator[Chunk]:
        """Rows as text, of whatever length."""
        rows, first = csv_rows(self.path), 1
        next(rows)
        while part := [row for _, row in zip(range(size), rows, strict=False)]:
            yield self._chunk(first, part, taken)
            first += len(part)

    def _chunk(self, first: int, part: Sequence[tuple[int, list[str]]], taken: Sequence[ModelColumn]) -> Chunk:
        wanted = len(self.columns)
        broken = {
            position: f"has {len(cells)} values, the header names {wanted} columns; a comma in a value needs quotes"
            for position, (_, cells) in enumerate(part)
            if len(cells) != wanted
        }
        places = [(self.columns.index(column.name), column.type) for column in taken]
        rows = [
            [from_text(cells[place], kind) for place, kind in places] if len(cells) == wanted else []
            for _, cells in part
        ]
        return Chunk(first, rows, lambda position: part[position][1], broken, [line for line, _ in part])

    @contextmanager
    def writer(self, path: Path, column: str) -> Iterator[Writer]:
        """Values as they are written in this file."""
        _check_new(self, column)
        with path.open("w", encoding="utf-8", newline="") as stream:
            file = csv.writer(stream, lineterminator="\n")
            file.writerow([*self.columns, column])
            yield _CsvWriter(file)


@dataclass(frozen=True)
class _CsvWriter:
    file: Any

    def write(self, chunk: Chunk, predictions: Mapping[int, Any]) -> None:
        self.file.writerows([*chunk.values(position), value] for position, value in predictions.items())


class ParquetTable:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from None
        self.columns = list(self._file.schema_arrow.names)
        check_names(path, self.columns)

    def chunks(self, size: int, taken: Sequence[ModelColumn]) -> Iterator[Chunk]:
        """Rows as the file types them."""
        first = 1
        try:
            for batch in self._file.iter_batches(batch_size=size):
                columns = [
                    [from_typed(value, column.type) for value in batch.column(column.name).to_pylist()]
                    for column in taken
                ]
                rows = list(zip(*columns, strict=True))
                yield Chunk(first, rows, partial(_values, batch), batch=batch)
                first += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self.path, error) from None

    @contextmanager
    def writer(self, path: Path, column: str) -> Iterator[Writer]:
        """Columns typed as in this file, and one of the predictions' type."""
        _check_new(self, column)
        writer = _ParquetWriter(path, self._file.schema_arrow, column)
        yield writer
        writer.close()


def _values(batch: pa.RecordBatch, position: int) -> list[Any]:
    return [column[position].as_py() for column in batch.columns]


class _ParquetWriter:
    def __init__(self, path: Path, schema: pa.Schema, column: str) -> None:
        self._path, self._schema, self._column = path, schema, column
        self._writer: pq.ParquetWriter | None = None

    def write(self, chunk: Chunk, predictions: Mapping[int, Any]) -> None:
        if predictions:
            assert chunk.batch is not None  # noqa: S101 - of a Parquet file
            self._add(chunk.batch.take(pa.array(list(predictions))), pa.array(list(predictions.values())))

    def close(self) -> None:
        """Without a row the column has no type."""
        if self._writer is None:
            self._add(pa.RecordBatch.from_pylist([], self._schema), pa.nulls(0))
        assert self._writer is not None  # noqa: S101 - tells the type checker
        self._writer.close()

    def _add(self, rows: pa.RecordBatch, predictions: pa.Array) -> None:
        if self._writer is None:
            schema = self._schema.append(pa.field(self._column, predictions.type))
            self._writer = pq.ParquetWriter(self._path, schema)
        self._writer.write_batch(pa.RecordBatch.from_arrays([*rows.columns, predictions], schema=self._writer.schema))


def _check_new(table: Table, column: str) -> None:
    if column in table.columns:
        raise StepError(f"{table.path} has a column {column!r} already; name another one with --prediction-column")


def _unreadable(path: Path, error: Exception) -> StepError:
    return StepError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}")
