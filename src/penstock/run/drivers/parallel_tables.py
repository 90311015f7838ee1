"""Reads the table that an MLTable file describes, with pandas, as the package `mltable` does.

The steps come from the engine, which has parsed the file: dictionaries whose `op` says what to do.
"""

from __future__ import annotations

import csv
import json
import math
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

TRUE, FALSE = {"true", "t", "1"}, {"false", "f", "0"}
_NONES = ("NaTType", "NAType")
_INT = re.compile(r"\s*[+-]?\d+\s*")
_FLOAT = re.compile(r"\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|nan)\s*", re.IGNORECASE)
_TIME = r"(?:[T ](\d{2}):(\d{2}):(\d{2})(\.\d+)?(Z|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST = re.compile(r"\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})" + _TIME + r"\s*")
_YEAR_LAST = re.compile(r"\s*(\d{1,2})/(\d{1,2})/(\d{4})" + _TIME + r"\s*")


class TableError(ValueError):
    """What is wrong with the data or what is asked of it, in words."""


class Table:
    """A frame whose index tells the number of the file of each row; `rows` are how many each file had."""

    def __init__(self, frame: Any, rows: dict[int, int]) -> None:
        self.frame = frame
        self.rows = rows


def read(files: list[str], steps: list[dict[str, Any]], tell: Callable[[str], None]) -> Table:
    """The table. Raises TableError."""
    partitions: dict[str, list[Any]] = {}
    table = None
    for step in steps:
        if step["op"] == "partition" and table is not None:
            for name, values in partition_columns(files, step, typed=False).items():
                table.frame = table.frame.assign(**{name: [values[number] for number in table.frame.index]})
        elif step["op"] == "partition":
            partitions = partition_columns(files, step)
        elif step["op"].startswith("read_"):
            table = _read(files, step, partitions, tell)
        elif table is not None:
            table.frame = _OPERATIONS[step["op"]](table.frame, step)
    if table is None:
        raise TableError("the MLTable file says nowhere how the files are read")
    return table


def _read(
    files: list[str], step: dict[str, Any], partitions: dict[str, list[Any]], tell: Callable[[str], None]
) -> Table:
    import pandas as pd

    if step["op"] == "read_delimited":
        frames = _delimited(files, step)
    else:
        reader = _parquet if step["op"] == "read_parquet" else _json_lines
        frames = [reader(path, step) for path in files]
    numbers = [number for number, frame in enumerate(frames) for _ in range(len(frame))]
    filled = [frame for frame in frames if len(frame.columns)]
    whole = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
    whole.index = pd.Index(numbers, dtype="int64")
    if step["op"] == "read_delimited":
        texts = [[None if _is_none(value) else value for value in whole[column]] for column in whole.columns]
        whole = _typed(pd.DataFrame(dict(zip(whole.columns, texts)), whole.index, dtype=object), step, tell)
    if step.get("path_column"):
        whole.insert(0, step["path_column"], [files[number] for number in numbers])
    for place, (name, values) in enumerate(partitions.items()):
        whole.insert(place, name, [values[number] for number in numbers])
    return Table(whole, {number: len(frame) for number, frame in enumerate(frames)})


def _delimited(files: list[str], step: dict[str, Any]) -> list[Any]:
    first: list[str] | None = None
    frames = []
    for path in files:
        rows = _rows(path, step)
        mode = step["header"]
        own = first
        if mode == "no_header":
            own = []
        elif rows and (mode.startswith("all_files") or first is None):
            own = rows.pop(0)
            own = own if mode == "all_files_different_headers" or first is None else first
        first = own if first is None else first
        frames.append(_frame(rows, own or [], step))
    return frames


def _rows(path: str, step: dict[str, Any]) -> list[list[str]]:
    try:
        with open(path, encoding=step["encoding"], newline="") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise TableError(f"{path} is not {step['encoding']} text: {error}") from None
    if step["multi_line"]:
        return [row for row in csv.reader(text.splitlines(keepends=True), delimiter=step["delimiter"]) if row]
    lines = [line for line in re.split("\r\n|\n|\r", text) if line]
    if '"' not in text:
        return list(csv.reader(lines, delimiter=step["delimiter"]))
    return [_fields(line, step["delimiter"]) for line in lines]


def _fields(line: str, delimiter: str) -> list[str]:
    """One line; a quote that is not closed in it is a character like any other."""
    return line.split(delimiter) if line.count('"') % 2 else next(csv.reader([line], delimiter=delimiter))


def _frame(rows: list[list[str]], header: list[str], step: dict[str, Any]) -> Any:
    import pandas as pd

    width = max([len(header), *map(len, rows)])
    names = _names([name.strip() for name in header] + [""] * (width - len(header)))
    empty = "" if step["empty_as_string"] else None
    filled = [[value or empty for value in row] + [None] * (width - len(row)) for row in rows]
    return pd.DataFrame(filled, columns=names, dtype=object)


