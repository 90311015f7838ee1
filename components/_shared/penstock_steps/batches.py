"""What batch_score leaves of each file of a folder, and how it is read: the rows that were scored and those set aside.

For the file `2026/may.csv` there is `2026/may.csv` in the output `scored`, with one column more, and
`2026/may.csv.jsonl` in the output `set_aside`, with one JSON object per line:

    {"file": "2026/may.csv", "row": 3, "line": 4, "column": "age", "why": "...", "values": ["a", "1.5"]}

`row` counts the rows of the file from 1, without header and blank lines; `line` is where it begins in a CSV file, null
in Parquet; `column` is null if the whole row is wrong; `values` are those of the row in the order of the columns.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock_steps.errors import StepError
from penstock_steps.tables import check_header


def set_aside_file(file: Path) -> Path:
    """Where the rows of a file that were set aside are; both paths count from the outputs' and the data's folder."""
    return file.with_name(f"{file.name}.jsonl")


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line at which each row begins and its values as text, the header first, without blank lines.

    Raises StepError, naming the line, if the file is not CSV; rows of another length than the header's are no error.
    """
    csv.field_size_limit(sys.maxsize)
    begins, header = 1, None
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for row in reader:
                line, begins = begins, reader.line_num + 1
                if not row or (len(row) == 1 and not row[0].strip()):
                    continue
                if header is None:
                    header = row
                    check_header(path, header)
                yield line, row
    except UnicodeDecodeError as error:
        raise StepError(f"{path} is not UTF-8 text ({error.reason}); save it as CSV (UTF-8)") from None
    except csv.Error as error:
        raise StepError(
            f"{path}:{begins} is not CSV: {error}; look for a quote that is not closed or not doubled"
        ) from None
    if header is None:
        raise StepError(f"{path} is empty: it holds blank lines only")


def read_set_aside(path: Path) -> list[dict[str, Any]]:
    """The rows of a file that were set aside. Raises StepError if the file is not there or not as above."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        numbers = [int(row["row"]) for row in rows]
    except FileNotFoundError:
        raise StepError(f"{path} is not there; connect the port to the output of batch_score") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StepError(f"{path} does not hold rows that batch_score set aside ({error}); run it again") from None
    if numbers != sorted(set(numbers)):
        raise StepError(f"{path} names a row twice, or not in order; run batch_score again")
    return rows
