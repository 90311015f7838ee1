"""The rule applied: what the scores of candidate and champion mean for the verdict, and the reasons in words.

A candidate is accepted if and only if nothing speaks against it: every metric that was named has a value and meets its
floor; there are rows enough; and where there is a champion, each metric that asks for an improvement has it, the
primary one beyond chance if that was asked, no guard metric and no slice is worse than allowed, the champion has not
been trained on too many of the rows, and nobody who sends requests has to send other columns. A champion that cannot be
scored is never beaten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from criteria import Criterion
from penstock_steps.decision import Verdict
from penstock_steps.registry import Champion
from rule import Rule, amount, number, percent
from slices import SliceScore


@dataclass(frozen=True)
class Scores:
    """A model's metrics: `values` by name, and for those that have none `problems` with the reason."""

    values: Mapping[str, float]
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Against:
    """The champion, and how it stands to the candidate on the same rows.

    Attributes:
        champion: which version.
        scores: its own, or why it could not be scored.
        interval: of the primary metric's difference, candidate minus champion; None if there is none.
        trained_on: how many of the rows it was trained on; None if unknown.
        new_columns: what the candidate asks for and the champion did not, or of another type: `name (type)`.
        slices: how both do on slices of the rows.
    """

    champion: Champion
    scores: Scores | str
    interval: tuple[float, float] | None = None
    trained_on: int | None = None
    new_columns: Sequence[str] = ()
    slices: Sequence[SliceScore] = ()


class _Reasons:
    """What speaks for a candidate, and what against it."""

    def __init__(self) -> None:
        self.good: list[str] = []
        self.bad: list[str] = []

    def add(self, sentence: str, *, good: bool) -> None:
        (self.good if good else self.bad).append(sentence)


def judge(rule: Rule, candidate: Scores, rows: int, against: Against | None) -> tuple[Verdict, list[str]]:
    """The verdict and all reasons that speak for it.

    Args:
        rule: what is asked.
        candidate: the candidate's scores.
        rows: how many held-out rows there are.
        against: the champion; None if there is none.
    """
    found = _Reasons()
    if rows < rule.min_rows:
        found.add(
            f"there are {rows} held-out rows, at least {rule.min_rows} were asked; hold out more of them", good=False
        )
    for criterion in rule.criteria:
        name = criterion.metric.name
        if name in candidate.problems:
            found.add(f"{name} of the candidate {candidate.problems[name]}", good=False)
        else:
            _floor(criterion, candidate.values[name], found)
    if against is None:
        found.add("there is no champion yet to compare with, so the floors alone decide", good=True)
    else:
        _compare(rule, candidate, rows, against, found)
    return ("reject", found.bad) if found.bad else ("accept", found.good)


def _floor(criterion: Criterion, value: float, found: _Reasons) -> None:
    if criterion.floor is None:
        return
    bound, meets = "at most" if criterion.metric.goal == "minimize" else "at least", criterion.meets_floor(value)
    found.add(
        f"{criterion.metric.name} {number(value)} {'meets' if meets else 'misses'} its floor of {bound} "
        f"{number(criterion.floor)}",
        good=meets,
    )


def _compare(rule: Rule, candidate: Scores, rows: int, against: Against, found: _Reasons) -> None:
    champion = against.champion
    if isinstance(against.scores, str):
        found.add(
            f"the champion, version {champion.version} of {champion.name}, could not be scored, so nothing tells that "
            f"the candidate is better: {against.scores}. Repair it, or point the tag champion of {champion.name} to "
            "a version that can be scored, and run again",
            good=False,
        )
        return
    if against.new_columns and rule.schema_change == "reject":
        found.add(
            f"the candidate asks for columns that champion version {champion.version} did not: "
            f"{', '.join(against.new_columns)}. Requests made for that champion would fail; if all who send requests "
            "know, set schema_change to accept",
            good=False,
        )
    _trained_on(rule, rows, against, found)
    for criterion in rule.criteria:
        if criterion.metric.name not in candidate.problems:
            _metric(criterion, candidate, champion, against.scores, found)
    _interval(rule, candidate, against, found)
    for one in against.slices:
        if one.is_worse:
            found.add(one.sentence(rule.primary.metric), good=False)


def _trained_on(rule: Rule, rows: int, against: Against, found: _Reasons) -> None:
    if rule.max_trained_on is None:
        return
    if against.trained_on is None:
        found.add(
            f"nothing tells on how many of these rows champion version {against.champion.version} was trained, at most "
            f"{percent(rule.max_trained_on)} was asked: its score may be flattered",
            good=False,
        )
    elif against.trained_on > rule.max_trained_on * rows:
        found.add(
            f"champion version {against.champion.version} was trained on {against.trained_on} of these {rows} rows "
            f"({percent(against.trained_on / rows)}), at most {percent(rule.max_trained_on)} was asked: its score is "
            "flattered. Split by the same key columns and seed as then",
            good=False,
        )


def _metric(criterion: Criterion, candidate: Scores, champion: Champion, scores: Scores, found: _Reasons) -> None:
    name = criterion.metric.name
    if not criterion.asks_improvement and criterion.max_worsening is None:
        return
    if name in scores.problems:
        found.add(f"{name} of the champion, version {champion.version}, {scores.problems[name]}", good=False)
        return
    mine, theirs = candidate.values[name], scores.values[name]
    told = f"{name} {number(mine)} is {_compared(mine - theirs)} champion version {champion.version} ({number(theirs)})"
    if criterion.asks_improvement:
        found.add(f"{told}; {amount(criterion)} was asked", good=criterion.improves(mine - theirs, theirs))
    if criterion.max_worsening is not None:
        most = f"at most {number(criterion.max_worsening)} worse was allowed"
        found.add(f"{told}; {most}", good=criterion.guards(mine - theirs))


def _interval(rule: Rule, candidate: Scores, against: Against, found: _Reasons) -> None:
    name, goal = rule.primary.metric.name, rule.primary.metric.goal
    if rule.confidence is None or name in candidate.problems:
        return
    if against.interval is None:
        found.add(
            f"the improvement in {name} has no {percent(rule.confidence)} interval: some draw of the rows gives the "
            "metric no value. Hold out more rows",
            good=False,
        )
        return
    low, high = against.interval if goal == "maximize" else (-against.interval[1], -against.interval[0])
    found.add(
        f"the {percent(rule.confidence)} interval of the improvement in {name} is {number(low)} to {number(high)}; its "
        f"lower end {'is above' if low > 0 else 'must be above'} 0",
        good=low > 0,
    )


def _compared(difference: float) -> str:
    if difference == 0:
        return "the same as that of"
    return f"{number(abs(difference))} {'higher' if difference > 0 else 'lower'} than"
