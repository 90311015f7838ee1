"""What --metrics may say, and what it means."""

from __future__ import annotations

import json

import pytest

from criteria import Criterion, read_criteria
from penstock_steps.errors import StepError
from penstock_steps.metrics import METRICS


def rmse(*, floor: float | None = None, better: float | None = None) -> Criterion:
    return Criterion(METRICS["rmse"], floor, better)


def r2(*, floor: float | None = None, better: float | None = None) -> Criterion:
    return Criterion(METRICS["r2"], floor, better)


def test_settings_are_read_in_their_order() -> None:
    text = '{"r2": {"floor": 0.3}, "rmse": {"goal": "minimize", "min_improvement": 1, "floor": 60}, "mae": {}}'
    assert read_criteria(text, "regression") == [
        r2(floor=0.3),
        rmse(floor=60.0, better=1.0),
        Criterion(METRICS["mae"], None, None),
    ]


BAD = {
    "no JSON": ("{rmse}", "--metrics is not JSON"),
    "no object": ("3", "--metrics must be a JSON object"),
    "twice": ('{"rmse": {}, "rmse": {}}', "--metrics names 'rmse' more than once"),
    "empty": ("{}", "asks no metric for an improvement"),
    "no improvement asked": ('{"rmse": {"floor": 3}}', "asks no metric for an improvement, so any candidate would"),
    "unknown": ('{"rmsee": {}}', r"'rmsee' is not a metric\. Did you mean 'rmse'\? There are: rmse, mae"),
    "other task": ('{"accuracy": {}}', "accuracy is for classification, the task is regression"),
    "no settings": ('{"rmse": 3}', "rmse must have an object"),
    "unknown setting": ('{"rmse": {"flor": 3}}', r"rmse has no setting 'flor'\. Did you mean 'floor'\?"),
    "wrong goal": ('{"rmse": {"goal": "maximize"}}', "rmse is better when lower, so its goal cannot be to maximize it"),
    "wrong goal up": ('{"r2": {"goal": "minimize"}}', "r2 is better when higher, so its goal cannot be to minimize it"),
    "no goal": ('{"rmse": {"goal": "down"}}', "the goal of rmse is 'down'; it must be minimize or maximize"),
    "text": ('{"rmse": {"floor": "60"}}', "the floor of rmse must be a number, it is '60'"),
    "boolean": ('{"rmse": {"min_improvement": true}}', "the min_improvement of rmse must be a number, it is True"),
    "not finite": ('{"rmse": {"floor": NaN}}', "the floor of rmse must be a number, it is nan"),
    "beyond doubles": (json.dumps({"rmse": {"floor": 10**400}}), "the floor of rmse must be a number"),
    "negative": ('{"rmse": {"min_improvement": -1}}', "the min_improvement of rmse is -1.* cannot be negative"),
}


@pytest.mark.parametrize("case", BAD)
def test_each_mistake_gets_its_message(case: str) -> None:
    text, message = BAD[case]
    with pytest.raises(StepError, match=message):
        read_criteria(text, "regression")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(StepError, match=r"'rmsee' is not a metric.*wrong.*r2 is better when higher"):
        read_criteria('{"rmsee": {}, "mae": {"wrong": 1}, "r2": {"goal": "minimize"}}', "regression")


@pytest.mark.parametrize(
    ("criterion", "value", "meets"),
    [
        (rmse(floor=60), 60.0, True),
        (rmse(floor=60), 59.9, True),
        (rmse(floor=60), 60.1, False),
        (r2(floor=0.5), 0.5, True),
        (r2(floor=0.5), 0.6, True),
        (r2(floor=0.5), 0.4, False),
        (r2(), -9.0, True),
    ],
)
def test_a_floor_is_the_worst_value_that_is_acceptable(criterion: Criterion, value: float, meets: bool) -> None:
    assert criterion.meets_floor(value) is meets


def test_an_improvement_of_exactly_what_was_asked_is_enough() -> None:
    assert r2(better=0.1).improves(0.3 - 0.2, 0.2)
    assert not r2(better=0.1).improves(0.0999, 0.2)
    assert rmse(better=0.1).improves(0.2 - 0.3, 0.3)


def test_a_relative_improvement_is_a_share_of_the_champions_value() -> None:
    criterion = Criterion(METRICS["rmse"], None, 0.1, min_relative_improvement=0.05)
    assert criterion.asked_improvement(20.0) == 1.0
    assert criterion.asked_improvement(-1.0) == 0.1
    assert criterion.improves(-1.0, 20.0)
    assert not criterion.improves(-0.9, 20.0)


def test_a_guard_lets_a_metric_get_a_little_worse() -> None:
    criterion = Criterion(METRICS["r2"], None, None, max_worsening=0.1)
    assert not criterion.asks_improvement
    assert criterion.guards(0.2 - 0.3)
    assert criterion.guards(0.5)
    assert not criterion.guards(-0.11)
