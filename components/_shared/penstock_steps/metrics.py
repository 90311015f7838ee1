"""The metrics that models are compared by: their names, what they apply to, and which direction is better.

The values are scikit-learn's (https://scikit-learn.org/stable/modules/model_evaluation.html); see `METRICS` for which
function each is.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as scores

Task = Literal["regression", "classification"]
Goal = Literal["minimize", "maximize"]
Values = NDArray[Any]


class MetricError(Exception):
    """A metric has no value for these rows or this model; the message says why, as the end of a sentence."""


@dataclass(frozen=True)
class Predictions:
    """What a model says about some rows.

    Attributes:
        values: the predictions, shape (rows,), in the unit or with the labels of the target.
        classes: a classifier's classes, shape (classes,), in the order of the columns of `probabilities`; else None.
        probabilities: of each class, shape (rows, classes), each row adding up to 1; None without predict_proba.
    """

    values: Values
    classes: Values | None = None
    probabilities: NDArray[np.float64] | None = None

    def take(self, rows: NDArray[np.intp]) -> Predictions:
        """The predictions of some of the rows, which may repeat."""
        chosen = None if self.probabilities is None else self.probabilities[rows]
        return Predictions(self.values[rows], self.classes, chosen)


@dataclass(frozen=True)
class Metric:
    """A metric: `score(truth, predictions)` is its value, `goal` the direction that is better."""

    name: str
    task: Task
    goal: Goal
    score: Callable[[Values, Predictions], float]

    def improvement(self, difference: float) -> float:
        """A difference (candidate minus champion) as an improvement: positive is better."""
        return difference if self.goal == "maximize" else -difference


def predict(model: Any, rows: Any) -> Predictions:
    """What a fitted scikit-learn model says about `rows`, a table of shape (rows, features)."""
    probabilities = model.predict_proba(rows) if hasattr(model, "predict_proba") else None
    return Predictions(np.asarray(model.predict(rows)), getattr(model, "classes_", None), probabilities)


def value(metric: Metric, truth: Values, predictions: Predictions) -> float:
    """The metric's value; finite.

    Args:
        metric: one of `METRICS`.
        truth: the target's values, shape (rows,).
        predictions: for the same rows.

    Raises:
        MetricError: there is no such value: no rows, one class only, a model without probabilities, predictions of
            another kind than the target, a value that is not finite.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = float(metric.score(truth, predictions))
        except (ValueError, TypeError) as error:
            raise MetricError(f"cannot be computed: {error}") from None
    if not math.isfinite(result):
        reason = next((str(warning.message) for warning in caught), f"its value is {result}")
        raise MetricError(f"cannot be computed: {reason}")
    return result


def of_task(task: Task) -> list[str]:
    """The names of the metrics that apply to a task."""
    return [name for name, metric in METRICS.items() if metric.task == task]


def _plain(function: Callable[..., float], **options: Any) -> Callable[[Values, Predictions], float]:
    return lambda truth, predictions: function(truth, predictions.values, **options)


def _probabilities(truth: Values, predictions: Predictions) -> tuple[Values, NDArray[np.float64]]:
    """All classes that the model or the truth knows, sorted, and the probabilities of each; 0 for one it never saw."""
    if predictions.probabilities is None or predictions.classes is None:
        raise MetricError("cannot be computed: the model gives no probabilities (it has no predict_proba)")
    classes = np.unique(np.concatenate([predictions.classes, truth]))
    aligned = np.zeros((len(truth), len(classes)))
    aligned[:, np.searchsorted(classes, predictions.classes)] = predictions.probabilities
    return classes, aligned


def _roc_auc(truth: Values, predictions: Predictions) -> float:
    """Area under the ROC curve; of more than two classes the mean over one class versus the rest."""
    classes, probabilities = _probabilities(truth, predictions)
    absent = [str(label) for label in classes if not (truth == label).any()]
    if absent:
        raise MetricError(f"cannot be computed: the rows hold no case of the class {', '.join(absent)}")
    if len(classes) == 2:
        return float(scores.roc_auc_score(truth == classes[1], probabilities[:, 1]))
    return float(scores.roc_auc_score(truth, probabilities, multi_class="ovr", labels=classes))


def _log_loss(truth: Values, predictions: Predictions) -> float:
    classes, probabilities = _probabilities(truth, predictions)
    return float(scores.log_loss(truth, probabilities, labels=classes))


def _r2(truth: Values, predictions: Predictions) -> float:
    if len(truth) < 2 or np.ptp(truth) == 0:
        raise MetricError("cannot be computed: the target has one value only in these rows")
    return float(scores.r2_score(truth, predictions.values))


_MACRO = {"average": "macro", "zero_division": 0.0}
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("rmse", "regression", "minimize", _plain(scores.root_mean_squared_error)),
        Metric("mae", "regression", "minimize", _plain(scores.mean_absolute_error)),
        Metric("median_absolute_error", "regression", "minimize", _plain(scores.median_absolute_error)),
        Metric("mape", "regression", "minimize", _plain(scores.mean_absolute_percentage_error)),
        Metric("max_error", "regression", "minimize", _plain(scores.max_error)),
        Metric("r2", "regression", "maximize", _r2),
        Metric("accuracy", "classification", "maximize", _plain(scores.accuracy_score)),
        Metric("balanced_accuracy", "classification", "maximize", _plain(scores.balanced_accuracy_score)),
        Metric("f1_macro", "classification", "maximize", _plain(scores.f1_score, **_MACRO)),
        Metric("precision_macro", "classification", "maximize", _plain(scores.precision_score, **_MACRO)),
        Metric("recall_macro", "classification", "maximize", _plain(scores.recall_score, **_MACRO)),
        Metric("matthews_correlation", "classification", "maximize", _plain(scores.matthews_corrcoef)),
        Metric("roc_auc", "classification", "maximize", _roc_auc),
        Metric("log_loss", "classification", "minimize", _log_loss),
    )
}
TRAINING_METRICS: dict[Task, Sequence[str]] = {
    "regression": ("rmse", "mae", "r2"),
    "classification": ("accuracy", "f1_macro", "log_loss"),
}