def _names(header: list[str]) -> list[str]:
    """Names that differ: a nameless column is called by its number, the second `a` is `a_1`."""
    found: list[str] = []
    for number, given in enumerate(header, 1):
        name, again = given or f"Column{number}", 0
        while name in found:
            again += 1
            name = f"{given}_{again}"
        found.append(name)
    return found


def _parquet(path: str, _: dict[str, Any]) -> Any:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (ImportError, ValueError, OSError) as error:
        raise TableError(f"{path} cannot be read as Parquet: {error}") from None


def _json_lines(path: str, step: dict[str, Any]) -> Any:
    import pandas as pd

    found = []
    with open(path, encoding=step["encoding"]) as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line) if line.strip() else None
            except ValueError as error:
                if step["invalid"] == "drop":
                    continue
                raise TableError(f"{path}:{number}: this line is not JSON: {error} (invalid_lines: error)") from None
            if isinstance(row, dict):
                found.append(row)
    return pd.DataFrame(found)


def _typed(frame: Any, step: dict[str, Any], tell: Callable[[str], None]) -> Any:
    """Types by the first rows, as Azure infers them; a later value that does not fit becomes none."""
    given = {column: item for item in step["overrides"] for column in item["columns"]}
    for column in list(frame.columns):
        values = list(frame[column])
        if column in given:
            frame[column] = _column([_CONVERT[given[column]["type"]](value, given[column]) for value in values])
        elif step["infer"]:
            if step["empty_as_string"] and "" in values:
                continue
            convert, doubt = inferred(values[: step["sample"]])
            if doubt:
                tell(f"column '{column}': {doubt}")
            if convert is not None:
                frame[column] = _column([convert(value) for value in values])
    return frame


def inferred(sample: list[str | None]) -> tuple[Callable[[str | None], Any] | None, str]:
    """What turns the texts of a column into values, None for a column of text; and what is doubtful about it."""
    seen = [value for value in sample if value]
    if not seen:
        return None, ""
    if all(value.strip().lower() in TRUE | FALSE for value in seen):
        return boolean, ""
    if all(_INT.fullmatch(value) and -(2**63) <= int(value) < 2**63 for value in seen):
        return integer, ""
    if all(_FLOAT.fullmatch(value) for value in seen):
        return number, ""
    if all(date(value) for value in seen):
        return date, ""
    return _year_last(seen)


def _year_last(seen: list[str]) -> tuple[Callable[[str | None], Any] | None, str]:
    matches = [_YEAR_LAST.fullmatch(value) for value in seen]
    parts = [(int(match[1]), int(match[2])) for match in matches if match]
    if len(parts) < len(seen):
        return None, ""
    day_first, month_first = any(one > 12 for one, _ in parts), any(two > 12 for _, two in parts)
    if day_first and month_first:
        return None, ""
    if not day_first and not month_first:
        doubt = (
            "its dates may be day/month or month/day, and come out empty, as on Azure; say with convert_column_types"
        )
        return lambda _: None, doubt
    return lambda value: _date(_YEAR_LAST, value, (3, 2, 1) if day_first else (3, 1, 2)), ""


def boolean(value: str | None) -> bool | None:
    word = (value or "").strip().lower()
    return True if word in TRUE else False if word in FALSE else None


def integer(value: str | None) -> int | None:
    found = number(value)
    if found is None or not math.isfinite(found):
        return None
    return int(value) if value is not None and _INT.fullmatch(value) else int(found)


def number(value: str | None) -> float | None:
    return float(value) if value and _FLOAT.fullmatch(value) else None


def date(value: str | None) -> datetime | None:
    return _date(_YEAR_FIRST, value, (1, 2, 3))


def _date(pattern: Any, value: str | None, order: tuple[int, int, int]) -> datetime | None:
    match = pattern.fullmatch(value or "")
    if match is None:
        return None
    try:
        day = datetime(*(int(match[place]) for place in order))  # type: ignore[arg-type]  # noqa: DTZ001
        if match[4] is None:
            return day
        fraction = int(float(match[7] or 0) * 1_000_000)
        day = day.replace(hour=int(match[4]), minute=int(match[5]), second=int(match[6]), microsecond=fraction)
        zone = (match[8] or "Z").replace("Z", "+0000").replace(":", "")
        aware = datetime.strptime(f"{day:%Y-%m-%d %H:%M:%S.%f}{zone}", "%Y-%m-%d %H:%M:%S.%f%z")
        return aware.astimezone(UTC).replace(tzinfo=None)
    except ValueError:
        return None


def _column(values: list[Any]) -> Any:
    """So that pandas makes of it what `mltable` does: dates stay dates, and truth beside nothing stays truth."""
    import pandas as pd

    some = next((value for value in values if value is not None), None)
    if isinstance(some, bool) and None in values:
        return pd.array(values, dtype=object)
    return pd.to_datetime(values) if isinstance(some, datetime) else values


