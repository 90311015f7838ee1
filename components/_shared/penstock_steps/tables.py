"""Tables on disk: reads CSV and Parquet into pandas, strictly, and writes Parquet.

What a column becomes, so that steps and suites may rely on it:

- CSV: what `pandas.read_csv` makes of the whole column: int64, float64, bool or text (object); its usual words for a
  missing value (empty, NA, NaN, null, None, ...) are nulls. Floats are parsed to the nearest double. **Dates stay
  text**: whoever needs a time parses it, and text is the same after any number of round trips.
- Parquet: what the file declares. A saved pandas index is a column like any other, dates without a time are
  datetime64, dictionaries are categories, and pandas' nullable dtypes are read as their plain NumPy ones.
- Whole numbers with a null among them are float64 (pandas has no other way); above 2**53 they then lose digits.
- A folder is read file by file in the order of the paths; integers and floats in different files become floats.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from penstock_steps.errors import StepError

TABLE_FILE = "data.parquet"
PARQUET_MAGIC = b"PAR1"  # https://parquet.apache.org/docs/file-format/
_NOT_TABLES = {".json", ".html"}  # what our own steps lay beside a table: reports, lineage.json
_OTHER_FORMATS = {
    rb"PK\x03\x04": "a zip archive or an Excel workbook",
    rb"\x1f\x8b": "a gzip file",
    rb"%PDF": "a PDF",
    rb"\xff\xfe|\xfe\xff": "UTF-16 text",
    rb"\s*(\{\s*[\"}]|\[\s*[\[{\"\]\d-])": "JSON",
    rb"\s*<[!?a-zA-Z]": "HTML or XML",
}
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
Kind = Literal["csv", "parquet"]


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV or Parquet file, or a folder of such files with the same columns.

    A file's kind is told by its content, not by its name. In a folder (searched whole), files whose name or folder
    begins with a dot or an underscore are no tables, nor are .json and .html files. No rows is not an error here.

    Returns:
        The rows in file order with a fresh 0..n-1 index; see the module's docstring for the dtypes.

    Raises:
        StepError: nothing there, an empty file, not a table, rows of different lengths, a column without a name or
            with the name of another one, a folder of different tables. The message names the file, and the line.
    """
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise StepError(f"{path} does not exist; give a CSV or Parquet file, or a folder of them")
    return _to_pandas(_read_parquet(path)) if table_kind(path) == "parquet" else _read_csv(path)


def write_table(frame: pd.DataFrame, folder: Path) -> Path:
    """Write `frame` (rows by columns, without its index) as `data.parquet` into `folder`, making the folder.

    Raises StepError, naming the column, if a column mixes kinds of values that one Parquet column cannot hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / TABLE_FILE
    try:
        frame.to_parquet(path, engine="pyarrow", index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise StepError(
            f"the table cannot be written as Parquet: {'; '.join(str(part) for part in error.args)}"
        ) from None
    return path


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, date_as_object=False)
    return frame


def _read_folder(folder: Path) -> pd.DataFrame:
    files = list(table_files(folder))
    if not files:
        raise StepError(f"{folder} holds no table; give a CSV or Parquet file, or a folder of them")
    kinds = {file: table_kind(file) for file in files}
    if len(set(kinds.values())) > 1:
        some = {kind: file.relative_to(folder) for file, kind in kinds.items()}
        raise StepError(
            f"{folder} mixes CSV ({some['csv']}) and Parquet ({some['parquet']}); a folder holds tables of one kind"
        )
    if len(files) == 1:
        return read_table(files[0])
    parts = [_read_parquet(file) if kinds[file] == "parquet" else _as_arrow(_read_csv(file)) for file in files]
    for file, part in zip(files[1:], parts[1:], strict=True):
        _same_columns(file, part.column_names, files[0], parts[0].column_names)
    return _concatenate(folder, files, parts)


def _concatenate(folder: Path, files: Sequence[Path], parts: Sequence[pa.Table]) -> pd.DataFrame:
    """All rows of `parts`; column by column, so that a clash of types can name its column and files."""
    columns = {}
    for name in parts[0].column_names:
        pieces = [pa.table({name: part[name]}) for part in parts]
        try:
            columns[name] = pa.concat_tables(pieces, promote_options="permissive")[name]
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            types = {str(piece[name].type): file for piece, file in zip(pieces, files, strict=True)}
            seen = ", ".join(f"{kind} in {file.relative_to(folder)}" for kind, file in types.items())
            raise StepError(f"the files of {folder} disagree about the type of column {name!r}: {seen}") from None
    return _to_pandas(pa.table(columns))


def _as_arrow(frame: pd.DataFrame) -> pa.Table:
    """`frame` as an Arrow table in which a column without a value has no type, so that it joins with any."""
    return pa.table(
        {
            name: pa.nulls(len(frame)) if frame[name].isna().all() else pa.Array.from_pandas(frame[name])
            for name in frame.columns
        }
    )


def _same_columns(file: Path, found: Sequence[str], first: Path, expected: Sequence[str]) -> None:
    missing, extra = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing or extra:
        parts = ["lacks " + ", ".join(missing)] * bool(missing) + ["has also " + ", ".join(extra)] * bool(extra)
        raise StepError(
            f"{file} {' and '.join(parts)}, compared with {first.name}; "
            "the files of a folder must have the same columns"
        )


def table_files(folder: Path) -> Iterator[Path]:
    """The files of a folder that are read as tables, in the order of their paths' bytes; see `read_table`."""
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix().encode()):
        if path.is_file() and may_be_table(path.relative_to(folder)):
            yield path


