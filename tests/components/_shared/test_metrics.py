"""Metrics: scikit-learn's values, and no value where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from penstock_steps.metrics import METRICS, MetricError, Predictions, of_task, predict, value

TRUTH = np.array([1.0, 2.0, 4.0, 8.0])
GUESS = Predictions(np.array([1.5, 2.0, 3.0, 10.0]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rmse", np.sqrt((0.25 + 1 + 4) / 4)),
        ("mae", 3.5 / 4),
        ("median_absolute_error", 0.75),
        ("mape", (0.5 + 0 + 0.25 + 0.25) / 4),
        ("max_error", 2.0),
        ("r2", 1 - 5.25 / np.sum((TRUTH - 3.75) ** 2)),
    ],
)
def test_regression_by_hand(name: str, expected: float) -> None:
    assert value(METRICS[name], TRUTH, GUESS) == pytest.approx(expected)


LABELS = np.array(["a", "a", "a", "b"], dtype=object)
SAID = Predictions(
    np.array(["a", "a", "b", "b"], dtype=object),
    np.array(["a", "b"], dtype=object),
    np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]),
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", 0.75),
        ("balanced_accuracy", (2 / 3 + 1) / 2),
        ("precision_macro", (1 + 1 / 2) / 2),
        ("recall_macro", (2 / 3 + 1) / 2),
        ("f1_macro", (0.8 + 2 / 3) / 2),
        ("matthews_correlation", (2 * 1 - 1 * 0) / np.sqrt(2 * 2 * 3 * 1)),
        ("roc_auc", 2 / 3),
        ("log_loss", -np.log([0.9, 0.8, 0.3, 0.6]).mean()),
    ],
)
def test_classification_by_hand(name: str, expected: float) -> None:
    assert value(METRICS[name], LABELS, SAID) == pytest.approx(expected)


def test_every_metric_has_a_test_by_hand() -> None:
    tested = {mark.args[1][i][0] for test in (test_regression_by_hand, test_classification_by_hand)
              for mark in test.pytestmark for i in range(len(mark.args[1]))}  # fmt: skip
    assert tested == set(METRICS) == {*of_task("regression"), *of_task("classification")}


@pytest.mark.parametrize("name", METRICS)
def test_the_goal_is_the_direction_that_is_better(name: str) -> None:
    """The truth itself scores better than a guess, and the improvement is positive."""
    metric = METRICS[name]
    if metric.task == "regression":
        truth, guess, right = TRUTH, GUESS, Predictions(TRUTH)
    else:
        sure = np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
        truth, guess, right = LABELS, SAID, Predictions(LABELS, SAID.classes, sure)
    assert metric.improvement(value(metric, truth, right) - value(metric, truth, guess)) > 0


def test_without_probabilities_there_is_no_roc_auc() -> None:
    with pytest.raises(MetricError, match="the model gives no probabilities"):
        value(METRICS["roc_auc"], LABELS, Predictions(SAID.values))


def test_one_class_has_no_roc_auc() -> None:
    with pytest.raises(MetricError, match="the rows hold no case of the class b"):
        value(METRICS["roc_auc"], LABELS[:3], SAID.take(np.arange(3)))


def test_a_constant_target_has_no_r2() -> None:
    with pytest.raises(MetricError, match="the target has one value only"):
        value(METRICS["r2"], np.array([1.0, 1.0]), Predictions(np.array([1.0, 2.0])))
    with pytest.raises(MetricError, match="the target has one value only"):
        value(METRICS["r2"], np.array([1.0]), Predictions(np.array([1.0])))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_no_numbers_have_no_metric(bad: float) -> None:
    for name in of_task("regression"):
        with pytest.raises(MetricError, match="cannot be computed"):
            value(METRICS[name], TRUTH, Predictions(np.array([1.0, bad, 3.0, 4.0])))


def test_predictions_of_another_kind_have_no_metric() -> None:
    with pytest.raises(MetricError, match="cannot be computed"):
        value(METRICS["rmse"], TRUTH, Predictions(LABELS))
    with pytest.raises(MetricError, match="cannot be computed"):
        value(METRICS["accuracy"], LABELS, Predictions(np.array([1.5, 2.5, 3.5, 0.1])))


def test_no_rows_have_no_metric() -> None:
    for name in of_task("regression"):
        with pytest.raises(MetricError, match="cannot be computed"):
            value(METRICS[name], TRUTH[:0], Predictions(TRUTH[:0]))


def test_a_class_that_the_model_never_saw_counts_as_impossible() -> None:
    truth = np.array(["a", "b", "c", "c"], dtype=object)
    assert value(METRICS["log_loss"], truth, SAID) > 10  # the logarithm of nearly nothing
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 2))
    model = LogisticRegression().fit(rows, ["a", "b", "c"] * 10)
    assert 0 < value(METRICS["roc_auc"], np.array(["a", "b", "c"] * 10, dtype=object), predict(model, rows)) < 1


def test_predictions_come_with_probabilities_where_the_model_has_them() -> None:
    rows = np.zeros((3, 1))
    said = predict(DummyClassifier().fit(rows, [1, 1, 2]), rows)
    assert said.values.tolist() == [1, 1, 1]
    assert said.classes is not None
    assert said.classes.tolist() == [1, 2]
    assert said.probabilities is not None
    assert said.probabilities.tolist() == [pytest.approx([2 / 3, 1 / 3])] * 3
