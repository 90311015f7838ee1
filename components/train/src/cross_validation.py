"""How well a pipeline predicts rows that it was not trained on: k-fold cross-validation on the training rows.

What a sweep compares its trials by, so that the held-out rows stay for the decision alone. Source: scikit-learn's user
guide, "Cross-validation: evaluating estimator performance".
"""

from __future__ import annotations

import statistics
from typing import Any

import pandas as pd

from penstock_steps import metrics
from penstock_steps.errors import StepError


def cross_validated(
    pipeline: Any, rows: pd.DataFrame, truth: Any, task: metrics.Task, *, folds: int, seed: int
) -> dict[str, float]:
    """The mean over the folds of each metric that has a value in all of them; the pipeline given stays as it is.

    Raises StepError if there are too few rows, of a classification in a class, for so many folds.
    """
    from sklearn.base import clone
    from sklearn.model_selection import KFold, StratifiedKFold

    splitter = KFold if task == "regression" else StratifiedKFold
    found: dict[str, list[float]] = {}
    try:
        for train, test in splitter(n_splits=folds, shuffle=True, random_state=seed).split(rows, truth):
            fitted = clone(pipeline).fit(rows.iloc[train], truth[train])
            predictions = metrics.predict(fitted, rows.iloc[test])
            for name in metrics.TRAINING_METRICS[task]:
                try:
                    found.setdefault(name, []).append(metrics.value(metrics.METRICS[name], truth[test], predictions))
                except metrics.MetricError as error:
                    print(f"{name} in a fold {error}")
    except ValueError as error:
        raise StepError(f"--folds {folds}: {error}. Take fewer folds") from None
    return {name: statistics.fmean(values) for name, values in found.items() if len(values) == folds}
