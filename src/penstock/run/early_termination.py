"""Which trials of a sweep are ended early.

Source: Azure ML's "Hyperparameter tuning a model", section "Specify early termination policy". An interval is one value
of the primary metric that a trial logs; a policy looks at a trial at every multiple of `evaluation_interval` that is
not before `delay_evaluation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, median

from msgspec import Struct

from penstock.graph.sweep import EarlyTermination


class History(Struct, frozen=True):
    """What a trial has logged so far, in order."""

    values: Sequence[float]
    finished: bool = False


def verdict(
    policy: EarlyTermination, history: History, others: Iterable[History], *, maximize: bool, since: int = 0
) -> str | None:
    """Why a trial is to be ended, None if it goes on; intervals up to `since` have been looked at before."""
    sign = 1.0 if maximize else -1.0
    own = [sign * value for value in history.values]
    rest = [History([sign * value for value in other.values], other.finished) for other in others]
    for interval in range(since + 1, len(own) + 1):
        if interval % policy.interval == 0 and interval >= policy.delay:
            reason = _POLICIES[policy.kind](policy, own[:interval], rest)
            if reason is not None:
                return f"{reason} at interval {interval}"
    return None


def _bandit(policy: EarlyTermination, own: list[float], others: list[History]) -> str | None:
    """Its best so far is not within the slack of the best that any trial had by the same interval."""
    best = max([max(own), *(max(other.values[: len(own)]) for other in others if other.values)])
    slack = policy.slack_amount or 0.0
    if policy.slack_factor is not None:
        # of a metric that is to be small, the sign is turned: 1.2 times as large is within a factor of 0.2
        slack = abs(best) - abs(best) / (1 + policy.slack_factor) if best > 0 else abs(best) * policy.slack_factor
    return f"bandit: {max(own):g} against the best, {best:g}" if max(own) < best - slack else None


def _median(_: EarlyTermination, own: list[float], others: list[History]) -> str | None:
    """Its best so far is worse than the median of the running averages of all trials."""
    averages = [fmean(other.values[: len(own)]) for other in others if len(other.values) >= len(own)]
    middle = median([*averages, fmean(own)])
    return f"median stopping: {max(own):g} against the median {middle:g}" if max(own) < middle else None


def _truncation(policy: EarlyTermination, own: list[float], others: list[History]) -> str | None:
    """It is among the worst trials at the interval."""
    counted = [other for other in others if not (policy.exclude_finished and other.finished)]
    ranked = sorted([own[-1], *(other.values[len(own) - 1] for other in counted if len(other.values) >= len(own))])
    cut = int(len(ranked) * policy.percentage / 100)
    if cut and own[-1] < ranked[cut]:
        return f"truncation selection: {own[-1]:g} is among the lowest {policy.percentage:g} %"
    return None


_POLICIES = {"bandit": _bandit, "median_stopping": _median, "truncation_selection": _truncation}
