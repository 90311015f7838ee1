"""How sure a difference is: a paired interval of candidate minus champion on the same rows.

It covers which rows happened to be held out, and nothing else: a model trained on other rows would differ by more.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context

from penstock_steps.metrics import Metric, MetricError, Predictions, Task, Values, value
from ranks import area_of_draws, scores_of_two_classes

CONFIDENCE = 0.95
_SEED = 0
_RESAMPLES_OF_MEANS = 4000
_RESAMPLES_OF_RANKS = 1000
# Of the others scikit-learn computes each draw. The interval that decides gets more draws than one that is only told.
RESAMPLES: dict[Task, int] = {"regression": 200, "classification": 100}
_RESAMPLES_THAT_DECIDE = 1000
# Rows beyond which so many draws would take minutes: groups of rows are left out instead.
_MOST_ROWS_DRAWN = 20_000
_MOST_ROWS_DRAWN_SINGLY = 5_000
_GROUPS = 40
_AT_ONCE = 2_000_000
# Up to so many rows the interval is corrected for bias and skewness, for which each row is left out once.
_MOST_ROWS_CORRECTED = 2000


def _log_losses(truth: Values, model: Predictions) -> Values:
    """Of each row, as scikit-learn's log_loss has them: probabilities are kept an epsilon away from 0 and 1."""
    if model.classes is None or model.probabilities is None:
        raise MetricError("cannot be computed: the model gives no probabilities (it has no predict_proba)")
    epsilon = np.finfo(model.probabilities.dtype).eps
    places = np.minimum(np.searchsorted(model.classes, truth), len(model.classes) - 1)
    of_truth = model.probabilities[np.arange(len(truth)), places]
    losses: Values = -np.log(np.clip(np.where(model.classes[places] == truth, of_truth, 0.0), epsilon, 1 - epsilon))
    return losses


# Metrics that are a function of the mean of a loss per row: thousands of draws cost nothing.
_MEANS: dict[str, tuple[Callable[[Values, Predictions], Values], Callable[[Any], Any]]] = {
    "rmse": (lambda truth, model: (truth - model.values) ** 2, np.sqrt),
    "mae": (lambda truth, model: np.abs(truth - model.values), lambda mean: mean),
    "accuracy": (lambda truth, model: (truth == model.values).astype(float), lambda mean: mean),
    "log_loss": (_log_losses, lambda mean: mean),
}


def difference_interval(
    metric: Metric,
    truth: Values,
    candidate: Predictions,
    champion: Predictions,
    confidence: float = CONFIDENCE,
    *,
    decides: bool = False,
) -> tuple[float, float] | None:
    """The interval of the metric's difference, candidate minus champion.

    The rows are drawn with replacement, the same for both models, with a fixed seed. For rmse, mae, accuracy, log_loss
    and the roc_auc of two classes it is the bias-corrected and accelerated interval (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993, chapter 14) of up to 2,000 rows; else it lies between the percentiles of the
    differences (chapter 13). Of more rows than can be drawn often enough (20,000; 5,000 for the other metrics) it is
    Student's, around the difference, with the standard error of the delete-a-group jackknife (Kott, The Delete-a-Group
    Jackknife, Journal of Official Statistics 17, 2001, 521-526).

    Args:
        metric: of which; both models have a value of it.
        truth: the target's values, shape (rows,).
        candidate: what it predicts for them.
        champion: what it predicts for them.
        confidence: the interval's, between 0 and 1.
        decides: whether a verdict rests on it, so that more draws are worth their time.

    Returns:
        Its ends, or None where some draw has no value (one class only, say), or there is one row only.
    """
    if len(truth) < 2:
        return None
    with config_context(assume_finite=True, skip_parameter_validation=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of single draws
        try:
            return _interval(metric, truth, (candidate, champion), confidence, decides=decides)
        except MetricError:
            return None


def _interval(
    metric: Metric, truth: Values, models: tuple[Predictions, Predictions], confidence: float, *, decides: bool
) -> tuple[float, float] | None:
    of_means = metric.name in _MEANS
    scores = scores_of_two_classes(truth, models) if metric.name == "roc_auc" else None
    if len(truth) > (_MOST_ROWS_DRAWN if of_means or scores else _MOST_ROWS_DRAWN_SINGLY):
        return _of_groups(metric, truth, models, confidence)
    if of_means:
        loss, of_mean = _MEANS[metric.name]
        losses = tuple(loss(truth, model) for model in models)
        return _corrected(
            losses, lambda mine, theirs, axis=-1: of_mean(mine.mean(axis)) - of_mean(theirs.mean(axis)),
            draws=_RESAMPLES_OF_MEANS, confidence=confidence,
        )  # fmt: skip
    if scores:
        mine, theirs = (area_of_draws(truth, of_model) for of_model in scores)
        return _corrected(
            (np.arange(len(truth)),), lambda rows, axis=-1: mine(rows) - theirs(rows),  # noqa: ARG005 - it is the last
            draws=_RESAMPLES_OF_RANKS, confidence=confidence,
        )  # fmt: skip
    draws = _RESAMPLES_THAT_DECIDE if decides else RESAMPLES[metric.task]
    return _of_draws(metric, truth, models, draws, confidence)


def _corrected(
    data: tuple[Values, ...], difference: Callable[..., Any], *, draws: int, confidence: float
) -> tuple[float, float] | None:
    """The bias-corrected and accelerated interval of a difference that takes many draws at once."""
    from scipy.stats import bootstrap

    rows = len(data[0])

    def ends(method: str) -> tuple[float, float] | None:
        result: Any = bootstrap(
            data,
            difference,
            paired=len(data) > 1,
            vectorized=True,
            n_resamples=draws,
            batch=max(1, _AT_ONCE // rows),
            confidence_level=confidence,
            method=method,
            rng=np.random.default_rng(_SEED),
        )
        return _finite(*result.confidence_interval)

    corrected = ends("BCa") if rows <= _MOST_ROWS_CORRECTED else None
    return corrected or ends("percentile")  # no correction where all draws are equal


def _of_draws(
    metric: Metric, truth: Values, models: tuple[Predictions, Predictions], draws: int, confidence: float
) -> tuple[float, float] | None:
    from scipy.stats import bootstrap

    result: Any = bootstrap(
        (np.arange(len(truth)),),
        lambda rows: _difference(metric, truth, models, rows),
        n_resamples=draws,
        confidence_level=confidence,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    )
    return _finite(*result.confidence_interval)


def _of_groups(
    metric: Metric, truth: Values, models: tuple[Predictions, Predictions], confidence: float
) -> tuple[float, float] | None:
    """Student's interval from the differences that are found when each of 40 random groups of rows is left out."""
    from scipy.stats import t

    group = np.random.default_rng(_SEED).permutation(len(truth)) % _GROUPS
    found = np.array([_difference(metric, truth, models, np.flatnonzero(group != left)) for left in range(_GROUPS)])
    error = np.sqrt((_GROUPS - 1) / _GROUPS * ((found - found.mean()) ** 2).sum())
    half = t.ppf((1 + confidence) / 2, _GROUPS - 1) * error
    middle = _difference(metric, truth, models, np.arange(len(truth)))
    return _finite(middle - half, middle + half)


def _difference(
    metric: Metric, truth: Values, models: tuple[Predictions, Predictions], rows: NDArray[np.intp]
) -> float:
    mine, theirs = (value(metric, truth[rows], model.take(rows)) for model in models)
    return mine - theirs


def _finite(low: Any, high: Any) -> tuple[float, float] | None:
    return (float(low), float(high)) if np.isfinite([low, high]).all() else None
