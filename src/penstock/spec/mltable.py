"""An MLTable file: which files a table is made of and how. From the tree of its YAML to plain values. Pure.

Sources: Azure ML's "CLI (v2) MLtable YAML schema" and the schema that the package `mltable` checks files with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from penstock.errors import DefinitionError
from penstock.spec.finding import Finding, did_you_mean
from penstock.spec.mltable_filter import parse_filter
from penstock.spec.mltable_paths import parse_partition_format
from penstock.spec.place import Place
from penstock.spec.source import Document, Node, Scalar, Sequence, plain
from penstock.spec.source import Mapping as Object

MLTABLE = "MLTable"
RULE = "PR121"
_ENCODINGS = {
    "utf8": "utf-8",
    "utf-8": "utf-8",
    "utf8 bom": "utf-8-sig",
    "utf8bom": "utf-8-sig",
    "iso88591": "latin-1",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "latin-1": "latin-1",
    "ascii": "ascii",
    "utf16": "utf-16",
    "utf-16": "utf-16",
    "utf32": "utf-32",
    "windows1252": "cp1252",
    "windows-1252": "cp1252",
}
_HEADERS = ("no_header", "from_first_file", "all_files_different_headers", "all_files_same_headers")
_TYPES = ("int", "float", "string", "boolean")
_INFERRED_FROM = 200

Step = dict[str, Any]


class TablePath(Struct, frozen=True):
    """An entry of `paths`: a file, a folder with all below it, or a pattern."""

    kind: str
    text: str
    place: Place

    @property
    def is_local(self) -> bool:
        """Whether it is a path of this machine, relative to the folder of the MLTable file."""
        return "://" not in self.text.removeprefix("file://") and not self.text.startswith("azureml:")


class MLTable(Struct, frozen=True):
    """`steps` are the transformations as plain values, `op` first; see run/drivers/parallel_tables.py."""

    paths: tuple[TablePath, ...]
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]

    @property
    def is_tabular(self) -> bool:
        """Whether it says how its files are read; else it is a list of files."""
        return any(step["op"].startswith("read_") for step in self.steps)

    @property
    def partition(self) -> Step | None:
        """What takes columns from the paths of the files."""
        return next((step for step in self.steps if step["op"] == "partition"), None)


def read_mltable(document: Document) -> MLTable:
    """What the file says; what is wrong with it is in `findings`."""
    reader = _Reader(list(document.findings))
    root = document.root
    if not isinstance(root, Object):
        if root is not None:
            reader.tell("an MLTable file is an object with paths: and transformations:.", root.place)
        return MLTable((), (), tuple(reader.findings))
    paths = reader.paths(root)
    steps = reader.steps(root.get("transformations"))
    return MLTable(paths, steps, tuple(reader.findings))


class _Reader:
    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    def tell(self, message: str, place: Place, fix: str = "") -> None:
        self.findings.append(Finding(RULE, "error", message, place, fix))

    def paths(self, root: Object) -> tuple[TablePath, ...]:
        listed = root.get("paths")
        if not isinstance(listed, Sequence) or not listed.items:
            self.tell(
                "the MLTable names no data.", root.key_place("paths"), "Add paths: with a file, folder or pattern."
            )
            return ()
        found = [self._path(item) for item in listed.items]
        return tuple(path for path in found if path is not None)

    def _path(self, item: Node) -> TablePath | None:
        entry = next(iter(item), None) if isinstance(item, Object) and len(item.entries) == 1 else None
        if entry is None or entry.key.text not in ("file", "folder", "pattern") or not isinstance(entry.value, Scalar):
            self.tell("an entry of paths is not {file: ...}, {folder: ...} or {pattern: ...}.", item.place)
            return None
        path = TablePath(entry.key.text, str(entry.value.value), entry.value.place)
        if not path.is_local:
            fix = "Download it and name its path, relative to the MLTable file."
            self.tell(f"the data '{path.text}' is not on this machine.", path.place, fix)
        return path

    def steps(self, listed: Node | None) -> tuple[Step, ...]:
        if listed is None or (isinstance(listed, Scalar) and listed.value is None):
            return ()
        if not isinstance(listed, Sequence):
            self.tell("transformations is not a list.", listed.place)
            return ()
        found: list[Step] = []
        for item in listed.items:
            step = self._step(item, found)
            if step is not None:
                found.append(step)
        return tuple(found)

    def _step(self, item: Node, before: list[Step]) -> Step | None:
        if isinstance(item, Scalar) and isinstance(item.value, str):
            name, value, place = item.value, None, item.place
        elif isinstance(item, Object) and len(item.entries) == 1:
            entry = next(iter(item))
            name, value, place = entry.key.text, entry.value, entry.key.place
        else:
            self.tell("a transformation is a name, or a name with its settings.", item.place)
            return None
        if name not in _STEPS:
            fix = did_you_mean(name, _STEPS)
            self.tell(f"the transformation '{name}' is not known.", place, fix)
            return None
        return self._checked(name, value, place, before)

    def _checked(self, name: str, value: Node | None, place: Place, before: list[Step]) -> Step | None:
        has_read = any(step["op"].startswith("read_") for step in before)
        reads = name.startswith("read_")
        if reads and has_read:
            self.tell(f"'{name}' reads the files for the second time.", place, "Keep one of the two.")
            return None
        if name == "extract_columns_from_partition_format" and has_read and not any(map(_keeps_paths, before)):
            fix = "Put it before, or read with include_path_column: true."
            self.tell(f"'{name}' stands after the files are read; on Azure its columns come out empty.", place, fix)
            return None
        if not reads and not has_read and name != "extract_columns_from_partition_format":
            fix = "Begin with read_delimited, read_parquet or read_json_lines."
            self.tell(f"'{name}' stands before the files are read.", place, fix)
            return None
        try:
            return _STEPS[name](value)
        except DefinitionError as error:
            self.tell(f"{name}: {error}.", value.place if value is not None else place)
            return None


def _keeps_paths(step: Step) -> bool:
    return step.get("path_column") is not None


def _settings(value: Node | None, known: tuple[str, ...]) -> dict[str, Any]:
    if value is None or (isinstance(value, Scalar) and value.value is None):
        return {}
    if not isinstance(value, Object):
        raise DefinitionError("its settings are not an object with keys")
    unknown = [entry.key.text for entry in value if entry.key.text not in known]
    if unknown:
        raise DefinitionError(f"the setting '{unknown[0]}' is not known. {did_you_mean(unknown[0], known)}".rstrip("."))
    found: dict[str, Any] = plain(value)
    return found


def _one_of(settings: Mapping[str, Any], key: str, known: Mapping[str, Any] | tuple[str, ...], default: str) -> str:
    value = settings.get(key, default)
    if value not in known:
        raise DefinitionError(f"{key} is '{value}'. {did_you_mean(str(value), known)}".rstrip("."))
    return str(value)


def _flag(settings: Mapping[str, Any], key: str) -> bool:
    value = settings.get(key, False)
    if not isinstance(value, bool):
        raise DefinitionError(f"{key} is not true or false: '{value}'")
    return value


def _path_column(settings: Mapping[str, Any]) -> str | None:
    return settings.get("path_column") or ("Path" if _flag(settings, "include_path_column") else None)


def _delimited(value: Node | None) -> Step:
    keys = ("delimiter", "header", "support_multi_line", "empty_as_string", "encoding", "include_path_column")
    settings = _settings(value, (*keys, "infer_column_types", "path_column", "partition_size"))
    delimiter = settings.get("delimiter", ",")
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise DefinitionError(f"the delimiter is one character, not '{delimiter}'")
    inferred = settings.get("infer_column_types", True)
    given = inferred if isinstance(inferred, dict) else {}
    return {
        "op": "read_delimited",
        "delimiter": delimiter,
        "header": _one_of(settings, "header", _HEADERS, "all_files_same_headers"),
        "encoding": _ENCODINGS[_one_of(settings, "encoding", _ENCODINGS, "utf8")],
        "empty_as_string": _flag(settings, "empty_as_string"),
        "multi_line": _flag(settings, "support_multi_line"),
        "infer": inferred is not False,
        "sample": int(given.get("sample_size", _INFERRED_FROM)),
        "overrides": [_conversion(item) for item in given.get("column_type_overrides", ())],
        "path_column": _path_column(settings),
    }


def _parquet(value: Node | None) -> Step:
    return {"op": "read_parquet", "path_column": _path_column(_settings(value, ("include_path_column", "path_column")))}


def _json_lines(value: Node | None) -> Step:
    known = ("invalid_lines", "encoding", "include_path_column", "path_column", "partition_size")
    settings = _settings(value, known)
    return {
        "op": "read_json_lines",
        "encoding": _ENCODINGS[_one_of(settings, "encoding", _ENCODINGS, "utf8")],
        "invalid": _one_of(settings, "invalid_lines", ("error", "drop"), "error"),
        "path_column": _path_column(settings),
    }


def _delta_lake(_: Node | None) -> Step:
    raise DefinitionError("Delta Lake tables are not read on this machine; export it as Parquet and use read_parquet")


def _partition(value: Node | None) -> Step:
    settings = _settings(value, ("partition_format",))
    if not isinstance(settings.get("partition_format"), str):
        raise DefinitionError("it lacks the text partition_format")
    return {"op": "partition", **parse_partition_format(settings["partition_format"])}


def _columns(given: Any) -> Step:
    if isinstance(given, str):
        return {"columns": [given]}
    if isinstance(given, dict) and isinstance(given.get("pattern"), str):
        return {key: given.get(key, False) for key in ("pattern", "ignore_case", "invert")}
    if not isinstance(given, list) or not all(isinstance(column, str) for column in given):
        raise DefinitionError("it takes the name of a column or a list of names")
    return {"columns": given}


def _number(value: Node | None) -> int:
    number = plain(value)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise DefinitionError(f"it takes a number of rows, not '{number}'")
    return number


def _sample(value: Node | None) -> Step:
    settings = _settings(value, ("probability", "seed"))
    probability, seed = settings.get("probability"), settings.get("seed")
    if not isinstance(probability, int | float) or not 0 <= probability <= 1:
        raise DefinitionError(f"probability is a number from 0 to 1, not '{probability}'")
    if seed is not None and not isinstance(seed, int):
        raise DefinitionError(f"seed is a whole number, not '{seed}'")
    return {"op": "sample", "probability": probability, "seed": seed}


def _filter(value: Node | None) -> Step:
    text = plain(value)
    if not isinstance(text, str):
        raise DefinitionError("it takes an expression as text, such as 'col(\"x\") > 1'")
    return {"op": "filter", "expression": parse_filter(text)}


def _convert(value: Node | None) -> Step:
    items = plain(value)
    if not isinstance(items, list):
        raise DefinitionError("it takes a list of {columns, column_type}")
    return {"op": "convert", "items": [_conversion(item) for item in items]}


def _conversion(item: Any) -> Step:
    if not isinstance(item, dict) or not {"columns", "column_type"} == set(item):
        raise DefinitionError("it takes a list of {columns, column_type}")
    given = item["column_type"]
    columns = _columns(item["columns"])
    if isinstance(given, str) and given in _TYPES:
        return {**columns, "type": given}
    kind = next(iter(given), None) if isinstance(given, dict) else None
    settings = given[kind] if isinstance(given, dict) and kind else None
    if kind == "datetime" and isinstance(settings, dict) and settings.get("formats"):
        formats = settings["formats"]
        return {**columns, "type": kind, "formats": [formats] if isinstance(formats, str) else formats}
    if kind == "boolean" and isinstance(settings, dict):
        values = {key: settings.get(key, []) for key in ("true_values", "false_values")}
        return {**columns, "type": kind, **values, "mismatch_as": settings.get("mismatch_as", "error")}
    known = f"{', '.join(_TYPES)}, {{datetime: {{formats: [...]}}}} or {{boolean: {{true_values, false_values}}}}"
    raise DefinitionError(f"the column_type '{given if isinstance(given, str) else kind}' is not {known}")


_STEPS: Mapping[str, Callable[[Node | None], Step]] = {
    "read_delimited": _delimited,
    "read_parquet": _parquet,
    "read_json_lines": _json_lines,
    "read_delta_lake": _delta_lake,
    "extract_columns_from_partition_format": _partition,
    "keep_columns": lambda value: {"op": "keep", **_columns(plain(value))},
    "drop_columns": lambda value: {"op": "drop", **_columns(plain(value))},
    "take": lambda value: {"op": "take", "count": _number(value)},
    "skip": lambda value: {"op": "skip", "count": _number(value)},
    "take_random_sample": _sample,
    "filter": _filter,
    "convert_column_types": _convert,
}
