"""Scores a model on the held-out rows: the candidate from its folder, the champion from the registry."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from criteria import Criterion
from penstock_steps import lineage, metrics, registry
from penstock_steps.arguments import unknown_columns
from penstock_steps.errors import StepError
from penstock_steps.lineage import StepRecord
from penstock_steps.model_input import ModelColumn, as_model_input
from penstock_steps.models import input_columns, load_estimator, training_rows
from penstock_steps.registry import Champion
from penstock_steps.rows import row_hashes
from penstock_steps.tables import read_table
from penstock_steps.target import target_values
from verdict import Scores

_NUMBERS = {"long", "double"}


@dataclass(frozen=True)
class HeldOut:
    """The rows that both models are scored on: the table, its target, and what is to be predicted."""

    table: pd.DataFrame
    truth: metrics.Values
    target: str
    task: metrics.Task


@dataclass(frozen=True)
class Scored:
    """A model on the held-out rows: its predictions, its scores, how many it was trained on, the columns it takes."""

    predictions: metrics.Predictions
    scores: Scores
    rows_trained_on: int | None
    columns: Sequence[ModelColumn]


class UnscorableError(Exception):
    """A model cannot be scored on the held-out rows; the message says why."""


def held_out(folder: Path, target: str, task: metrics.Task) -> HeldOut:
    """The held-out rows. Raises StepError if there are none, or the target is not there or does not fit the task."""
    table = read_table(folder)
    problems = unknown_columns([target], [str(name) for name in table.columns], "--target")
    if problems:
        raise StepError(problems[0])
    if table.empty:
        raise StepError(f"{folder} holds no rows to score on; raise the split's test_fraction")
    return HeldOut(table, target_values(table[target], task)[0], target, task)


def score(model: Path, rows: HeldOut, criteria: Sequence[Criterion]) -> Scored:
    """Load the model in a folder and score it. Raises UnscorableError if it cannot be loaded or cannot predict."""
    try:
        estimator = load_estimator(model)
        predictions = metrics.predict(estimator, as_model_input(rows.table, input_columns(model)))
    except StepError as error:
        raise UnscorableError(str(error)) from None
    except Exception as error:  # noqa: BLE001  (a model that was made elsewhere can raise anything)
        raise UnscorableError(f"it fails to predict ({type(error).__name__}: {error})") from None
    values, problems = {}, {}
    for criterion in criteria:
        name = criterion.metric.name
        try:
            values[name] = metrics.value(criterion.metric, rows.truth, predictions)
        except metrics.MetricError as error:
            problems[name] = str(error)
    trained_on = training_rows(model)
    seen = None if trained_on is None else int(np.isin(row_hashes(rows.table), trained_on).sum())
    return Scored(predictions, Scores(values, problems), seen, input_columns(model))


def new_columns(candidate: Sequence[ModelColumn], champion: Sequence[ModelColumn]) -> list[str]:
    """What the candidate takes and requests for the champion lack, `name (type)`, or have of another type.

    Whole and other numbers are alike to whoever sends them: a column changes between them when a value is missing.
    """
    types, found = {column.name: column.type for column in champion}, []
    for column in candidate:
        former = types.get(column.name)
        if former is None:
            found.append(f"{column.name} ({column.type})")
        elif former != column.type and not {former, column.type} <= _NUMBERS:
            found.append(f"{column.name} ({column.type}, it was {former})")
    return found


@dataclass(frozen=True)
class Rival:
    """The champion: its scores or why it has none, and the columns that it takes, if they could be read."""

    champion: Champion
    scored: Scored | str
    columns: Sequence[ModelColumn] = ()


def score_champion(name: str, rows: HeldOut, criteria: Sequence[Criterion]) -> Rival | None:
    """The champion of the registered model and its scores; None without a champion.

    Raises StepError if the registry cannot be read at all: then nobody knows whether there is a champion.
    """
    client = registry.connect()
    champion = registry.find_champion(client, name)
    if champion is None:
        return None
    columns: Sequence[ModelColumn] = ()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            folder = registry.download(client, champion, Path(scratch))
            columns = input_columns(folder)
            check_purpose(lineage.read(folder).steps, rows, "it")
            return Rival(champion, score(folder, rows, criteria), columns)
        except (StepError, UnscorableError) as error:
            return Rival(champion, str(error), columns)


def is_unfinished(champion: Champion, digest: str) -> bool:
    """Whether the candidate is the champion itself, which an interrupted run has left without a package.

    Raises StepError if the registry cannot be read.
    """
    tags = registry.version_tags(registry.connect(), champion.name, champion.version)
    return tags.get(registry.MODEL_DIGEST_TAG) == digest and registry.PACKAGE_DIGEST_TAG not in tags


def check_purpose(steps: Mapping[str, StepRecord], rows: HeldOut, who: str) -> None:
    """Raises StepError if the model whose lineage is `steps` was trained for another target or task."""
    train = steps.get("train")
    made_for = (train.parameters.get("target"), train.parameters.get("task")) if train else (None, None)
    if made_for != (rows.target, rows.task):
        raise StepError(
            f"{who} was trained for {made_for[1]} of {made_for[0]!r}, here {rows.task} of {rows.target!r} is asked; "
            "give train and evaluate the same target and task, and each target a registered model of its own"
        )
