"""The rule: what the scores of candidate and champion mean for the verdict, and the reasons in words.

A candidate is accepted if and only if every metric that was named has a value, each meets its floor and, where there is
a champion, each that asks for a minimum improvement improves by more than nothing and by at least as much as asked. A
champion that cannot be scored is never beaten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from criteria import Criterion
from penstock_steps.decision import Verdict
from penstock_steps.registry import Champion


@dataclass(frozen=True)
class Scores:
    """A model's metrics: `values` by name, and for those that have none `problems` with the reason."""

    values: Mapping[str, float]
    problems: Mapping[str, str] = field(default_factory=dict)


def judge(
    criteria: Sequence[Criterion],
    candidate: Scores,
    champion: Champion | None,
    champion_scores: Scores | str | None,
) -> tuple[Verdict, list[str]]:
    """The verdict and all reasons that speak for it.

    Args:
        criteria: what is asked, at least one with a minimum improvement.
        candidate: the candidate's scores.
        champion: which model version to beat, or None.
        champion_scores: its scores, or why it could not be scored; None without a champion.
    """
    good: list[str] = []
    bad: list[str] = []
    for criterion in criteria:
        name = criterion.metric.name
        if name in candidate.problems:
            bad.append(f"{name} of the candidate {candidate.problems[name]}")
        else:
            _judge_floor(criterion, candidate.values[name], good, bad)
    if champion is None:
        good.append("there is no champion yet to compare with, so the floors alone decide")
    elif isinstance(champion_scores, Scores):
        for criterion in criteria:
            _judge_improvement(criterion, candidate, champion, champion_scores, good, bad)
    else:
        bad.append(
            f"the champion, version {champion.version} of {champion.name}, could not be scored, so nothing tells that "
            f"the candidate is better: {champion_scores}. Repair it, or point the tag champion of {champion.name} to "
            "a version that can be scored, and run again"
        )
    return ("reject", bad) if bad else ("accept", good)


def _judge_floor(criterion: Criterion, value: float, good: list[str], bad: list[str]) -> None:
    if criterion.floor is None:
        return
    name, bound = criterion.metric.name, "at most" if criterion.metric.goal == "minimize" else "at least"
    if criterion.meets_floor(value):
        good.append(f"{name} {number(value)} meets its floor of {bound} {number(criterion.floor)}")
    else:
        bad.append(f"{name} {number(value)} misses its floor of {bound} {number(criterion.floor)}")


def _judge_improvement(
    criterion: Criterion, candidate: Scores, champion: Champion, scores: Scores, good: list[str], bad: list[str]
) -> None:
    name = criterion.metric.name
    if criterion.min_improvement is None or name in candidate.problems:
        return
    if name in scores.problems:
        bad.append(f"{name} of the champion, version {champion.version}, {scores.problems[name]}")
        return
    mine, theirs = candidate.values[name], scores.values[name]
    enough = criterion.improves(mine - theirs)
    (good if enough else bad).append(
        f"{name} {number(mine)} is {_compared(mine - theirs)} champion version {champion.version} "
        f"({number(theirs)}); {_asked(criterion)}"
    )


def _compared(difference: float) -> str:
    if difference == 0:
        return "the same as that of"
    return f"{number(abs(difference))} {'higher' if difference > 0 else 'lower'} than"


def _asked(criterion: Criterion) -> str:
    better = "higher" if criterion.metric.goal == "maximize" else "lower"
    if not criterion.min_improvement:
        return f"any value that is {better} was asked"
    return f"at least {number(criterion.min_improvement)} {better} was asked"


def number(value: float) -> str:
    """Six significant digits."""
    return f"{value:.6g}"
