"""How sure a difference is: a paired bootstrap interval of candidate minus champion on the same rows.

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

CONFIDENCE = 0.95
_SEED = 0
# Metrics that are a function of the mean of a loss per row: thousands of draws cost nothing.
_MEANS: dict[str, tuple[Callable[[Values, Values], Values], Callable[[Any], Any]]] = {
    "rmse": (lambda truth, predicted: (truth - predicted) ** 2, np.sqrt),
    "mae": (lambda truth, predicted: np.abs(truth - predicted), lambda mean: mean),
    "accuracy": (lambda truth, predicted: (truth == predicted).astype(float), lambda mean: mean),
}
_RESAMPLES_OF_MEANS = 4000
# Of the others scikit-learn computes each draw. The interval that decides gets more draws than one that is only told.
RESAMPLES: dict[Task, int] = {"regression": 200, "classification": 100}
_RESAMPLES_THAT_DECIDE = 1000
# Rows times resamples beyond which it would take minutes: fewer resamples then, and below 50 none.
_MOST_WORK = 20_000_000
_FEWEST_RESAMPLES = 50
_AT_ONCE = 4_000_000
# Up to so many rows the interval is corrected for bias and skewness, for which each row is left out once.
_MOST_ROWS_CORRECTED = 2000


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

    The rows are drawn with replacement, the same for both models, with a fixed seed. For rmse, mae and accuracy it is
    the bias-corrected and accelerated interval (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter
    14) of up to 2,000 rows; else it lies between the percentiles of the differences (chapter 13).

    Args:
        metric: of which.
        truth: the target's values, shape (rows,).
        candidate: what it predicts for them.
        champion: what it predicts for them.
        confidence: the interval's, between 0 and 1.
        decides: whether a verdict rests on it, so that more draws are worth their time.

    Returns:
        Its ends, or None where some draw has no value (one class only, say), or there are too many rows to draw.
    """
    rows = len(truth)
    most = _RESAMPLES_THAT_DECIDE if decides else RESAMPLES[metric.task]
    resamples = min(_RESAMPLES_OF_MEANS if metric.name in _MEANS else most, _MOST_WORK // max(rows, 1))
    if rows < 2 or resamples < _FEWEST_RESAMPLES:
        return None
    with config_context(assume_finite=True, skip_parameter_validation=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of single draws
        if metric.name in _MEANS:
            loss, of_mean = _MEANS[metric.name]
            losses = loss(truth, candidate.values), loss(truth, champion.values)
            return _of_means(*losses, of_mean, resamples=resamples, confidence=confidence)
        return _of_draws(metric, truth, candidate, champion, resamples, confidence)


def _of_means(
    candidate: Values, champion: Values, of_mean: Callable[[Any], Any], *, resamples: int, confidence: float
) -> tuple[float, float] | None:
    from scipy.stats import bootstrap

    def difference(mine: Values, theirs: Values, axis: int = -1) -> Any:
        return of_mean(mine.mean(axis=axis)) - of_mean(theirs.mean(axis=axis))

    def ends(method: str) -> tuple[float, float] | None:
        result: Any = bootstrap(
            (candidate, champion),
            difference,
            paired=True,
            vectorized=True,
            n_resamples=resamples,
            batch=max(1, _AT_ONCE // len(candidate)),
            confidence_level=confidence,
            method=method,
            rng=np.random.default_rng(_SEED),
        )
        return _finite(result)

    corrected = ends("BCa") if len(candidate) <= _MOST_ROWS_CORRECTED else None
    return corrected or ends("percentile")  # no correction where all draws are equal


def _of_draws(
    metric: Metric, truth: Values, candidate: Predictions, champion: Predictions, resamples: int, confidence: float
) -> tuple[float, float] | None:
    from scipy.stats import bootstrap

    def difference(rows: NDArray[np.intp]) -> float:
        drawn = truth[rows]
        return value(metric, drawn, candidate.take(rows)) - value(metric, drawn, champion.take(rows))

    try:
        result: Any = bootstrap(
            (np.arange(len(truth)),),
            difference,
            n_resamples=resamples,
            confidence_level=confidence,
            vectorized=False,
            method="percentile",
            rng=np.random.default_rng(_SEED),
        )
    except MetricError:
        return None
    return _finite(result)


def _finite(result: Any) -> tuple[float, float] | None:
    low, high = (float(end) for end in result.confidence_interval)
    return (low, high) if np.isfinite([low, high]).all() else None
