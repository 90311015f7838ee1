"""`contract.json`: what a server of the package must answer, known before it is deployed.

    {"latency_budget_ms": 500, "tolerance": {"rtol": 1e-6, "atol": 1e-9},
     "cases": [{"name": "...", "request": {...}, "status": 200, "answer": [...]},
               {"name": "...", "raw": "text that is not JSON", "status": 400}, ...]}

The answers are what the model itself predicts for its input example, loaded here as evaluate loads it and not by
score.py, so that a server which reads rows in another way is found out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock_steps.errors import StepError
from penstock_steps.models import input_columns, load_estimator

LATENCY_BUDGET_MS = 500
TOLERANCE = {"rtol": 1e-6, "atol": 1e-9}
_DIGITS = 9  # of an answer, fewer than a double has: the last ones depend on the processor, and all bytes are compared


def contract(model: Path, sample: dict[str, Any]) -> dict[str, Any]:
    """The contract of the model in the folder `model`, **whose digest must have been checked before**.

    Args:
        model: the model folder.
        sample: its input example as a request; see `contents.sample_request`.

    Raises:
        StepError: the model cannot be loaded, or cannot predict its own input example.
    """
    table = sample["input_data"]
    answer = _predictions(model, table)
    reversed_ = {"columns": table["columns"][::-1], "data": [row[::-1] for row in table["data"]]}
    twice = {"columns": table["columns"], "data": [*table["data"], *table["data"]]}
    known = [
        ("the input example", table, answer),
        ("its columns in another order, and no index", reversed_, answer),
        ("its rows twice", twice, [*answer, *answer]),
    ]
    cases = [
        {"name": name, "request": {"input_data": request}, "status": 200, "answer": expected}
        for name, request, expected in known
    ]
    return {"latency_budget_ms": LATENCY_BUDGET_MS, "tolerance": TOLERANCE, "cases": [*cases, *_bad(model, table)]}


def _bad(model: Path, table: dict[str, Any]) -> list[dict[str, Any]]:
    """Requests that must be refused with 400: each is wrong in one thing."""
    column = input_columns(model)[0]
    wrong: Any = 1 if column.type in ("string", "datetime") else "not a number"
    position = table["columns"].index(column.name)
    columns = [name for name in table["columns"] if name != column.name]
    rows = [[value for at, value in enumerate(row) if at != position] for row in table["data"]]
    spoilt = [[wrong if at == position else value for at, value in enumerate(row)] for row in table["data"]]
    bodies = {
        f"without the column {column.name}": {"input_data": {"columns": columns, "data": rows}},
        f"{column.name} of another type": {"input_data": {"columns": table["columns"], "data": spoilt}},
        "a row that is too short": {"input_data": {"columns": table["columns"], "data": [table["data"][0][:-1]]}},
        "no input_data": {"data": table["data"]},
        "a list": [],
    }
    texts = {"no JSON": "{", "an empty body": "", "NaN, which is not JSON": '{"input_data": NaN}'}
    return [
        *({"name": name, "request": body, "status": 400} for name, body in bodies.items()),
        *({"name": name, "raw": text, "status": 400} for name, text in texts.items()),
    ]


def _predictions(model: Path, table: dict[str, Any]) -> list[Any]:
    import numpy as np
    import pandas as pd

    from penstock_steps.model_input import as_model_input

    rows = as_model_input(pd.DataFrame(table["data"], columns=table["columns"]), input_columns(model))
    try:
        predicted: Sequence[Any] = np.asarray(load_estimator(model).predict(rows)).tolist()
    except ValueError as error:
        raise StepError(f"the model cannot predict its own input example: {error}; train it again") from None
    return [_rounded(value) for value in predicted]


def _rounded(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise StepError(f"the model predicts {value} for its own input example; train it again")
    return float(f"{value:.{_DIGITS}g}")
