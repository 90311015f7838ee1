"""Writes a fitted pipeline as an MLflow model with signature, input example and pinned requirements."""

from __future__ import annotations

import logging
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow.sklearn
import numpy as np
import pandas as pd
import skops.io
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from columns import Features
from penstock_steps.model_input import ColumnType
from penstock_steps.models import TRAINING_ROWS_FILE, trusted_types
from penstock_steps.rows import Hashes
from reproducible import settle_mlmodel, settle_skops

# What a loaded model imports.
_REQUIRED = ("numpy", "pandas", "scikit-learn", "scipy", "skops")


def write_model(
    folder: Path, pipeline: Any, rows: pd.DataFrame, features: Features, target: ColumnType, serialization: str
) -> None:
    """Write `pipeline` into `folder`, which must be empty or absent, so that the same pipeline gives the same bytes.

    Args:
        folder: becomes the MLflow model.
        pipeline: fitted on `rows`.
        rows: the features of the training rows, from which the input example is made.
        features: what `rows` consists of.
        target: the type of the predictions.
        serialization: skops or pickle.

    Raises:
        StepError: the pipeline holds a type that skops should not load.
    """
    # It would tell of a pip that is not installed, of which the requirements make no use, and of the risk of a pickle,
    # which was asked for.
    for name in ("mlflow.utils.environment", "mlflow.sklearn"):
        logging.getLogger(name).setLevel(logging.ERROR)
    safe = serialization == "skops"
    mlflow.sklearn.save_model(
        pipeline,
        folder,
        signature=_signature(features, target),
        input_example=input_example(rows, features),
        pip_requirements=[f"{name}=={metadata.version(name)}" for name in _REQUIRED],
        serialization_format=serialization,
        skops_trusted_types=_types_in(pipeline) if safe else None,
    )
    if safe:
        settle_skops(folder / "model.skops")


def finish_model(folder: Path, training_rows: Hashes) -> None:
    """Write the hashes of the training rows beside the model, and settle what depends on all files of the folder."""
    np.save(folder / TRAINING_ROWS_FILE, np.sort(training_rows), allow_pickle=False)
    settle_mlmodel(folder)


def input_example(rows: pd.DataFrame, features: Features) -> pd.DataFrame:
    """One made-up row: the middle of each column, or its most frequent value. No row of the data is given away."""
    return pd.DataFrame({column.name: [_typical(rows[column.name], column.type)] for column in features.columns})


def _typical(values: Any, type_: ColumnType) -> Any:
    if type_ == "string":
        return values.mode(dropna=True).iloc[0]
    if type_ == "datetime":
        return values.quantile(0.5, interpolation="lower")
    middle = float(values.quantile(0.5, interpolation="lower"))
    return bool(middle) if type_ == "boolean" else int(middle) if type_ == "long" else middle


def _signature(features: Features, target: ColumnType) -> ModelSignature:
    inputs = Schema([ColSpec(column.type, column.name) for column in features.columns])
    return ModelSignature(inputs=inputs, outputs=Schema([ColSpec(target)]))


def _types_in(pipeline: Any) -> list[str]:
    return trusted_types(skops.io.get_untrusted_types(data=skops.io.dumps(pipeline)))
