"""Scores the rows of a table: those that the model refuses are set aside, the others keep their order."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from batch_files import Chunk, Table, Writer
from package_model import PackageModel, Refusal
from penstock_steps.arguments import did_you_mean
from penstock_steps.errors import StepError

ROWS = 500  # of a request to the package


@dataclass
class Counts:
    """Rows of a file; `rows` is the sum of the others, counted on its own."""

    rows: int = 0
    scored: int = 0
    set_aside: int = 0


def score_table(table: Table, file: str, model: PackageModel, writer: Writer, aside: TextIO) -> Counts:
    """Write the rows with their predictions, and those that are refused as lines of JSON.

    Args:
        table: the rows.
        file: its name, as the rows that are set aside tell it.
        model: the package.
        writer: gets the rows that were scored, in their order.
        aside: gets the others; see `penstock_steps.batches`.

    Raises:
        StepError: the table lacks a column that the model takes, or turns out to be broken.
    """
    missing = [
        f"{column.name!r}.{did_you_mean(column.name, table.columns)}"
        for column in model.columns
        if column.name not in table.columns
    ]
    if missing:
        raise StepError(f"{table.path} lacks the column {'; '.join(missing)} {model.name} takes it")
    counts = Counts()
    for chunk in table.chunks(ROWS, model.columns):
        predictions, refusals = _predict(model, chunk)
        writer.write(chunk, predictions)
        lines = (_line(file, chunk, position, refusal) for position, refusal in sorted(refusals.items()))
        aside.writelines(f"{line}\n" for line in lines)
        counts.rows += len(chunk.rows)
        counts.scored += len(predictions)
        counts.set_aside += len(refusals)
    return counts


def _predict(model: PackageModel, chunk: Chunk) -> tuple[dict[int, Any], dict[int, Refusal]]:
    """Predictions and refusals by the rows' positions in the chunk."""
    predictions: dict[int, Any] = {}
    refusals = {position: Refusal(why, None) for position, why in chunk.broken.items()}
    todo = [[position for position in range(len(chunk.rows)) if position not in refusals]]
    while todo:
        positions = todo.pop()
        if not positions:
            continue
        answer = model.predict([chunk.rows[position] for position in positions])
        if not isinstance(answer, Refusal):
            predictions.update(zip(positions, answer, strict=True))
        elif len(positions) == 1:
            refusals[positions[0]] = answer
        else:  # halve until the rows that are refused stand alone
            middle = len(positions) // 2
            todo += [positions[:middle], positions[middle:]]
    return dict(sorted(predictions.items())), refusals


def _line(file: str, chunk: Chunk, position: int, refusal: Refusal) -> str:
    row = {
        "file": file,
        "row": chunk.first + position,
        "line": chunk.lines[position] if chunk.lines else None,
        "column": refusal.column,
        "why": refusal.why,
        "values": _plain(chunk.values(position)),
    }
    return json.dumps(row, ensure_ascii=False, allow_nan=False)


def _plain(values: Sequence[Any]) -> list[Any]:
    """Values as JSON can hold them; text for all that it cannot."""
    return [
        value if value is None or isinstance(value, str | int) or _is_finite(value) else str(value) for value in values
    ]


def _is_finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)