def partition_columns(files: list[str], step: dict[str, Any], *, typed: bool = True) -> dict[str, list[Any]]:
    """The columns that the paths hold, with a value per file. Raises TableError if a path does not fit."""
    matches = [re.search(step["pattern"], path) for path in files]
    if None in matches:
        raise TableError(f"{files[matches.index(None)]} does not fit the partition_format {step['format']}")
    found: dict[str, list[Any]] = {}
    for name, group in step["columns"].items():
        values: list[Any] = [match[group] for match in matches if match]
        convert = inferred(values)[0] if typed else None
        found[name] = [convert(value) for value in values] if convert is not None else values
    for name, parts in step["dates"].items():
        numbers = [[*(int(match[part]) for part in parts), 1, 1] for match in matches if match]
        found[name] = [datetime(*each[: max(3, len(parts))]) for each in numbers]  # type: ignore[arg-type]  # noqa: DTZ001
    return found


def _chosen(frame: Any, step: dict[str, Any]) -> list[str]:
    if "pattern" not in step:
        return [column for column in frame.columns if column in step["columns"]]
    fits = re.compile(step["pattern"], re.IGNORECASE if step["ignore_case"] else 0).fullmatch
    return [column for column in frame.columns if bool(fits(str(column))) != step["invert"]]


def _keep(frame: Any, step: dict[str, Any]) -> Any:
    chosen = _chosen(frame, step)
    if not chosen:
        raise TableError(f"keep_columns leaves no column of {', '.join(map(str, frame.columns))}")
    return frame[chosen]


def _sample(frame: Any, step: dict[str, Any]) -> Any:
    draw = random.Random(step["seed"])  # noqa: S311 - a sample, no secret
    return _rows_of(frame, [draw.random() < step["probability"] for _ in range(len(frame))])


def _rows_of(frame: Any, wanted: list[bool]) -> Any:
    return frame.iloc[[number for number, chosen in enumerate(wanted) if chosen]]


def _filter(frame: Any, step: dict[str, Any]) -> Any:
    mask = _value(frame, step["expression"])
    return _rows_of(frame, [bool(value) for value in mask])


def _value(frame: Any, expression: Any) -> list[Any]:
    """An expression's value for every row; None where a part of it has none."""
    operator, *parts = expression
    if operator == "col":
        if parts[0] not in frame.columns:
            raise TableError(f"the filter names the column '{parts[0]}'; there is {', '.join(map(str, frame.columns))}")
        return [None if _is_none(value) else value for value in frame[parts[0]].astype(object)]
    if operator == "value":
        return [parts[0]] * len(frame)
    if operator == "datetime":
        return [datetime(*parts)] * len(frame)  # noqa: DTZ001
    values = [_value(frame, part) for part in parts]
    if operator == "not":
        return [None if value is None else not value for value in values[0]]
    return [None if None in row else _compared(operator, *row) for row in zip(*values)]


def _compared(operator: str, left: Any, right: Any) -> bool:
    if operator in ("and", "or"):
        return bool(left and right) if operator == "and" else bool(left or right)
    if _kind(left) != _kind(right):
        raise TableError(f"the filter compares {_kind(left)} with {_kind(right)}: {left!r} {operator} {right!r}")
    answers = {"==": left == right, "!=": left != right}
    if operator in answers:
        return bool(answers[operator])
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator])


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a truth value"
    return "text" if isinstance(value, str) else "a date" if isinstance(value, datetime) else "a number"


def _convert(frame: Any, step: dict[str, Any]) -> Any:
    frame = frame.copy()
    for item in step["items"]:
        for column in _chosen(frame, item):
            old = [None if _is_none(value) else value for value in frame[column].astype(object)]
            frame[column] = _column([_CONVERT[item["type"]](value, item) for value in old])
    return frame


def _is_none(value: Any) -> bool:
    """None, and what pandas has for it: not a number, not a time, not anything."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ in _NONES


def _to_boolean(value: Any, item: dict[str, Any]) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value != 0
    if item.get("true_values") is None:
        return boolean(str(value))
    if value in item["true_values"]:
        return True
    return False if value in item["false_values"] else {"true": True, "false": False}.get(item["mismatch_as"])


def _to_date(value: Any, item: dict[str, Any]) -> datetime | None:
    for form in item["formats"] if isinstance(value, str) else []:
        try:
            return datetime.strptime(value, form).replace(tzinfo=None)  # noqa: DTZ007 - as the text has it
        except ValueError:
            continue
    return value if isinstance(value, datetime) else None


def _to_text(value: Any, _: dict[str, Any]) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat() + "+00:00"
    return None if value is None else f"{value:.17g}" if isinstance(value, float) else str(value)


_CONVERT: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "int": lambda value, _: None if value is None else integer(str(value)),
    "float": lambda value, _: None if value is None else number(str(value)),
    "string": _to_text,
    "boolean": _to_boolean,
    "datetime": _to_date,
}
_OPERATIONS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "keep": _keep,
    "drop": lambda frame, step: frame.drop(columns=_chosen(frame, step)),
    "take": lambda frame, step: frame.iloc[: step["count"]],
    "skip": lambda frame, step: frame.iloc[step["count"] :],
    "sample": _sample,
    "filter": _filter,
    "convert": _convert,
}
