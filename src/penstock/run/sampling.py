"""Draws the parameters of a sweep's trials: at random, by a Sobol sequence, over a grid, or as Optuna's TPE advises."""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from statistics import NormalDist
from typing import Any, Protocol

from penstock.graph.search import DEFAULT_SEED, Choice, Distribution, Fixed, Nested, Search, Space, leaves

Pick = Callable[[str, Distribution | Choice], Any]
_TINY = 1e-12


class Sampler(Protocol):
    """Gives the trials their parameters, as texts of a command line."""

    def next(self, trial: int) -> dict[str, str] | None:
        """Of the trial with this number; None if there are no more."""
        ...

    def tell(self, trial: int, value: float | None) -> None:
        """What the trial has reached; None if it has failed."""
        ...


def sampler_of(search: Search) -> Sampler:
    """The sampler that the sweep asks for."""
    if search.algorithm == "grid":
        return _Drawn(grid(search.space))
    if search.algorithm == "bayesian":
        return _Advised(search)
    seed = search.seed if search.seed is not None else DEFAULT_SEED
    names = [path for path, _ in leaves(search.space)]
    points = _sobol(len(names), seed) if search.rule == "sobol" else _random(len(names), seed)
    return _Drawn(_at(search, dict(zip(names, point, strict=True))) for point in points)


def lacking(search: Search) -> str | None:
    """The library that the sweep's algorithm needs and this interpreter does not have."""
    needed = {"bayesian": "optuna"}.get(search.algorithm) or ("scipy" if search.rule == "sobol" else None)
    return needed if needed is not None and importlib.util.find_spec(needed) is None else None


class _Drawn:
    def __init__(self, points: Iterator[dict[str, str]]) -> None:
        self._points = points

    def next(self, trial: int) -> dict[str, str] | None:
        return next(self._points, None)

    def tell(self, trial: int, value: float | None) -> None:
        """It learns nothing."""


class _Advised:
    """Optuna's tree-structured Parzen estimator."""

    def __init__(self, search: Search) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        seed = search.seed if search.seed is not None else DEFAULT_SEED
        direction = "maximize" if search.maximize else "minimize"
        self._study = optuna.create_study(direction=direction, sampler=optuna.samplers.TPESampler(seed=seed))
        self._search = search
        self._trials: dict[int, Any] = {}

    def next(self, trial: int) -> dict[str, str] | None:
        asked = self._trials[trial] = self._study.ask()
        return chosen(self._search.space, lambda path, part: _suggested(asked, path, part))

    def tell(self, trial: int, value: float | None) -> None:
        import optuna

        state = optuna.trial.TrialState.FAIL if value is None else None
        self._study.tell(self._trials.pop(trial), value, state=state)


def _suggested(trial: Any, path: str, part: Distribution | Choice) -> Any:
    if isinstance(part, Choice):
        return trial.suggest_categorical(path, list(range(len(part.values))))
    low, high = part.numbers["min_value"], part.numbers["max_value"]
    if part.kind == "quniform":
        step = part.numbers["q"]
        return _written(part, trial.suggest_int(path, round(low / step), round(high / step)) * step)
    return trial.suggest_float(path, low, high)


def _random(width: int, seed: int) -> Iterator[list[float]]:
    source = random.Random(seed)  # noqa: S311 - a search, no secret
    while True:
        yield [source.random() for _ in range(width)]


def _sobol(width: int, seed: int) -> Iterator[list[float]]:
    from scipy.stats import qmc

    sequence = qmc.Sobol(width, scramble=True, rng=seed)
    while True:
        yield [float(number) for number in sequence.random(1)[0]]


def _at(search: Search, point: Mapping[str, float]) -> dict[str, str]:
    def pick(path: str, part: Distribution | Choice) -> Any:
        if isinstance(part, Choice):
            return min(int(point[path] * len(part.values)), len(part.values) - 1)
        return drawn(part, point[path], search.base)

    return chosen(search.space, pick)


def drawn(part: Distribution, share: float, base: float | None = None) -> float | int:
    """The value below which `share` of the distribution lies, quantised if it says so."""
    numbers = part.numbers
    if part.kind == "randint":
        return min(int(share * numbers["upper"]), int(numbers["upper"]) - 1)
    if "mu" in numbers:
        value = NormalDist(numbers["mu"], numbers["sigma"]).inv_cdf(min(max(share, _TINY), 1 - _TINY))
    else:
        value = numbers["min_value"] + share * (numbers["max_value"] - numbers["min_value"])
    if "log" in part.kind:
        value = math.exp(value) if base is None else base**value
    return _written(part, round(value / numbers["q"]) * numbers["q"] if "q" in numbers else value)


def _written(part: Distribution, value: float) -> float | int:
    """A number as it is written: without a fraction, or without the noise of binary fractions, if it is quantised."""
    if part.whole:
        return round(value)
    return float(f"{value:.12g}") if "q" in part.numbers else value


def chosen(space: Mapping[str, Space], pick: Pick) -> dict[str, str]:
    """The texts of all parameters, as `pick` decides: of a choice the number of a value, else the value."""
    return {name: text_of(part, _value(name, part, pick)) for name, part in space.items()}


def text_of(part: Space, value: Any) -> str:
    """The text that a command gets for a value."""
    if isinstance(value, Fixed):
        return value.text
    return json.dumps(_bare(value)) if isinstance(value, dict) else str(value)


def _bare(value: Any) -> Any:
    if isinstance(value, Fixed):
        return value.value
    return {name: _bare(part) for name, part in value.items()} if isinstance(value, dict) else value


def _value(path: str, part: Space, pick: Pick) -> Any:
    if isinstance(part, Choice):
        number = pick(path, part)
        return _value(f"{path}[{number}]", part.values[number], pick)
    if isinstance(part, Nested):
        return {name: _value(f"{path}.{name}", inner, pick) for name, inner in part.entries.items()}
    return part if isinstance(part, Fixed) else pick(path, part)


def grid(space: Mapping[str, Space]) -> Iterator[dict[str, str]]:
    """Every combination of the choices, the last parameter's values changing first."""
    for values in itertools.product(*(list(_all(part)) for part in space.values())):
        yield {name: text_of(part, value) for (name, part), value in zip(space.items(), values, strict=True)}


def _all(part: Space) -> Iterator[Any]:
    if isinstance(part, Choice):
        for value in part.values:
            yield from _all(value)
    elif isinstance(part, Nested):
        for values in itertools.product(*(list(_all(inner)) for inner in part.entries.values())):
            yield dict(zip(part.entries, values, strict=True))
    else:
        yield part
