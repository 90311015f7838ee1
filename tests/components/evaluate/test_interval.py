"""The interval of a difference."""

from __future__ import annotations

import numpy as np
import pytest

import interval
from interval import difference_interval
from penstock_steps.metrics import METRICS, Predictions

RNG = np.random.default_rng(5)
TRUTH = RNG.normal(size=200)
SIDES = np.array([0, 1] * 100)


def noisy(sd: float) -> Predictions:
    return Predictions(TRUTH + RNG.normal(scale=sd, size=len(TRUTH)))


def test_a_difference_of_a_mean_lies_where_the_normal_distribution_has_it() -> None:
    """The difference of two mean absolute errors is the mean of a paired sample, for which theory has the interval."""
    good, poor = noisy(0.5), noisy(1.0)
    paired = np.abs(good.values - TRUTH) - np.abs(poor.values - TRUTH)
    half = 1.96 * paired.std(ddof=1) / np.sqrt(len(paired))
    low, high = difference_interval(METRICS["mae"], TRUTH, good, poor) or (0, 0)
    assert low == pytest.approx(paired.mean() - half, abs=0.3 * half)
    assert high == pytest.approx(paired.mean() + half, abs=0.3 * half)
    assert difference_interval(METRICS["mae"], TRUTH, good, poor) == (low, high)


def test_both_models_are_drawn_the_same_rows() -> None:
    model = noisy(1.0)
    assert difference_interval(METRICS["rmse"], TRUTH, model, model) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["accuracy", "f1_macro", "roc_auc", "log_loss"])
def test_metrics_of_classes_have_one_too(name: str) -> None:
    chances = np.clip(SIDES * 0.4 + RNG.random(200) * 0.6, 0.01, 0.99)
    good = Predictions((chances > 0.5).astype(int), np.array([0, 1]), np.c_[1 - chances, chances])
    poor = Predictions(np.zeros(200, int), np.array([0, 1]), np.full((200, 2), 0.5))
    low, high = difference_interval(METRICS[name], SIDES, good, poor) or (0.0, 0.0)
    assert low < high
    assert (high < 0) if name == "log_loss" else (low > 0)


def test_where_a_draw_has_no_value_there_is_no_interval() -> None:
    truth = np.array([0] * 5 + [1])  # most draws lack one of the classes
    chances = np.full((6, 2), 0.5)
    model = Predictions(truth, np.array([0, 1]), chances)
    assert difference_interval(METRICS["roc_auc"], truth, model, model) is None


def test_one_row_and_too_many_rows_have_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    one = np.array([1.0])
    assert difference_interval(METRICS["mae"], one, Predictions(one), Predictions(one)) is None
    monkeypatch.setattr(interval, "_MOST_WORK", 49 * 200)
    assert difference_interval(METRICS["mae"], TRUTH, noisy(1), noisy(1)) is None
