"""How sure a difference is: a paired bootstrap interval of candidate minus champion on the same rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context

from penstock_steps.metrics import Metric, MetricError, Predictions, Task, Values, value

# For classification scikit-learn takes ten times as long for a value.
RESAMPLES: dict[Task, int] = {"regression": 200, "classification": 100}
CONFIDENCE = 0.95
_SEED = 0
# Rows times resamples beyond which it would take minutes: fewer resamples then, and below 50 none.
_MOST_WORK = 20_000_000
_FEWEST_RESAMPLES = 50


def difference_interval(
    metric: Metric, truth: Values, candidate: Predictions, champion: Predictions
) -> tuple[float, float] | None:
    """The 95 % interval of the metric's difference, candidate minus champion.

    The rows are drawn with replacement, the same for both models, some hundred times with a fixed seed; the interval
    lies between the percentiles of the differences (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
    chapter 13). With so few draws its ends are good to about a tenth of its width.

    Returns:
        Its ends, or None where some draw has no value (one class only, say), or there are too many rows to draw.
    """
    resamples = min(RESAMPLES[metric.task], _MOST_WORK // max(len(truth), 1))
    if len(truth) < 2 or resamples < _FEWEST_RESAMPLES:
        return None
    from scipy.stats import bootstrap

    def difference(rows: NDArray[np.intp]) -> float:
        drawn = truth[rows]
        return value(metric, drawn, candidate.take(rows)) - value(metric, drawn, champion.take(rows))

    try:
        with config_context(assume_finite=True, skip_parameter_validation=True), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of single draws
            result: Any = bootstrap(
                (np.arange(len(truth)),),
                difference,
                n_resamples=resamples,
                confidence_level=CONFIDENCE,
                vectorized=False,
                method="percentile",
                rng=np.random.default_rng(_SEED),
            )
    except MetricError:
        return None
    low, high = (float(end) for end in result.confidence_interval)
    return (low, high) if np.isfinite([low, high]).all() else None
