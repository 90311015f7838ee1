"""Reads the table that an MLTable describes, with pandas.

Source: Azure ML's "CLI (v2) MLTable YAML schema", section "Transformations".
"""

import re
from typing import Any

_TYPES = {"string": "string", "int": "Int64", "float": "float64", "boolean": "boolean"}
_HEADERS = {"no_header": None, "from_first_file": 0, "all_files_same_headers": 0, "all_files_different_headers": 0}
_COMPARISON = re.compile(r"""col\((['"])(?P<column>.*?)\1\)\s*(?P<operator>==|!=|<=|>=|<|>)\s*(?P<value>.+)""")


def table_of(files: list[str], transformations: list[Any]) -> Any:
    """The frame. Raises ValueError for what cannot be done, ImportError without pandas."""
    try:
        import pandas
    except ImportError:
        raise ImportError("the input is a table, and this environment has no pandas to read it with") from None
    frame = None
    for name, arguments in transformations:
        if name.startswith("read_"):
            frame = _READS[name](pandas, files, arguments or {})
        elif frame is None:
            raise ValueError(f"{name} stands before the transformation that reads the table")
        else:
            frame = _STEPS[name](pandas, frame, arguments)
    return frame


def _delimited(pandas: Any, files: list[str], arguments: dict[str, Any]) -> Any:
    header = arguments.get("header", "all_files_same_headers")
    options: dict[str, Any] = {
        "sep": arguments.get("delimiter", ","),
        "encoding": arguments.get("encoding", "utf8"),
        "header": _HEADERS.get(header, 0),
        "keep_default_na": not arguments.get("empty_as_string", False),
    }
    if arguments.get("infer_column_types") is False:
        options["dtype"] = "string"
    frames: list[Any] = []
    for number, file in enumerate(files):
        if header == "from_first_file" and number:
            options["header"], options["names"] = None, list(frames[0].columns)
        frame = pandas.read_csv(file, **options)
        if header == "no_header":
            frame.columns = [f"Column{index + 1}" for index in range(len(frame.columns))]
        frames.append(frame)
    return _joined(pandas, frames, files, arguments)


def _parquet(pandas: Any, files: list[str], arguments: dict[str, Any]) -> Any:
    return _joined(pandas, [pandas.read_parquet(file) for file in files], files, arguments)


def _json_lines(pandas: Any, files: list[str], arguments: dict[str, Any]) -> Any:
    return _joined(pandas, [pandas.read_json(file, lines=True) for file in files], files, arguments)


def _joined(pandas: Any, frames: list[Any], files: list[str], arguments: dict[str, Any]) -> Any:
    if arguments.get("include_path_column"):
        for frame, file in zip(frames, files):
            frame.insert(0, "Path", file)
    else:
        for frame, file in zip(frames, files):
            frame.attrs["path"] = file
    joined = pandas.concat(frames, ignore_index=True)
    joined.attrs = {"paths": [file for frame, file in zip(frames, files) for _ in range(len(frame))]}
    return joined


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _need(frame: Any, columns: list[str], what: str) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(f"{what}: the table has no column {', '.join(missing)}; it has {', '.join(frame.columns)}")


def _keep(_: Any, frame: Any, value: Any) -> Any:
    _need(frame, _listed(value), "keep_columns")
    return frame[_listed(value)]


def _drop(_: Any, frame: Any, value: Any) -> Any:
    _need(frame, _listed(value), "drop_columns")
    return frame.drop(columns=_listed(value))


def _take(_: Any, frame: Any, value: Any) -> Any:
    return frame.head(int(value))


def _skip(_: Any, frame: Any, value: Any) -> Any:
    return frame.iloc[int(value) :]


def _sample(_: Any, frame: Any, value: dict[str, Any]) -> Any:
    return frame.sample(frac=float(value["probability"]), random_state=value.get("seed")).sort_index()


def _filter(_: Any, frame: Any, value: Any) -> Any:
    """`col("x") > 3`, and such joined by `&` or `|`."""
    text = str(value).strip()
    parts = re.split(r"\s*([&|])\s*", text)
    kept = _compared(frame, parts[0])
    for operator, part in zip(parts[1::2], parts[2::2]):
        found = _compared(frame, part)
        kept = kept & found if operator == "&" else kept | found
    return frame[kept]


def _compared(frame: Any, text: str) -> Any:
    found = _COMPARISON.fullmatch(text.strip().strip("()") if text.count("(") > 1 else text.strip())
    if found is None:
        raise ValueError(f"filter: '{text}' is not of the form col('NAME') > VALUE")
    column, value = found["column"], found["value"].strip().strip("()")
    _need(frame, [column], "filter")
    literal: Any = value[1:-1] if value[:1] in "'\"" else {"True": True, "False": False}.get(value)
    if literal is None:
        try:
            literal = float(value)
        except ValueError:
            raise ValueError(f"filter: '{value}' is no number, text or boolean") from None
    series = frame[column]
    compare = {"==": series.eq, "!=": series.ne, "<": series.lt, "<=": series.le, ">": series.gt, ">=": series.ge}
    return compare[found["operator"]](literal)


def _convert(pandas: Any, frame: Any, value: Any) -> Any:
    frame = frame.copy()
    items: list[Any] = _listed(value)
    for item in items:
        columns, kind = _listed(item["columns"]), item["column_type"]
        _need(frame, columns, "convert_column_types")
        name = kind if isinstance(kind, str) else next(iter(kind))
        for column in columns:
            if name in ("datetime", "to_datetime"):
                formats = kind[name].get("formats") if isinstance(kind, dict) and isinstance(kind[name], dict) else None
                frame[column] = pandas.to_datetime(frame[column], format=formats[0] if formats else None)
            elif name in _TYPES:
                frame[column] = frame[column].astype(_TYPES[name])
            else:
                raise ValueError(
                    f"convert_column_types: there is no type '{name}'; there are {', '.join(_TYPES)}, datetime"
                )
    return frame


def _partition_format(_: Any, frame: Any, value: Any) -> Any:
    """Columns from the files' paths: `/{year}/{month}/*.csv`."""
    text = value["partition_format"] if isinstance(value, dict) else str(value)
    names = re.findall(r"\{(\w+)[^}]*\}", text)
    pattern = re.sub(r"\\\{(\w+).*?\\\}", r"(?P<\1>[^/]+)", re.escape(text)).replace(r"\*", "[^/]*")
    paths = frame.attrs.get("paths", [])
    found = [re.search(pattern + "$", path) or re.search(pattern, path) for path in paths]
    if not found or any(match is None for match in found):
        raise ValueError(f"extract_columns_from_partition_format: '{text}' does not fit the paths of the files")
    frame = frame.copy()
    for name in names:
        frame[name] = [match[name] for match in found if match is not None]
    return frame


_READS = {"read_delimited": _delimited, "read_parquet": _parquet, "read_json_lines": _json_lines}
_STEPS = {
    "keep_columns": _keep,
    "drop_columns": _drop,
    "take": _take,
    "skip": _skip,
    "take_random_sample": _sample,
    "filter": _filter,
    "convert_column_types": _convert,
    "extract_columns_from_partition_format": _partition_format,
}
