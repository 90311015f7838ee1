"""Which trials a sweep's early termination policy ends, as Azure documents the policies.

An interval is one logging of the primary metric. A policy looks at a trial at every `evaluation_interval`-th interval,
from `delay_evaluation` on, and compares it with the others as they were at the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from penstock.graph.search import Policy


@dataclass(frozen=True, slots=True)
class Course:
    """The primary metric's values that a trial has logged so far, and whether it has ended."""

    values: Sequence[float]
    ended: bool = False


def due_interval(policy: Policy, logged: int, seen: int) -> int | None:
    """The latest interval at which the policy looks at a trial that has logged so often; None if it has by `seen`."""
    interval = logged - logged % policy.interval
    return interval if interval > seen and interval >= max(policy.delay, 1) else None


def ends(policy: Policy, own: Course, others: Sequence[Course], interval: int, *, maximize: bool) -> bool:
    """Whether the policy ends the trial at the interval."""
    sign = 1.0 if maximize else -1.0
    mine = max(sign * value for value in own.values[:interval])
    if policy.kind == "bandit":
        reached = [mine, *(_best(other, interval, sign) for other in others if other.values)]
        return mine < _slackened(policy, max(reached))
    if policy.kind == "median_stopping":
        courses = [own, *(other for other in others if len(other.values) >= interval)]
        return mine < median(fmean(sign * value for value in course.values[:interval]) for course in courses)
    rivals = [other for other in others if len(other.values) >= interval or (other.ended and other.values)]
    rivals = [other for other in rivals if not (other.ended and policy.exclude_finished)]
    better = sum(_best(other, interval, sign) > mine for other in rivals)
    kept = len(rivals) + 1 - math.floor((len(rivals) + 1) * policy.percentage / 100)
    return better >= kept


def _best(course: Course, interval: int, sign: float) -> float:
    return max(sign * value for value in course.values[:interval])


def _slackened(policy: Policy, best: float) -> float:
    """The worst that a trial may be, above being better: best/(1 + slack_factor), or best - slack_amount."""
    if policy.slack_amount:
        return best - policy.slack_amount
    return best / (1 + policy.slack_factor) if best >= 0 else best * (1 + policy.slack_factor)
