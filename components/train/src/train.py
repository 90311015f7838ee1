"""Trains a scikit-learn pipeline on the rows of split_data and writes it as an MLflow model."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from columns import Features, find_features
from cross_validation import cross_validated
from estimators import make_estimator
from penstock_steps import lineage, metrics, tracking
from penstock_steps.arguments import boolean, json_object, names, unknown_columns
from penstock_steps.digests import LINEAGE_FILE, content_digest
from penstock_steps.errors import StepError, run_step
from penstock_steps.lineage import Component, Lineage
from penstock_steps.model_input import ColumnType, as_model_input
from penstock_steps.rows import row_hashes
from penstock_steps.tables import read_table
from penstock_steps.target import target_values
from preparation import make_pipeline_of

COMPONENT = Component("train", "1.1.2")


@dataclass(frozen=True)
class Trained:
    """A fitted pipeline and what it was fitted on."""

    pipeline: Any
    rows: pd.DataFrame
    features: Features
    target_type: ColumnType
    scores: Mapping[str, float]


def main() -> None:
    arguments = _arguments()
    parameters = json_object(arguments.parameters, "--parameters")
    estimator = make_estimator(arguments.estimator, arguments.task, parameters, arguments.seed)
    if arguments.model.is_dir() and any(arguments.model.iterdir()):
        raise StepError(f"--model {arguments.model} is not empty; give a folder that is new or empty")
    upstream = origin(arguments.train_data, required=arguments.require_lineage)
    table = read_table(arguments.train_data)
    trained = train(table, arguments.target, arguments.task, estimator, names(arguments.exclude_columns))
    _tell(arguments, len(table), trained)
    validation = _validated(trained, table, arguments) if arguments.folds else {}

    from model_folder import finish_model, write_model  # MLflow, seconds

    write_model(
        arguments.model, trained.pipeline, trained.rows, trained.features, trained.target_type, arguments.serialization
    )
    finish_model(arguments.model, row_hashes(table))
    given = {
        "target": arguments.target,
        "task": arguments.task,
        "estimator": arguments.estimator,
        "parameters": parameters,
        "exclude_columns": names(arguments.exclude_columns),
        "seed": arguments.seed,
        "require_lineage": arguments.require_lineage,
        "serialization": arguments.serialization,
        "folds": arguments.folds,
    }
    tracking.log(
        parameters={**given, "parameters": arguments.parameters},
        metrics={f"training.{name}": value for name, value in trained.scores.items()}
        | {f"validation.{name}": value for name, value in validation.items()},
    )
    own = lineage.record(
        COMPONENT,
        inputs={"train_data": upstream[0].digest if upstream else content_digest(arguments.train_data)},
        parameters=given,
        facts={
            "rows": len(table),
            "features": {feature.column.name: feature.kind for feature in trained.features.used},
            "left_out": dict(trained.features.left_out),
            "metrics": dict(trained.scores),
            **({"validation": validation} if validation else {}),
        },
    )
    lineage.write(arguments.model, "model", own, upstream)


def origin(folder: Path, *, required: bool) -> list[Lineage]:
    """The lineage of the training rows: one, or none if it is not `required` and the folder has none.

    Raises StepError if the folder's content has changed since it was written, or if lineage is required and the folder
    is not the train output of split_data.
    """
    if not required and not (folder / LINEAGE_FILE).is_file():
        print(f"{folder} has no {LINEAGE_FILE}, and none is required: nothing tells that these rows were checked")
        return []
    found = lineage.verify(folder, component="split_data" if required else None)
    if (found.component, found.port) == ("split_data", "test"):
        raise StepError(f"{folder} is the test output of split_data; connect train_data to its train output")
    return [found]


def train(table: pd.DataFrame, target: str, task: metrics.Task, estimator: Any, excluded: list[str]) -> Trained:
    """Fit the preparation that the columns of `table` need, and `estimator`, to predict the column `target`.

    Raises:
        StepError: a column that the table lacks, no rows, a target or features that cannot be learned from, or
            parameters that the estimator refuses.
    """
    columns = [str(name) for name in table.columns]
    problems = unknown_columns([target], columns, "--target") + unknown_columns(excluded, columns, "--exclude-columns")
    if target in excluded:
        problems.append(f"--exclude-columns names the target {target!r}")
    if problems:
        raise StepError("; ".join(problems))
    if len(table) < 2:
        raise StepError(f"there are {len(table)} rows to train on; at least 2 are needed")
    truth, target_type = target_values(table[target], task)
    if task == "classification" and len(set(truth)) < 2:
        raise StepError(f"the target {target!r} is {truth[0]!s} in every row; a classifier needs two classes")
    features = find_features(table.drop(columns=target), excluded)
    rows = as_model_input(table, features.columns)
    pipeline = make_pipeline_of(features, estimator)
    _fit(pipeline, rows, truth)
    return Trained(pipeline, rows, features, target_type, _scores(pipeline, rows, truth, task))


def _validated(trained: Trained, table: pd.DataFrame, arguments: argparse.Namespace) -> dict[str, float]:
    truth, _ = target_values(table[arguments.target], arguments.task)
    found = cross_validated(
        trained.pipeline, trained.rows, truth, arguments.task, folds=arguments.folds, seed=arguments.seed
    )
    told = ", ".join(f"{name} {value:.6g}" for name, value in found.items())
    print(f"on rows held out in {arguments.folds} folds: {told}")
    return found


def _fit(pipeline: Any, rows: pd.DataFrame, truth: Any) -> None:
    name = type(pipeline[-1]).__name__
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            pipeline.fit(rows, truth)
        except (ValueError, TypeError) as error:  # sklearn's InvalidParameterError is both
            raise StepError(f"{name} cannot be trained so: {error}. Look at --parameters and at the data") from None
    for message in dict.fromkeys(str(warning.message).splitlines()[0] for warning in caught):
        print(f"note from {name}: {message}")


def _scores(pipeline: Any, rows: pd.DataFrame, truth: Any, task: metrics.Task) -> dict[str, float]:
    """The metrics on the training rows themselves; one that has no value there is told and left out."""
    try:
        predictions = metrics.predict(pipeline, rows)
    except ValueError as error:
        raise StepError(
            f"{type(pipeline[-1]).__name__} cannot predict the rows that it was trained on: {error}"
        ) from None
    scores = {}
    for name in metrics.TRAINING_METRICS[task]:
        try:
            scores[name] = metrics.value(metrics.METRICS[name], truth, predictions)
        except metrics.MetricError as error:
            print(f"{name} on the training rows {error}")
    return scores


def _tell(arguments: argparse.Namespace, rows: int, trained: Trained) -> None:
    counts = {kind: len(trained.features.of_kind(kind)) for kind in ("number", "boolean", "text", "time", "time text")}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    print(f"{arguments.estimator} for {arguments.target}: {rows} rows, {len(trained.features.used)} features ({told})")
    for name, reason in trained.features.left_out.items():
        print(f"  left out: {name} ({reason})")
    print("on the training rows: " + ", ".join(f"{name} {value:.6g}" for name, value in trained.scores.items()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train-data", type=Path, required=True, help="the rows, an output folder of split_data")
    parser.add_argument("--target", required=True, help="the column to predict")
    parser.add_argument("--task", choices=["regression", "classification"], required=True)
    parser.add_argument("--estimator", required=True, help="a scikit-learn class by its name")
    parser.add_argument("--parameters", default="{}", help="the estimator's parameters, a JSON object")
    parser.add_argument("--exclude-columns", help="columns that are no features, separated by commas")
    parser.add_argument("--seed", type=int, default=0, help="the random_state of an estimator that has one")
    parser.add_argument("--require-lineage", type=boolean, default=True, metavar="true|false")
    parser.add_argument("--serialization", choices=["skops", "pickle"], default="skops")
    parser.add_argument("--folds", type=int, default=0, help="of a cross-validation on the training rows; 0: none")
    parser.add_argument("--model", type=Path, required=True, help="the output folder")
    return parser.parse_args()


if __name__ == "__main__":
    run_step(main)
