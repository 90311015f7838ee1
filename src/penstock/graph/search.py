"""What a sweep says of its search: the space, the algorithm, the limits, the policy that ends trials early."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.graph.literals import azure_text
from penstock.graph.model import GraphNode
from penstock.spec.place import Place
from penstock.spec.source import Mapping as Object
from penstock.spec.source import Node, Scalar, Sequence, plain, scalar_text

_NEEDS = {
    "randint": ("upper",),
    "uniform": ("min_value", "max_value"),
    "loguniform": ("min_value", "max_value"),
    "quniform": ("min_value", "max_value", "q"),
    "qloguniform": ("min_value", "max_value", "q"),
    "normal": ("mu", "sigma"),
    "lognormal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "qlognormal": ("mu", "sigma", "q"),
}
ALGORITHMS = ("random", "grid", "bayesian")
RULES = ("random", "sobol")
POLICIES = ("bandit", "median_stopping", "truncation_selection")
_TAKES: Mapping[str, tuple[str, ...]] = {"grid": (), "bayesian": ("uniform", "quniform")}
DEFAULT_SEED = 0
MAX_TRIALS = 1000


class SearchError(Exception):
    """A sweep that cannot be read: what is wrong, and where."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Distribution:
    """Numbers to draw from. `numbers` are its parameters by their names in YAML; `whole`: written without fractions."""

    kind: str
    numbers: Mapping[str, float]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value as it stands."""

    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Nested:
    """An object as a choice's value; its entries may be distributions of their own. A command gets it as JSON."""

    entries: Mapping[str, Space]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values."""

    values: tuple[Space, ...]


Space = Distribution | Fixed | Nested | Choice


@dataclass(frozen=True, slots=True)
class Policy:
    """An `early_termination`."""

    kind: str
    interval: int
    delay: int
    slack_factor: float = 0
    slack_amount: float = 0
    percentage: float = 0
    exclude_finished: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """All that a sweep node says beside its trial. `base` is that of the logarithmic distributions."""

    space: Mapping[str, Space]
    algorithm: str
    rule: str
    seed: int | None
    base: float | None
    metric: str
    maximize: bool
    max_trials: int
    at_a_time: int
    trial_timeout_s: float | None
    policy: Policy | None


def search_of(node: GraphNode) -> Search:
    """What the sweep node says. Raises SearchError."""
    source = node.job.source
    entries = source.mapping("search_space")
    if entries is None or not entries.entries:
        raise SearchError("the sweep has no search_space", source.key_place("search_space"))
    algorithm, rule, seed, base = _sampling(source.get("sampling_algorithm"), source)
    objective = source.mapping("objective")
    metric = objective.text("primary_metric") if objective else None
    goal = ((objective.text("goal") if objective else None) or "").lower()
    if not metric or goal not in ("maximize", "minimize"):
        raise SearchError(
            "the sweep's objective needs a primary_metric and a goal, maximize or minimize",
            source.key_place("objective"),
        )
    limits = source.mapping("limits") or Object(source.place, {})
    space = {entry.key.text: _space(entry.value, entry.key.text) for entry in entries}
    _suits(algorithm, space, entries.place)
    most = int(_number(limits, "max_total_trials", MAX_TRIALS))
    timeout = _number(limits, "trial_timeout", 0)
    return Search(
        space=space,
        algorithm=algorithm,
        rule=rule,
        seed=seed,
        base=base,
        metric=metric,
        maximize=goal == "maximize",
        max_trials=most,
        at_a_time=int(_number(limits, "max_concurrent_trials", most)),
        trial_timeout_s=timeout or None,
        policy=_policy(source.mapping("early_termination")),
    )


def _suits(algorithm: str, space: Mapping[str, Space], place: Place) -> None:
    taken = _TAKES.get(algorithm)
    for path, part in leaves(space):
        if taken is not None and isinstance(part, Distribution) and part.kind not in taken:
            takes = ", ".join(("choice", *taken))
            raise SearchError(f"{algorithm} sampling takes {takes}; '{path}' is {part.kind}", place)


def _sampling(node: Node | None, source: Object) -> tuple[str, str, int | None, float | None]:
    given = node if isinstance(node, Object) else Object(source.place, {})
    name = (scalar_text(node) if isinstance(node, Scalar) else given.text("type") or "random").lower()
    place = source.key_place("sampling_algorithm")
    if name not in ALGORITHMS:
        raise SearchError(f"no sampling algorithm is '{name}'; there are {', '.join(ALGORITHMS)}", place)
    rule = (given.text("rule") or "random").lower()
    if rule not in RULES:
        raise SearchError(f"no rule of random sampling is '{rule}'; there are {', '.join(RULES)}", place)
    seed = int(_number(given, "seed", -1))
    base = None if (given.text("logbase") or "e").lower() == "e" else _number(given, "logbase", 0)
    if base is not None and (base <= 0 or base == 1):
        raise SearchError(f"logbase must be e or a number above 0 that is not 1, not {base:g}", place)
    return name, rule, seed if seed >= 0 else None, base


def _space(node: Node, name: str) -> Space:
    kind = (node.text("type") or "").lower() if isinstance(node, Object) else ""
    if not isinstance(node, Object) or not kind:
        raise SearchError(
            f"'{name}' is no distribution; write {{type: choice, values: [...]}}, for example", node.place
        )
    if kind == "choice":
        values = node.get("values")
        if not isinstance(values, Sequence) or not values.items:
            raise SearchError(f"the choice '{name}' has no list of values", node.place)
        return Choice(tuple(_value(item, name) for item in values.items))
    needed = _NEEDS.get(kind)
    if needed is None:
        raise SearchError(f"'{name}': no distribution is '{kind}'; there are choice, {', '.join(_NEEDS)}", node.place)
    numbers = {}
    for key in needed:
        if node.get(key) is None:
            raise SearchError(f"'{name}': {kind} needs {key}", node.place)
        numbers[key] = _number(node, key, 0)
    _fits(kind, numbers, name, node.place)
    return Distribution(kind, numbers, kind == "randint" or numbers.get("q", 0.5).is_integer())


def _fits(kind: str, numbers: Mapping[str, float], name: str, place: Place) -> None:
    wrong = [key for key in ("q", "sigma") if key in numbers and numbers[key] <= 0]
    if wrong:
        raise SearchError(f"'{name}': {wrong[0]} must be above 0", place)
    if "upper" in numbers and numbers["upper"] < 1:
        raise SearchError(f"'{name}': randint draws from 0 to below upper, which must be 1 at least", place)
    if "min_value" in numbers and numbers["min_value"] > numbers["max_value"]:
        raise SearchError(f"'{name}': {kind} begins above its end", place)


def _value(node: Node, name: str) -> Space:
    """A value of a choice: a plain one, a list, or an object that may hold distributions."""
    if isinstance(node, Scalar):
        return Fixed(node.value, azure_text(node))
    if isinstance(node, Object):
        return Nested({entry.key.text: _inside(entry.value, f"{name}.{entry.key.text}") for entry in node})
    return Fixed(plain(node), json.dumps(plain(node)))


def _inside(node: Node, name: str) -> Space:
    kind = (node.text("type") or "").lower() if isinstance(node, Object) else ""
    return _space(node, name) if kind == "choice" or kind in _NEEDS else _value(node, name)


def _policy(source: Object | None) -> Policy | None:
    if source is None:
        return None
    kind = (source.text("type") or "").lower()
    if kind not in POLICIES:
        raise SearchError(f"no early termination policy is '{kind}'; there are {', '.join(POLICIES)}", source.place)
    return Policy(
        kind=kind,
        interval=max(1, int(_number(source, "evaluation_interval", 1))),
        delay=int(_number(source, "delay_evaluation", 0)),
        slack_factor=_number(source, "slack_factor", 0),
        slack_amount=_number(source, "slack_amount", 0),
        percentage=_number(source, "truncation_percentage", 0),
        exclude_finished=(source.text("exclude_finished_jobs") or "").lower() == "true",
    )


def _number(source: Object, key: str, default: float) -> float:
    node = source.get(key)
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return default
    try:
        return float(scalar_text(node) if isinstance(node, Scalar) else "an object")
    except ValueError:
        shown = scalar_text(node) if isinstance(node, Scalar) else "an object"
        raise SearchError(f"{key} must be a number, not {shown}", node.place) from None


def leaves(space: Mapping[str, Space]) -> Iterator[tuple[str, Distribution | Choice]]:
    """What has to be drawn, by its path: each distribution and choice, those inside of choices too."""
    for name, part in space.items():
        yield from _leaves(name, part)


def _leaves(path: str, part: Space) -> Iterator[tuple[str, Distribution | Choice]]:
    if isinstance(part, Distribution):
        yield path, part
    elif isinstance(part, Choice):
        yield path, part
        for number, value in enumerate(part.values):
            yield from _leaves(f"{path}[{number}]", value)
    elif isinstance(part, Nested):
        for name, value in part.entries.items():
            yield from _leaves(f"{path}.{name}", value)
