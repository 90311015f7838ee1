"""Logs to the job's own MLflow run by the fluent API, which works on Azure's server and on a laptop's store alike."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock_steps.errors import StepError

URI_VARIABLE = "MLFLOW_TRACKING_URI"
_RUN_VARIABLE = "MLFLOW_RUN_ID"
_LONGEST = 250  # characters of a parameter or tag; Azure takes no long ones


def has_store() -> bool:
    """Whether this process was told of a tracking store. MLflow would otherwise make one in the working folder."""
    return bool(os.environ.get(URI_VARIABLE))


def log(
    *,
    parameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, Any] | None = None,
    artifacts: Sequence[Path] = (),
) -> None:
    """Log to the job's run, or to a new one outside a job. Without a tracking store it says so and logs nothing.

    Values longer than 250 characters are cut; lineage.json has them whole. Raises StepError if the store fails.
    """
    if not has_store():
        print(f"{URI_VARIABLE} is not set: nothing is logged to MLflow")  # noqa: T201  (a step's log is its output)
        return
    import mlflow

    with job_run():
        mlflow.log_params({name: _short(value) for name, value in (parameters or {}).items()})
        mlflow.log_metrics(dict(metrics or {}))
        mlflow.set_tags({name: _short(value) for name, value in (tags or {}).items()})
        for path in artifacts:
            mlflow.log_artifact(str(path))


@contextmanager
def job_run() -> Iterator[Any]:
    """The job's own MLflow run, or a new one outside a job. Raises StepError if the store fails.

    MLflow removes MLFLOW_RUN_ID from the environment when it continues the run; it is put back here, for the run id is
    part of the lineage.
    """
    import mlflow

    run_id = os.environ.get(_RUN_VARIABLE)
    try:
        with store_errors("log to"), mlflow.start_run() as run:
            yield run
    finally:
        if run_id is not None:
            os.environ[_RUN_VARIABLE] = run_id


@contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Turns what MLflow raises, when it cannot do what we ask of the store, into a StepError."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise StepError(f"could not {doing} the MLflow store {os.environ.get(URI_VARIABLE)}: {error}") from None


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
