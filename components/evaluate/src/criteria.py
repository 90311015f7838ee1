"""What is asked of each metric: a floor, a minimum improvement, or that it does not get worse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock_steps.arguments import did_you_mean, json_object
from penstock_steps.errors import StepError
from penstock_steps.metrics import METRICS, Metric, Task, of_task

_FLAG = "--metrics"
_SETTINGS = ("goal", "floor", "min_improvement", "min_relative_improvement", "max_worsening")
_NOT_NEGATIVE = ("min_improvement", "min_relative_improvement", "max_worsening")
_GOALS = ("minimize", "maximize")


@dataclass(frozen=True)
class Criterion:
    """A metric and what is asked of it.

    Attributes:
        metric: what is measured.
        floor: the worst value that is acceptable, in the metric's unit; None if any is.
        min_improvement: by how much the candidate must be better than the champion, 0 or more and in the metric's
            unit; 0 asks for any improvement. None if the metric is compared for information only.
        min_relative_improvement: the same as a share of the champion's value (0.01: one per cent of its size).
        max_worsening: by how much a guard metric may be worse than the champion, 0 or more and in the metric's unit.
    """

    metric: Metric
    floor: float | None
    min_improvement: float | None
    min_relative_improvement: float | None = None
    max_worsening: float | None = None

    @property
    def asks_improvement(self) -> bool:
        """Whether the candidate has to be better in it."""
        return self.min_improvement is not None or self.min_relative_improvement is not None

    def asked_improvement(self, champion: float) -> float:
        """How much better than the champion, whose value is `champion`, it has to be; 0 or more, in its own unit."""
        return max(self.min_improvement or 0.0, (self.min_relative_improvement or 0.0) * abs(champion))

    def meets_floor(self, value: float) -> bool:
        """Whether a value is acceptable by itself."""
        return self.floor is None or value == self.floor or (value > self.floor) == (self.metric.goal == "maximize")

    def improves(self, difference: float, champion: float) -> bool:
        """Whether a difference (candidate minus champion) is an improvement, and as large as asked."""
        improvement, asked = self.metric.improvement(difference), self.asked_improvement(champion)
        # 0.3 - 0.2 is a little less than 0.1 in binary, which nobody means to ask for
        return improvement > 0 and (improvement >= asked or math.isclose(improvement, asked, rel_tol=1e-9))

    def guards(self, difference: float) -> bool:
        """Whether a difference (candidate minus champion) is no worse than a guard metric lets it be."""
        worsening, most = -self.metric.improvement(difference), self.max_worsening
        return most is None or worsening <= most or math.isclose(worsening, most, rel_tol=1e-9)


def read_criteria(text: str, task: Task) -> list[Criterion]:
    """The criteria that a JSON object `{metric: {goal, floor, min_improvement, ...}}` states, in its order.

    Raises:
        StepError: no such object, no metric; unknown metrics or settings, metrics of another task, a goal that
            contradicts the metric, values that are no numbers (all of these in one message); no minimum improvement
            at all, for every candidate would then be accepted.
    """
    document = json_object(text, _FLAG)
    problems: list[str] = []
    for name, asked in document.items():
        problems += _problems_of_metric(name, task) or _problems_of_settings(METRICS[name], asked)
    if problems:
        raise StepError(f"{_FLAG}: {'; '.join(problems)}")
    criteria = [
        Criterion(METRICS[name], *(_number(asked, setting) for setting in _SETTINGS[1:]))
        for name, asked in document.items()
    ]
    if not any(criterion.asks_improvement for criterion in criteria):
        raise StepError(
            f"{_FLAG} asks no metric for an improvement, so any candidate would replace the champion; "
            'give at least one a "min_improvement" (0 asks for any improvement)'
        )
    return criteria


def _number(asked: Mapping[str, Any], setting: str) -> float | None:
    value = asked.get(setting)
    return None if value is None else float(value)


def _problems_of_metric(name: str, task: Task) -> list[str]:
    metric = METRICS.get(name)
    if metric is None:
        return [f"{name!r} is not a metric.{did_you_mean(name, of_task(task))} There are: {', '.join(of_task(task))}"]
    if metric.task != task:
        return [f"{name} is for {metric.task}, the task is {task}. There are: {', '.join(of_task(task))}"]
    return []


def _problems_of_settings(metric: Metric, asked: Any) -> list[str]:
    if not isinstance(asked, dict):
        return [f'{metric.name} must have an object such as {{"min_improvement": 0}}, it has {asked!r}']
    problems = [
        f"{metric.name} has no setting {key!r}.{did_you_mean(key, _SETTINGS)} There are: {', '.join(_SETTINGS)}"
        for key in asked
        if key not in _SETTINGS
    ]
    goal = asked.get("goal")
    if goal is not None and goal not in _GOALS:
        problems.append(f"the goal of {metric.name} is {goal!r}; it must be {' or '.join(_GOALS)}")
    elif goal is not None and goal != metric.goal:
        better = "higher" if metric.goal == "maximize" else "lower"
        problems.append(f"{metric.name} is better when {better}, so its goal cannot be to {goal} it")
    for setting in _SETTINGS[1:]:
        value = asked.get(setting)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (is_number and is_finite(value)):
            problems.append(f"the {setting} of {metric.name} must be a number, it is {value!r}")
        elif setting in _NOT_NEGATIVE and value is not None and value < 0:
            problems.append(
                f"the {setting} of {metric.name} is {value!r}; it counts in the direction that is better and "
                "cannot be negative"
            )
    return problems


def is_finite(value: float) -> bool:
    """Whether a number of a JSON text fits into a double."""
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the doubles
        return False
