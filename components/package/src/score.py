"""Answers scoring requests for Azure's inference server: init() loads the model, run(request) predicts.

A request, as MLflow and Azure have it (the numbers may be null, `index` may be left out, further columns are ignored):

    {"input_data": {"columns": ["age", "bmi"], "index": [0], "data": [[48.0, 21.6]]}}

The answer is a list with one prediction for each row. A request that is wrong is answered with a status from 400 on and
`{"status": 400, "field": "input_data.columns", "error": "what is wrong"}`.

With PENSTOCK_KEY_FILE set, a file of mode 0600 with a key on each line, a request must bring one of them, as Azure's
endpoints ask for it: `Authorization: Bearer <key>`. On Azure it is not set: the endpoint's front end does that.

This file stands alone: nothing else of the library that made it is in the package.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import importlib.util
import json
import logging
import math
import os
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = Path(__file__).resolve().parent
MAX_BYTES = 16 * 1024 * 1024
MAX_DROPPED = 64 * 1024 * 1024  # read of a refused body, so that the client sees why; then the connection is closed
MODEL: Any = None
COLUMNS: list[dict[str, str]] = []
KEYS: list[bytes] = []
TAKES_ARRAYS = False


class RequestError(Exception):
    """What is wrong with a request, and which field of it."""

    def __init__(self, field: str, problem: str, status: int = 400) -> None:
        super().__init__(problem)
        self.field = field
        self.status = status


def init() -> None:
    """Load the model after checking it against the manifest. Raises RuntimeError if a file is not as packaged."""
    global MODEL, COLUMNS, KEYS, TAKES_ARRAYS  # noqa: PLW0603  (the server's interface: init() prepares what run() uses)
    KEYS = _keys()
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
    if importlib.util.find_spec("sklearn"):
        _settle()
    COLUMNS = scoring["columns"]
    _check(PACKAGE / "contract.json", manifest["files"]["contract.json"])
    contract = json.loads((PACKAGE / "contract.json").read_text(encoding="utf-8"))
    TAKES_ARRAYS = _takes_arrays(contract)
    if TAKES_ARRAYS:  # scikit-learn's, at each request, for a model that has learned the columns' names
        warnings.filterwarnings("ignore", message="X does not have valid feature names", category=UserWarning)


def run(request: Any) -> Any:
    """Predict the rows of a request; see the module's docstring.

    Args:
        request: the server's, a flask.Request; or where there is no server a body alone, text or bytes.
    """
    if getattr(request, "method", "") == "OPTIONS":  # of browsers, which bring no key; the server adds the headers
        return _response("", 200, {})
    try:
        columns, data = _table(_body(request))
        return _predict(columns, data) if data else []
    except RequestError as error:
        return _refusal({"status": error.status, "field": error.field, "error": str(error)})
    except Exception:
        logging.getLogger("azmlinfsrv.score").exception("the model failed")
        return _refusal({"status": 500, "field": "", "error": "the model failed; the server's log says how"})


def _settle() -> None:
    """What scikit-learn would find out again at each prediction, though no model changes that is served."""
    import sklearn
    from sklearn.utils import get_tags

    sklearn.set_config(skip_parameter_validation=True)
    parts = MODEL.get_params(deep=True).values() if hasattr(MODEL, "get_params") else ()
    for part in [MODEL, *parts]:
        if hasattr(part, "__sklearn_tags__") and not isinstance(part, type):
            tags = get_tags(part)
            part.__sklearn_tags__ = lambda tags=tags: tags


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


def _keys() -> list[bytes]:
    named = os.environ.get("PENSTOCK_KEY_FILE")
    if not named:
        return []
    path = Path(named)
    if path.stat().st_mode & 0o077:
        raise RuntimeError(f"{path} can be read by others, so its keys are no secret; chmod 600 it")
    keys = path.read_bytes().split()
    if not keys:
        raise RuntimeError(f"{path} (PENSTOCK_KEY_FILE) holds no key, so nobody could be let in")
    return keys


def _body(request: Any) -> str | bytes:
    if isinstance(request, str | bytes):
        _authorize("")
        return request
    try:
        if request.method != "POST":
            raise RequestError("", "send the rows by POST", 405)
        _authorize(request.headers.get("Authorization", ""))
        return _received(request.stream, MAX_BYTES)
    finally:  # a client that is still sending when the connection is closed does not see the answer
        with contextlib.suppress(Exception):
            _received(request.stream, MAX_DROPPED, keep=False)


def _received(stream: Any, at_most: int, *, keep: bool = True) -> bytes:
    """What a stream holds, in parts, until more than `at_most` bytes have come; nothing of it unless `keep`."""
    parts: list[bytes] = []
    size = 0
    try:
        while size <= at_most and (part := stream.read(_PART)):
            size += len(part)
            if keep:
                parts.append(part)
    except Exception as error:  # noqa: BLE001  (the server's own, of many kinds)
        told = f"the body cannot be read: it ends early or its parts are not as HTTP has them ({type(error).__name__})"
        raise RequestError("", told) from None
    return b"".join(parts)


def _authorize(authorization: str) -> None:
    if not KEYS:
        return
    kind, _, key = authorization.partition(" ")
    if kind.lower() != "bearer" or not key:
        raise RequestError("", "a key is needed: Authorization: Bearer <key>", 401)
    matches = [hmac.compare_digest(key.strip().encode(errors="replace"), known) for known in KEYS]  # all: constant time
    if not any(matches):
        raise RequestError("", "the key is not one of this endpoint's", 401)


def _takes_arrays(contract: Mapping[str, Any]) -> bool:
    """Whether the model predicts its example's rows from plain numbers as it does from a table with named columns.

    Then a request needs no pandas: to make the table costs more than to predict. What the model says of the table is in
    contract.json since it was packaged.
    """
    if any(column["type"] not in _NUMERIC for column in COLUMNS):
        return False
    case = next(case for case in contract["cases"] if "answer" in case)
    table = case["request"]["input_data"]
    positions = [table["columns"].index(column["name"]) for column in COLUMNS]
    rows = [[row[position] for position in positions] for row in table["data"]]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = np.asarray(MODEL.predict(np.array(rows, dtype="float64"))).tolist()
    except Exception:  # noqa: BLE001  (a model that wants the names may say so in any way)
        return False
    return len(answer) == len(case["answer"]) and all(map(_is_like, answer, case["answer"]))


def _is_like(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return bool(one == other)


def _predict(columns: list[str], data: list[list[Any]]) -> list[Any]:
    positions = {name: position for position, name in enumerate(columns)}
    missing = [column["name"] for column in COLUMNS if column["name"] not in positions]
    if missing:
        raise RequestError("input_data.columns", f"these columns are missing: {', '.join(missing)}")
    wanted = [positions[column["name"]] for column in COLUMNS]
    _check_values(wanted, data)
    try:
        rows = _array(wanted, data) if TAKES_ARRAYS else _frame(wanted, data)
        answer = np.asarray(MODEL.predict(rows))
    except ValueError as error:
        raise _unpredictable(error, wanted, data) from None
    if answer.dtype.kind == "f" and not np.isfinite(answer).all():
        number = int(np.flatnonzero(~np.isfinite(answer.reshape(len(data), -1)).all(axis=1))[0])
        raise RequestError(f"input_data.data[{number}]", "the model has no finite prediction for these values")
    return list(answer.tolist())


def _unpredictable(error: ValueError, wanted: Sequence[int], data: list[list[Any]]) -> RequestError:
    for number, row in enumerate(data):
        for column, position in zip(COLUMNS, wanted, strict=True):
            if row[position] is None:
                field = f"input_data.data[{number}][{position}]"
                return RequestError(field, f"the model takes no null in the column {column['name']!r}")
    said = _cut(str(error).strip().partition("\n")[0])
    return RequestError("input_data.data", f"the model cannot predict these rows: {said}")


def _array(wanted: Sequence[int], data: list[list[Any]]) -> Any:
    if wanted == list(range(len(data[0]))):
        return np.array(data, dtype="float64")
    return np.array([[row[position] for position in wanted] for row in data], dtype="float64")


def _frame(wanted: Sequence[int], data: list[list[Any]]) -> Any:
    import pandas as pd

    made = {}
    for column, position in zip(COLUMNS, wanted, strict=True):
        values = [row[position] for row in data]
        if column["type"] == "datetime":
            times = pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601")
            made[column["name"]] = times.dt.tz_localize(None)
        else:
            made[column["name"]] = pd.Series(values, dtype="float64" if column["type"] in _NUMERIC else object)
    return pd.DataFrame(made)


def _table(raw: str | bytes) -> tuple[list[str], list[list[Any]]]:
    if len(raw) > MAX_BYTES:
        raise RequestError("", f"the body has more than {MAX_BYTES} bytes; send the rows in several requests", 413)
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8")
        body = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise RequestError("", "the body is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise RequestError("", f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except ValueError as error:
        raise RequestError("", f"the body is not JSON: {error}") from None
    table = body.get("input_data") if isinstance(body, dict) else None
    if not isinstance(table, dict):
        raise RequestError("input_data", 'the body must be {"input_data": {"columns": [...], "data": [[...]]}}')
    return _columns_and_data(table)


def _columns_and_data(table: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
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


def _check_values(wanted: Sequence[int], data: list[list[Any]]) -> None:
    for column, position in zip(COLUMNS, wanted, strict=True):
        fits, what = _TYPES[column["type"]]
        for number, row in enumerate(data):
            value = row[position]
            if value is not None and not fits(value):
                field = f"input_data.data[{number}][{position}]"
                raise RequestError(field, f"the column {column['name']!r} takes {what} or null, not {_shown(value)}")


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return _cut(json.dumps(value))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _is_number(value: Any) -> bool:
    kind = type(value)
    return (kind is float and math.isfinite(value)) or (kind is int and -_LARGEST <= value <= _LARGEST)


def _is_time(value: Any) -> bool:
    if not isinstance(value, str) or "W" in value or "," in value:  # weeks and commas, which pandas does not read
        return False
    try:
        return _EARLIEST <= datetime.fromisoformat(value).replace(tzinfo=None) <= _LATEST
    except ValueError:
        return False


_SHOWN = 200
_PART = 64 * 1024
_NUMERIC = ("long", "double", "boolean")
_LARGEST = int(1.7976931348623157e308)
_EARLIEST, _LATEST = datetime(1678, 1, 1), datetime(2262, 1, 1)  # noqa: DTZ001  (what pandas can hold)
# By type in the model's signature: which values fit, and how to call them.
_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "long": (_is_number, "a number"),
    "double": (_is_number, "a number"),
    "boolean": (lambda value: isinstance(value, bool), "true, false"),
    "string": (lambda value: isinstance(value, str), "a text"),
    "datetime": (_is_time, "a point in time such as 2026-01-31T12:00:00"),
}


def _refusal(body: dict[str, Any]) -> Any:
    headers = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "POST"}}.get(body["status"], {})
    return _response(body, body["status"], headers)


def _response(body: Any, status: int, headers: dict[str, str]) -> Any:
    """The body with its status; only the body where the server, which sets the status, is not installed."""
    try:
        from azureml_inference_server_http.api.aml_response import AMLResponse
    except ImportError:
        return body
    return AMLResponse(body, status, headers, json_str=bool(body))


def _take_requests() -> None:
    """Have the server hand in its requests unread, not their bodies as text: what is read is decided here."""
    try:
        from azureml_inference_server_http.api.aml_request import rawhttp
    except ImportError:
        return
    rawhttp(run)


_take_requests()
