"""The decision table: every branch of the verdict, with the sentences that a person reads."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from criteria import Criterion
from penstock_steps.metrics import METRICS
from penstock_steps.registry import Champion
from rule import Rule, SliceRule
from slices import SliceScore
from verdict import Against, Scores, judge

VERSION_3 = Champion("rent", "3")
NUMBERS = st.floats(-1e6, 1e6)
ROWS = 100


def rmse(**asked: float) -> Criterion:
    return Criterion(
        METRICS["rmse"], asked.get("floor"), asked.get("better"), asked.get("relative"), asked.get("worse")
    )


def r2(**asked: float) -> Criterion:
    return Criterion(METRICS["r2"], asked.get("floor"), asked.get("better"), asked.get("relative"), asked.get("worse"))


def rule(*criteria: Criterion, **asked: object) -> Rule:
    primary = next((one for one in criteria if one.asks_improvement), criteria[0])
    return Rule(criteria, primary, **asked)  # type: ignore[arg-type]


def scores(**values: float) -> Scores:
    return Scores(values)


def against(theirs: Scores | str, **known: object) -> Against:
    return Against(VERSION_3, theirs, **known)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """What is asked, what was measured, and what is decided with which words."""

    rule: Rule
    candidate: Scores
    against: Against | None
    verdict: str
    reasons: list[str]
    rows: int = field(default=ROWS)


UNKNOWN = Scores({}, {"rmse": "cannot be computed: its value is nan"})
BETTER = "rmse 54 is 1 lower than champion version 3 (55); any value that is lower was asked"
SEX = SliceRule("sex", 0.5)
TABLE = {
    "no champion": Case(
        rule(rmse(floor=60, better=1)),
        scores(rmse=54.1),
        None,
        "accept",
        [
            "rmse 54.1 meets its floor of at most 60",
            "there is no champion yet to compare with, so the floors alone decide",
        ],
    ),
    "no champion, a floor missed": Case(
        rule(rmse(floor=50, better=1)),
        scores(rmse=54.1),
        None,
        "reject",
        ["rmse 54.1 misses its floor of at most 50"],
    ),
    "no champion, too few rows": Case(
        rule(rmse(better=0), min_rows=50),
        scores(rmse=54.1),
        None,
        "reject",
        ["there are 49 held-out rows, at least 50 were asked; hold out more of them"],
        rows=49,
    ),
    "better": Case(
        rule(rmse(floor=60, better=0.5), r2()),
        scores(rmse=54.1, r2=0.4),
        against(scores(rmse=55.35, r2=0.3)),
        "accept",
        [
            "rmse 54.1 meets its floor of at most 60",
            "rmse 54.1 is 1.25 lower than champion version 3 (55.35); at least 0.5 lower was asked",
        ],
    ),
    "worse in all": Case(
        rule(rmse(floor=50, better=0.5), r2(floor=0.5, better=0)),
        scores(rmse=55.35, r2=0.4),
        against(scores(rmse=54.1, r2=0.4)),
        "reject",
        [
            "rmse 55.35 misses its floor of at most 50",
            "r2 0.4 misses its floor of at least 0.5",
            "rmse 55.35 is 1.25 higher than champion version 3 (54.1); at least 0.5 lower was asked",
            "r2 0.4 is the same as that of champion version 3 (0.4); any value that is higher was asked",
        ],
    ),
    "better by too small a share": Case(
        rule(rmse(better=0.5, relative=0.05)),
        scores(rmse=54),
        against(scores(rmse=55)),
        "reject",
        ["rmse 54 is 1 lower than champion version 3 (55); at least 0.5 lower and at least 5 % lower was asked"],
    ),
    "better beyond chance": Case(
        rule(rmse(better=0), confidence=0.9),
        scores(rmse=54),
        against(scores(rmse=55), interval=(-1.75, -0.25)),
        "accept",
        [BETTER, "the 90 % interval of the improvement in rmse is 0.25 to 1.75; its lower end is above 0"],
    ),
    "better, perhaps by chance": Case(
        rule(r2(better=0), confidence=0.9),
        scores(r2=0.5),
        against(scores(r2=0.4), interval=(-0.02, 0.2)),
        "reject",
        ["the 90 % interval of the improvement in r2 is -0.02 to 0.2; its lower end must be above 0"],
    ),
    "no interval": Case(
        rule(rmse(better=0), confidence=0.9),
        scores(rmse=54),
        against(scores(rmse=55)),
        "reject",
        [
            "the improvement in rmse has no 90 % interval: some draw of the rows gives the metric no value. "
            "Hold out more rows"
        ],
    ),
    "a guard metric that holds": Case(
        rule(rmse(better=0), r2(worse=0.1)),
        scores(rmse=54, r2=0.35),
        against(scores(rmse=55, r2=0.4)),
        "accept",
        [BETTER, "r2 0.35 is 0.05 lower than champion version 3 (0.4); at most 0.1 worse was allowed"],
    ),
    "a guard metric that does not": Case(
        rule(rmse(better=0), r2(worse=0.01)),
        scores(rmse=54, r2=0.35),
        against(scores(rmse=55, r2=0.4)),
        "reject",
        ["r2 0.35 is 0.05 lower than champion version 3 (0.4); at most 0.01 worse was allowed"],
    ),
    "a slice that is worse": Case(
        rule(rmse(better=0), slices=[SEX]),
        scores(rmse=54),
        against(
            scores(rmse=55),
            slices=[SliceScore(SEX, "f", 60, 50.0, 52.0, -2.0), SliceScore(SEX, "m", 40, 60.0, 59.0, 1.0)],
        ),
        "reject",
        ["rmse of the 40 rows with sex m is 60, worse than the champion's 59 by 1; at most 0.5 was allowed"],
    ),
    "a slice that is worse by no more than allowed, and one too small to tell": Case(
        rule(rmse(better=0), slices=[SEX]),
        scores(rmse=54),
        against(
            scores(rmse=55),
            slices=[SliceScore(SEX, "f", 60, 50.5, 50.0, 0.5), SliceScore(SEX, "m", 3, None, None, None, "too few")],
        ),
        "accept",
        [BETTER],
    ),
    "a champion trained on these rows": Case(
        rule(rmse(better=0), max_trained_on=0.1),
        scores(rmse=54),
        against(scores(rmse=55), trained_on=11),
        "reject",
        [
            "champion version 3 was trained on 11 of these 100 rows (11 %), at most 10 % was asked: its score is "
            "flattered. Split by the same key columns and seed as then"
        ],
    ),
    "a champion trained on a few of these rows": Case(
        rule(rmse(better=0), max_trained_on=0.1),
        scores(rmse=54),
        against(scores(rmse=55), trained_on=10),
        "accept",
        [BETTER],
    ),
    "a champion trained on nobody knows what": Case(
        rule(rmse(better=0), max_trained_on=0.1),
        scores(rmse=54),
        against(scores(rmse=55)),
        "reject",
        [
            "nothing tells on how many of these rows champion version 3 was trained, at most 10 % was asked: "
            "its score may be flattered"
        ],
    ),
    "columns that requests lack": Case(
        rule(rmse(better=0)),
        scores(rmse=54),
        against(scores(rmse=55), new_columns=["lift (boolean)", "floor (long, it was string)"]),
        "reject",
        [
            "the candidate asks for columns that champion version 3 did not: lift (boolean), floor (long, it was "
            "string). Requests made for that champion would fail; if all who send requests know, set schema_change to "
            "accept"
        ],
    ),
    "new columns, as agreed": Case(
        rule(rmse(better=0), schema_change="accept"),
        scores(rmse=54),
        against(scores(rmse=55), new_columns=["lift (boolean)"]),
        "accept",
        [BETTER],
    ),
    "a metric of the candidate without a value": Case(
        rule(rmse()), UNKNOWN, None, "reject", ["rmse of the candidate cannot be computed: its value is nan"]
    ),
    "a metric of the champion without a value": Case(
        rule(rmse(better=0)),
        scores(rmse=54),
        against(UNKNOWN),
        "reject",
        ["rmse of the champion, version 3, cannot be computed: its value is nan"],
    ),
    "a guard metric of the champion without a value": Case(
        rule(r2(better=0), rmse(worse=1)),
        scores(r2=0.5, rmse=54),
        against(Scores({"r2": 0.4}, {"rmse": "cannot be computed"})),
        "reject",
        ["rmse of the champion, version 3, cannot be computed"],
    ),
    "a champion that cannot be scored": Case(
        rule(rmse(better=0)),
        scores(rmse=54),
        against("the column 'area' is missing"),
        "reject",
        [
            "the champion, version 3 of rent, could not be scored, so nothing tells that the candidate is better: the "
            "column 'area' is missing. Repair it, or point the tag champion of rent to a version that can be scored, "
            "and run again"
        ],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_decision_table(name: str) -> None:
    case = TABLE[name]
    assert judge(case.rule, case.candidate, case.rows, case.against) == (case.verdict, case.reasons)


@given(mine=NUMBERS, theirs=NUMBERS, asked=st.floats(0, 1e3), floor=NUMBERS)
def test_floor_and_improvement(mine: float, theirs: float, asked: float, floor: float) -> None:
    """Accepted if and only if the floor is met and the metric is better by more than nothing and by what was asked."""
    for criterion, sign in ((rmse(floor=floor, better=asked), -1), (r2(floor=floor, better=asked), 1)):
        name = criterion.metric.name
        verdict, reasons = judge(rule(criterion), Scores({name: mine}), ROWS, against(Scores({name: theirs})))
        improvement = sign * (mine - theirs)
        enough = improvement > 0 and improvement >= asked * (1 - 1e-9)
        assert (verdict == "accept") is (enough and sign * mine >= sign * floor)
        assert reasons
        assert not criterion.improves(0.0, theirs)


def test_the_rule_in_words() -> None:
    asked = rule(
        rmse(floor=60, better=0.5, relative=0.01),
        r2(worse=0.1),
        confidence=0.9,
        min_rows=50,
        max_trained_on=0.1,
        slices=[SliceRule("sex", 2.0, 20)],
    )
    assert asked.sentences() == [
        "rmse must be better than the champion's: at least 0.5 lower and at least 1 % lower.",
        "Accept when the lower end of the 90 % interval of the improvement in rmse is above 0. So a model that is only "
        "as good passes with a probability of about 5 %, by the chance of which rows were held out.",
        "rmse must be at most 60.",
        "r2 must not be worse than the champion's by more than 0.1.",
        "No slice by sex with 20 rows or more may be worse than the champion in rmse by more than 2.",
        "There must be at least 50 held-out rows.",
        "The champion may have been trained on at most 10 % of the held-out rows.",
        "The candidate must not ask for columns that the champion did not: requests without them would fail.",
    ]
