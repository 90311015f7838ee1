"""The validation metrics are those of scikit-learn's own cross-validation, and too many folds are told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score

from cross_validation import cross_validated
from penstock_steps.errors import StepError

ROWS = pd.DataFrame(np.random.default_rng(3).normal(size=(60, 3)), columns=["a", "b", "c"])


def test_regression_as_scikit_learn_has_it() -> None:
    truth = (ROWS["a"] * 2 + ROWS["b"] ** 2).to_numpy()
    found = cross_validated(Ridge(), ROWS, truth, "regression", folds=4, seed=7)
    folds = KFold(4, shuffle=True, random_state=7)
    wanted = -cross_val_score(Ridge(), ROWS, truth, cv=folds, scoring="neg_root_mean_squared_error").mean()
    assert found["rmse"] == pytest.approx(wanted)


def test_classification_keeps_the_classes_in_every_fold() -> None:
    truth = np.where(ROWS["a"] > 0.5, "yes", "no")
    found = cross_validated(LogisticRegression(), ROWS, truth, "classification", folds=3, seed=1)
    folds = StratifiedKFold(3, shuffle=True, random_state=1)
    assert found["accuracy"] == pytest.approx(cross_val_score(LogisticRegression(), ROWS, truth, cv=folds).mean())


def test_more_folds_than_rows_are_refused() -> None:
    with pytest.raises(StepError, match=r"--folds 100: .* Take fewer folds"):
        cross_validated(Ridge(), ROWS, ROWS["a"].to_numpy(), "regression", folds=100, seed=0)
