"""What a sweep node asks for: its search space, objective, sampling, limits and early termination.

Source: Azure ML's "CLI (v2) sweep job YAML schema" and "Hyperparameter tuning a model".
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from statistics import NormalDist
from typing import Any, Literal

from msgspec import Struct

from penstock.graph.literals import azure_text
from penstock.graph.model import GraphNode
from penstock.spec.source import Mapping as Object
from penstock.spec.source import Node, Scalar, Sequence, plain

MOST_TRIALS = 1000
_EDGE = 1e-12  # of the unit interval, so that the normal distributions stay finite


class Parameter(Struct, frozen=True):
    """A distribution of the search space.

    `numbers` are its settings, `texts` the values of a choice as the trial gets them; `whole` says that only whole
    numbers may come of it.
    """

    name: str
    kind: str
    numbers: Mapping[str, float]
    texts: tuple[str, ...] = ()
    whole: bool = False

    @property
    def levels(self) -> tuple[str, ...]:
        """All values of a distribution that has finitely many; empty for the others."""
        if self.kind == "choice":
            return self.texts
        if self.kind == "randint":
            return tuple(str(number) for number in range(int(self.numbers["upper"])))
        if self.kind == "quniform":
            step = self._exact("q")
            first = (self._exact("min_value") / step).to_integral_value(ROUND_HALF_EVEN)
            last = (self._exact("max_value") / step).to_integral_value(ROUND_HALF_EVEN)
            return tuple(self._number(step * (first + index)) for index in range(int(last - first) + 1))
        return ()

    def text(self, unit: float) -> str:
        """The value at `unit` (from 0 to below 1) of the distribution, as the trial gets it."""
        unit = min(max(unit, _EDGE), 1 - _EDGE)
        if self.kind in ("choice", "randint"):
            levels = self.levels if self.kind == "choice" else range(int(self.numbers["upper"]))
            return str(levels[int(unit * len(levels))])
        value = self._drawn(unit)
        if self.kind.startswith("q"):
            step = self._exact("q")
            return self._number((Decimal(repr(value)) / step).to_integral_value(ROUND_HALF_EVEN) * step)
        return str(value)

    def _drawn(self, unit: float) -> float:
        kind, numbers = self.kind.removeprefix("q"), self.numbers
        if kind.endswith("uniform"):
            value = numbers["min_value"] + unit * (numbers["max_value"] - numbers["min_value"])
        else:
            value = NormalDist(numbers["mu"], numbers["sigma"]).inv_cdf(unit)
        return math.exp(value) if kind.startswith("log") else value

    def _exact(self, key: str) -> Decimal:
        return Decimal(repr(self.numbers[key]))

    def _number(self, value: Decimal) -> str:
        return str(int(value)) if self.whole else str(float(value))


class EarlyTermination(Struct, frozen=True):
    """When a trial is ended because it will not be the best."""

    kind: Literal["bandit", "median_stopping", "truncation_selection"]
    interval: int
    delay: int
    slack_factor: float | None = None
    slack_amount: float | None = None
    percentage: float = 0.0
    exclude_finished: bool = False


class Sweep(Struct, frozen=True):
    """A sweep.

    Attributes:
        metric: what the trials log; `maximize` says which way is better.
        algorithm: random, sobol, grid or bayesian.
        seed: of the draws, None if none is given.
        trials: the most that are run; `at_once` of them side by side.
        trial_timeout_s: the longest that a trial may take.
    """

    space: tuple[Parameter, ...]
    metric: str
    maximize: bool
    algorithm: str
    seed: int | None
    trials: int
    at_once: int
    trial_timeout_s: float | None
    early_termination: EarlyTermination | None


def sweep_of(node: GraphNode) -> Sweep:
    """What a sweep node's YAML says; a fault in it has been told by the rules of `check`."""
    source = node.job.source
    objective, limits = source.mapping("objective"), source.mapping("limits")
    algorithm, seed = _sampling(source)
    trials = int(_number(limits, "max_total_trials") or 0) or MOST_TRIALS
    return Sweep(
        space=tuple(_parameter(entry.key.text, entry.value, node) for entry in source.mapping("search_space") or ()),
        metric=(objective.text("primary_metric") if objective else None) or "",
        maximize=((objective.text("goal") if objective else None) or "maximize").lower() == "maximize",
        algorithm=algorithm,
        seed=seed,
        trials=trials,
        at_once=int(_number(limits, "max_concurrent_trials") or 0) or trials,
        trial_timeout_s=_number(limits, "trial_timeout"),
        early_termination=_early_termination(source.mapping("early_termination")),
    )


def _sampling(source: Object) -> tuple[str, int | None]:
    """The algorithm is a name, or an object with a type, a seed and, for random, a rule."""
    given = source.mapping("sampling_algorithm")
    name = ((given.text("type") if given else source.text("sampling_algorithm")) or "random").lower()
    if given is not None and (given.text("rule") or "").lower() == "sobol":
        name = "sobol"
    seed = _number(given, "seed")
    return name, int(seed) if seed is not None else None


def _parameter(name: str, node: Node, trial: GraphNode) -> Parameter:
    port = trial.component.inputs.get(name)
    source = node if isinstance(node, Object) else Object(node.place, {})
    kind = (source.text("type") or "choice").lower()
    numbers = {entry.key.text: _float(entry.value) for entry in source}
    known = {key: value for key, value in numbers.items() if value is not None}
    values = source.get("values")
    texts = tuple(_text(item) for item in values.items) if isinstance(values, Sequence) else ()
    whole = port is not None and port.type == "integer"
    if port is None or port.type == "any":
        whole = all(value.is_integer() for value in known.values())
    return Parameter(name, kind, known, texts, whole)


def _text(node: Node) -> str:
    """A value of a choice; one that is a list or an object goes as JSON."""
    return azure_text(node) if isinstance(node, Scalar) else json.dumps(plain(node))


def _float(node: Node | None) -> float | None:
    value: Any = node.value if isinstance(node, Scalar) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(source: Object | None, key: str) -> float | None:
    return _float(source.get(key)) if source is not None else None


def _early_termination(source: Object | None) -> EarlyTermination | None:
    kind = (source.text("type") or "").lower() if source is not None else ""
    if kind not in ("bandit", "median_stopping", "truncation_selection"):
        return None
    return EarlyTermination(
        kind=kind,  # type: ignore[arg-type]
        interval=int(_number(source, "evaluation_interval") or 1),
        delay=int(_number(source, "delay_evaluation") or 0),
        slack_factor=_number(source, "slack_factor"),
        slack_amount=_number(source, "slack_amount"),
        percentage=_number(source, "truncation_percentage") or 0.0,
        exclude_finished=source is not None and (source.text("exclude_finished_jobs") or "").lower() == "true",
    )