def may_be_table(path: Path) -> bool:
    """Whether a file of a folder is to be read as a table, by its path in the folder; see `read_table`."""
    return path.suffix.lower() not in _NOT_TABLES and not any(part.startswith((".", "_")) for part in path.parts)


def table_kind(path: Path) -> Kind:
    """Whether a file is CSV or Parquet, told by its content. Raises StepError if it is neither."""
    with path.open("rb") as stream:
        head = stream.read(65536)
    if not head:
        raise StepError(f"{path} is empty (0 bytes)")
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    if path.suffix.lower() in (".parquet", ".pq"):
        raise StepError(f"{path} is not a Parquet file: it does not begin with PAR1")
    for pattern, what in _OTHER_FORMATS.items():
        if re.match(pattern, head):
            raise StepError(f"{path} is not a CSV file: it looks like {what}. Save it as CSV (UTF-8) or Parquet")
    return "csv"


def _read_parquet(path: Path) -> pa.Table:
    try:
        # Not through the data set reader: that one would take key=value folder names as columns.
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise StepError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    check_names(path, table.column_names)
    return table


def _read_csv(path: Path) -> pd.DataFrame:
    _check_csv(path)
    try:
        frame = pd.read_csv(path, encoding="utf-8-sig", index_col=False, low_memory=False, float_precision="round_trip")
    except (pd.errors.ParserError, ValueError) as error:
        raise StepError(f"{path} cannot be read as CSV: {error}") from None
    return frame


def _check_csv(path: Path) -> None:
    """What pandas takes in silence: bytes 0, rows of another length (padded), names twice or empty (made up)."""
    with path.open("rb") as content:
        if any(b"\0" in chunk for chunk in iter(partial(content.read, 1 << 20), b"")):
            raise StepError(f"{path} is not a CSV file: its content is binary. Save it as CSV (UTF-8) or Parquet")
    begins, line_num = 1, 0
    header: list[str] | None = None
    csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for row in reader:
                line_num, begins = begins, reader.line_num + 1
                if not row or (len(row) == 1 and not row[0].strip()):
                    continue  # an empty line, which pandas skips too
                if header is None:
                    header = row
                    check_header(path, header)
                elif len(row) != len(header):
                    raise StepError(
                        f"{path}:{line_num} has {_count(len(row), 'value')}, the header names "
                        f"{_count(len(header), 'column')}; a comma in a value needs quotes around the value"
                    )
    except UnicodeDecodeError as error:
        raise StepError(
            f"{path} is not UTF-8 text (byte 0x{error.object[error.start]:02x}, {error.reason}); save it as CSV (UTF-8)"
        ) from None
    except csv.Error as error:
        raise StepError(
            f"{path}:{begins} is not CSV: {error}; look for a quote that is not closed or not doubled"
        ) from None
    if header is None:
        raise StepError(f"{path} is empty: it holds blank lines only")


def check_header(path: Path, header: list[str]) -> None:
    """Raises StepError if the first row of a CSV file cannot name its columns."""
    if len(header) == 1:
        for separator, name in _OTHER_SEPARATORS.items():
            if separator in header[0]:
                raise StepError(f"{path} is separated by {name}; save it with commas (and a point for decimals)")
    check_names(path, header)


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raises StepError if a column has no name, or the name of another one."""
    for position, name in enumerate(names, 1):
        if not name.strip():
            raise StepError(
                f"{path}: column {position} of {len(names)} has no name (a saved index? write the table without it)"
            )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise StepError(f"{path} has the column {', '.join(map(repr, twice))} more than once; names must differ")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
