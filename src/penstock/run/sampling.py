"""Where the trials of a sweep are drawn from.

Random draws are Python's, Sobol sequences SciPy's, bayesian ones Optuna's tree-structured Parzen estimator; a
distribution turns a number of the unit interval into its value (`penstock.graph.sweep`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import islice, product
from typing import Any, Protocol

from penstock.errors import RunError
from penstock.graph.sweep import Parameter, Sweep

DEFAULT_SEED = 0
Values = Mapping[str, str]


class Sampler(Protocol):
    """Gives the values of one trial after the other."""

    def ask(self, number: int, /) -> Values | None:
        """The values of the trial `number`, counted from 0; None if there are no more."""
        ...

    def tell(self, number: int, value: float | None) -> None:
        """What the trial came to, None if to nothing. Larger is better."""
        ...


def sampler_of(sweep: Sweep) -> Sampler:
    """The sampler that a sweep asks for. Raises RunError if a library for it is missing."""
    seed = sweep.seed if sweep.seed is not None else DEFAULT_SEED
    if sweep.algorithm == "grid":
        return _Grid(sweep.space)
    if sweep.algorithm == "bayesian":
        return _Bayesian(sweep.space, seed)
    if sweep.algorithm == "sobol":
        return _Sobol(sweep.space, seed)
    return _Random(sweep.space, seed)


class _Deaf:
    """A sampler that does not learn."""

    def tell(self, number: int, value: float | None) -> None:
        pass


class _Random(_Deaf):
    def __init__(self, space: tuple[Parameter, ...], seed: int) -> None:
        self._space = space
        self._random = random.Random(seed)  # noqa: S311 - nothing secret is drawn

    def ask(self, _: int, /) -> Values | None:
        return {parameter.name: parameter.text(self._random.random()) for parameter in self._space}


class _Grid(_Deaf):
    """Every combination once."""

    def __init__(self, space: tuple[Parameter, ...]) -> None:
        self._space = space

    def ask(self, number: int, /) -> Values | None:
        combinations = product(*(parameter.levels for parameter in self._space))
        found = next(islice(combinations, number, None), None)
        return dict(zip((parameter.name for parameter in self._space), found, strict=True)) if found else None


class _Sobol(_Deaf):
    """A scrambled Sobol sequence: the space is covered evenly."""

    def __init__(self, space: tuple[Parameter, ...], seed: int) -> None:
        try:
            from scipy.stats import qmc
        except ImportError:
            raise RunError("sobol sampling needs SciPy: pip install scipy") from None
        self._space = space
        self._sequence: Any = qmc.Sobol(len(space), scramble=True, rng=seed)

    def ask(self, _: int, /) -> Values | None:
        [units] = self._sequence.random(1)
        return {p.name: p.text(float(unit)) for p, unit in zip(self._space, units, strict=True)}


class _Bayesian:
    """Draws where earlier trials did well; those that run count as if they did badly, so that others look elsewhere."""

    def __init__(self, space: tuple[Parameter, ...], seed: int) -> None:
        try:
            import optuna
        except ImportError:
            raise RunError("bayesian sampling needs Optuna: pip install optuna") from None
        optuna.logging.disable_default_handler()
        self._failed = optuna.trial.TrialState.FAIL
        self._space = space
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        unit = optuna.distributions.FloatDistribution(0.0, 1.0)
        choices = optuna.distributions.CategoricalDistribution
        self._distributions: dict[str, Any] = {
            p.name: choices(range(len(p.levels))) if p.kind in ("choice", "randint") else unit for p in space
        }
        self._trials: dict[int, Any] = {}

    def ask(self, number: int, /) -> Values | None:
        trial = self._trials[number] = self._study.ask(self._distributions)
        found = {}
        for parameter in self._space:
            drawn = trial.params[parameter.name]
            found[parameter.name] = parameter.levels[drawn] if isinstance(drawn, int) else parameter.text(drawn)
        return found

    def tell(self, number: int, value: float | None) -> None:
        trial = self._trials.pop(number)
        if value is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, value)
