"""The interval of a difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interval
from interval import difference_interval
from penstock_steps.metrics import METRICS, Predictions
from ranks import area_of_draws, scores_of_two_classes

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


def test_one_row_has_no_interval() -> None:
    one = np.array([1.0])
    assert difference_interval(METRICS["mae"], one, Predictions(one), Predictions(one)) is None


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), levels=st.integers(2, 50), classes=st.sampled_from([[0, 1], ["a", "b"]]))
def test_the_area_of_draws_is_scikit_learns(seed: int, levels: int, classes: list[Any]) -> None:
    """Of every draw, ties among the probabilities included."""
    rng = np.random.default_rng(seed)
    truth = np.array(classes, dtype=object if isinstance(classes[0], str) else int)[rng.permutation([0, 1] * 10)]
    chances = rng.integers(0, levels, 20) / levels
    model = Predictions(truth, np.array(classes, dtype=truth.dtype), np.c_[1 - chances, chances])
    scores = scores_of_two_classes(truth, [model])
    assert scores is not None
    draws = rng.integers(0, 20, (10, 20))
    found = area_of_draws(truth, scores[0])(draws)
    for rows, area in zip(draws, found, strict=True):
        if len(set(truth[rows])) == 2:
            assert area == pytest.approx(METRICS["roc_auc"].score(truth[rows], model.take(rows)))
        else:
            assert np.isnan(area)


@given(seed=st.integers(0, 10_000))
def test_the_mean_of_the_losses_is_scikit_learns_log_loss(seed: int) -> None:
    """Also where the model is sure and wrong, or has never seen a class."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet([0.3, 0.3], 30)
    chances[0] = [1.0, 0.0]
    truth = rng.choice(["a", "b", "c"], 30).astype(object)
    model = Predictions(truth, np.array(["a", "c"], dtype=object), chances)
    assert interval._log_losses(truth, model).mean() == pytest.approx(METRICS["log_loss"].score(truth, model))


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_many_rows_have_one_as_narrow_as_theory_has_it(name: str) -> None:
    """Of a million rows, in which a difference of half a per cent is no chance; r2 stands for what is no mean."""
    rows = 1_000_000 if name != "r2" else 100_000
    rng = np.random.default_rng(3)
    truth, errors = rng.normal(size=rows) * 2, rng.normal(size=(2, rows))
    good, poor = Predictions(truth + errors[0]), Predictions(truth + 1.05 * errors[1])
    low, high = difference_interval(METRICS[name], truth, good, poor, 0.9, decides=True) or (0.0, 0.0)
    paired = {
        "rmse": (errors[0] ** 2 / 2) - (1.05 * errors[1] ** 2 / 2),
        "mae": np.abs(errors[0]) - np.abs(1.05 * errors[1]),
        "r2": (1.05 * errors[1]) ** 2 / 4 - errors[0] ** 2 / 4,
    }[name]
    width = 2 * 1.645 * paired.std() / np.sqrt(rows)
    assert high - low == pytest.approx(width, rel=0.35)
    assert (low > 0) if name == "r2" else (high < 0)


def test_rows_in_order_are_left_out_at_random() -> None:
    """A table that is sorted by its target gives the same interval as a shuffled one, nearly."""
    rng = np.random.default_rng(4)
    truth = np.sort(rng.normal(size=40_000))
    models = Predictions(truth + rng.normal(size=40_000) * (1 + truth**2)), Predictions(np.zeros(40_000))
    shuffled = rng.permutation(40_000)
    in_order = difference_interval(METRICS["rmse"], truth, *models) or (0.0, 0.0)
    mixed = difference_interval(METRICS["rmse"], truth[shuffled], *(m.take(shuffled) for m in models)) or (0.0, 0.0)
    assert in_order[1] - in_order[0] == pytest.approx(mixed[1] - mixed[0], rel=0.5)
