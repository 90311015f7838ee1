"""What --metrics may say, and what it means."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from criteria import Criterion, read_criteria
from penstock_steps.errors import StepError
from penstock_steps.metrics import METRICS
from penstock_steps.registry import Champion
from verdict import Scores, judge

VERSION_3 = Champion("rent", "3")
NUMBERS = st.floats(-1e6, 1e6)


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
    assert r2(better=0.1).improves(0.3 - 0.2)
    assert not r2(better=0.1).improves(0.0999)
    assert rmse(better=0.1).improves(0.2 - 0.3)


@given(mine=NUMBERS, theirs=NUMBERS, asked=st.floats(0, 1e3), floor=NUMBERS)
def test_the_rule(mine: float, theirs: float, asked: float, floor: float) -> None:
    """Accepted if and only if the floor is met and the metric is better by more than nothing and by what was asked."""
    for criterion, sign in ((rmse(floor=floor, better=asked), -1), (r2(floor=floor, better=asked), 1)):
        name = criterion.metric.name
        verdict, reasons = judge([criterion], Scores({name: mine}), VERSION_3, Scores({name: theirs}))
        improvement = sign * (mine - theirs)
        enough = improvement > 0 and improvement >= asked * (1 - 1e-9)
        assert (verdict == "accept") is (enough and sign * mine >= sign * floor)
        assert reasons
        assert not criterion.improves(0.0)


def test_the_reasons_of_an_accept() -> None:
    mine, theirs = Scores({"rmse": 54.1, "r2": 0.4}), Scores({"rmse": 55.35, "r2": 0.3})
    verdict, reasons = judge([rmse(floor=60, better=0.5), r2()], mine, VERSION_3, theirs)
    assert verdict == "accept"
    assert reasons == [
        "rmse 54.1 meets its floor of at most 60",
        "rmse 54.1 is 1.25 lower than champion version 3 (55.35); at least 0.5 lower was asked",
    ]


def test_all_reasons_of_a_reject_are_told() -> None:
    verdict, reasons = judge(
        [rmse(floor=50, better=0.5), r2(floor=0.5, better=0)],
        Scores({"rmse": 55.35, "r2": 0.4}),
        VERSION_3,
        Scores({"rmse": 54.1, "r2": 0.4}),
    )
    assert verdict == "reject"
    assert reasons == [
        "rmse 55.35 misses its floor of at most 50",
        "r2 0.4 misses its floor of at least 0.5",
        "rmse 55.35 is 1.25 higher than champion version 3 (54.1); at least 0.5 lower was asked",
        "r2 0.4 is the same as that of champion version 3 (0.4); any value that is higher was asked",
    ]


def test_without_a_champion_the_floors_decide() -> None:
    verdict, reasons = judge([rmse(floor=60, better=1)], Scores({"rmse": 54.1}), None, None)
    assert verdict == "accept"
    assert reasons[0] == "rmse 54.1 meets its floor of at most 60"
    assert reasons[1] == "there is no champion yet to compare with, so the floors alone decide"
    assert judge([rmse(floor=50, better=1)], Scores({"rmse": 54.1}), None, None)[0] == "reject"


def test_what_cannot_be_measured_is_never_accepted() -> None:
    unknown = Scores({}, {"rmse": "cannot be computed: its value is nan"})
    known = Scores({"rmse": 54.1})
    for criterion in (rmse(better=0), rmse()):
        verdict, reasons = judge([criterion], unknown, None, None)
        assert (verdict, reasons) == ("reject", ["rmse of the candidate cannot be computed: its value is nan"])
    verdict, reasons = judge([rmse(better=0)], known, VERSION_3, unknown)
    assert (verdict, reasons) == ("reject", ["rmse of the champion, version 3, cannot be computed: its value is nan"])
    verdict, reasons = judge([rmse(better=0)], known, VERSION_3, "the column 'area' is missing")
    assert verdict == "reject"
    assert "version 3 of rent, could not be scored" in reasons[0]
    assert "the column 'area' is missing" in reasons[0]
    assert "point the tag champion of rent to a version that can be scored" in reasons[0]
