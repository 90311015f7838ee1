"""Answers scoring requests for Azure's inference server: init() loads the model, run(raw) predicts.

A request, as MLflow and Azure have it (the numbers may be null, `index` may be left out, further columns are ignored):

    {"input_data": {"columns": ["age", "bmi"], "index": [0], "data": [[48.0, 21.6]]}}

The answer is a list with one prediction for each row. A request that is wrong is answered with status 400 and
`{"status": 400, "field": "input_data.columns", "error": "what is wrong"}`.

This file stands alone: nothing else of the library that made it is in the package.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PACKAGE = Path(__file__).resolve().parent
MODEL: Any = None
COLUMNS: list[dict[str, str]] = []


class RequestError(Exception):
    """What is wrong with a request, and which field of it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def init() -> None:
    """Load the model after checking it against the manifest. Raises RuntimeError if a file is not as packaged."""
    global MODEL, COLUMNS  # noqa: PLW0603  (the server's interface: init() prepares what run() uses)
    manifest = json.loads((PACKAGE / "manifest.json").read_text(encoding="utf-8"))
    base = _base()
    for name, digest in manifest["files"].items():
        if name.startswith("model/"):
            _check(base / name, digest)
    scoring = manifest["scoring"]
    path = base / scoring["file"]
    if scoring["serialization"] == "skops":
        import skops.io

        MODEL = skops.io.load(path, trusted=scoring["trusted"])
    else:
        with path.open("rb") as stream:
            MODEL = pickle.load(stream)  # noqa: S301  (saved so by explicit choice; its digest was checked)
    COLUMNS = scoring["columns"]


def run(raw: str | bytes) -> Any:
    """Predict the rows of a request; see the module's docstring."""
    try:
        rows = _rows(raw)
        return _predict(rows) if len(rows) else []
    except RequestError as error:
        return _refusal({"status": 400, "field": error.field, "error": str(error)})


def _base() -> Path:
    """The folder that holds model/: what Azure mounted, or the package itself."""
    mounted = os.environ.get("AZUREML_MODEL_DIR")
    candidates = [Path(mounted), Path(mounted).parent] if mounted else []
    return next((path for path in candidates if (path / "model" / "MLmodel").is_file()), PACKAGE)


def _check(path: Path, digest: str) -> None:
    found = "missing"
    if path.is_file():
        with path.open("rb") as stream:
            found = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    if found != digest:
        raise RuntimeError(f"{path} is not what was packaged: it is {found}, manifest.json has {digest}")


def _predict(rows: pd.DataFrame) -> list[Any]:
    try:
        predictions = np.asarray(MODEL.predict(rows))
    except ValueError as error:
        raise RequestError("input_data.data", f"the model cannot predict these rows: {error}") from None
    return list(predictions.tolist())


def _rows(raw: str | bytes) -> pd.DataFrame:
    columns, data = _table(raw)
    positions = {name: position for position, name in enumerate(columns)}
    missing = [column["name"] for column in COLUMNS if column["name"] not in positions]
    if missing:
        raise RequestError("input_data.columns", f"these columns are missing: {', '.join(missing)}")
    return pd.DataFrame({column["name"]: _column(column, positions[column["name"]], data) for column in COLUMNS})


def _table(raw: str | bytes) -> tuple[list[str], list[list[Any]]]:
    try:
        body = json.loads(raw, parse_constant=_refuse_constant)
    except ValueError as error:
        raise RequestError("", f"the body is not JSON: {error}") from None
    table = body.get("input_data") if isinstance(body, dict) else None
    if not isinstance(table, dict):
        raise RequestError("input_data", 'the body must be {"input_data": {"columns": [...], "data": [[...]]}}')
    columns, data, index = table.get("columns"), table.get("data"), table.get("index")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise RequestError("input_data.columns", "must be a list of the columns' names")
    if len(set(columns)) < len(columns):
        raise RequestError("input_data.columns", "names a column more than once")
    if not isinstance(data, list):
        raise RequestError("input_data.data", "must be a list of rows")
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise RequestError(f"input_data.data[{number}]", f"must be a list of {len(columns)} values, one per column")
    if index is not None and (not isinstance(index, list) or len(index) != len(data)):
        raise RequestError("input_data.index", f"must be a list of {len(data)} labels, one per row")
    return columns, data


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON; write null for a missing number")


def _column(column: Mapping[str, str], position: int, data: list[list[Any]]) -> pd.Series[Any]:
    fits, what, dtype = _TYPES[column["type"]]
    values = [row[position] for row in data]
    for number, value in enumerate(values):
        if value is not None and not fits(value):
            field = f"input_data.data[{number}][{position}]"
            raise RequestError(field, f"the column {column['name']!r} takes {what} or null, not {json.dumps(value)}")
    if column["type"] == "datetime":
        return pd.Series(
            pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601").dt.tz_localize(None)
        )
    return pd.Series(values, dtype=dtype)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and not pd.isna(pd.to_datetime(value, utc=True, format="ISO8601"))
    except ValueError:
        return False


# By type in the model's signature: which values fit, how to call them, and the dtype that the model was trained on.
_TYPES: dict[str, tuple[Callable[[Any], bool], str, str]] = {
    "long": (_is_number, "a number", "float64"),
    "double": (_is_number, "a number", "float64"),
    "boolean": (lambda value: isinstance(value, bool), "true, false", "float64"),
    "string": (lambda value: isinstance(value, str), "a text", "object"),
    "datetime": (_is_time, "a point in time such as 2026-01-31T12:00:00", "object"),
}


def _refusal(body: dict[str, Any]) -> Any:
    """The body with its status; only the body where the server, which sets the status, is not installed."""
    try:
        from azureml_inference_server_http.api.aml_response import AMLResponse
    except ImportError:
        return body
    return AMLResponse(body, body["status"], json_str=True)
