"""PS90x: sweeps, as nodes of a pipeline or as jobs of their own."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.check.rule import Told, rule
from penstock.check.rules.numbers import Limit, outside
from penstock.check.subject import Subject
from penstock.graph.literals import coerce
from penstock.graph.model import GraphNode, Invalid
from penstock.spec.finding import did_you_mean
from penstock.spec.model import CommandComponent, InputPort
from penstock.spec.source import Entry, Mapping, Node, Scalar, Sequence, scalar_text

_RANGES = ("uniform", "quniform", "loguniform", "qloguniform", "randint")
_FRACTIONS = ("uniform", "loguniform", "normal", "lognormal")
# What the service takes: "Hyperparameter tuning a model", sections "Set limits" and "Truncation selection policy".
_LIMITS = (Limit("limits", "max_total_trials", 1, 1000), Limit("limits", "max_concurrent_trials", 1, 1000))
_TRUNCATION = (Limit("early_termination", "truncation_percentage", 1, 99),)
# What grid and bayesian sampling take: "Hyperparameter tuning a model", section "Sampling the hyperparameter space".
_TAKES = {"grid": ("choice",), "bayesian": ("choice", "uniform", "quniform")}


def _sweeps(subject: Subject) -> Iterator[tuple[GraphNode, Mapping]]:
    for node in subject.graph.nodes.values() if subject.graph else ():
        space = node.job.source.mapping("search_space") if node.job.type == "sweep" else None
        if space is not None:
            yield node, space


@rule("PS901", "The search space names an input that the trial does not have")
def unknown_parameter(subject: Subject) -> Iterator[Told]:
    for node, space in _sweeps(subject):
        for entry in space:
            if entry.key.text not in node.component.inputs:
                message = f"'{node.name}' searches '{entry.key.text}', which its trial does not have as an input."
                yield Told(message, entry.key.place, did_you_mean(entry.key.text, node.component.inputs))


@rule("PS902", "A distribution without values")
def empty_distribution(subject: Subject) -> Iterator[Told]:
    for node, space in _sweeps(subject):
        for entry in space:
            problem = _empty(entry)
            if problem:
                yield Told(f"'{node.name}': the search space of '{entry.key.text}' {problem}.", entry.key.place)


def _empty(entry: Entry) -> str:
    source = entry.value
    if not isinstance(source, Mapping):
        return ""
    kind = (source.text("type") or "").lower()
    if kind == "choice":
        values = source.get("values")
        return "has no values" if values is None or (isinstance(values, Sequence) and not values.items) else ""
    upper = _number(source, "upper")
    if kind == "randint" and upper is not None and upper < 1:
        return f"takes whole numbers from 0 to below {upper:g}: there are none"
    low, high = _number(source, "min_value"), _number(source, "max_value")
    if kind in _RANGES and low is not None and high is not None and low >= high:
        return f"begins at {low:g}, which is not below its end {high:g}"
    for key in ("sigma", "q"):
        value = _number(source, key)
        if value is not None and value <= 0:
            return f"has a {key} of {value:g}; it must be above 0"
    return ""


def _number(source: Mapping, key: str) -> float | None:
    node = source.get(key)
    value = node.value if isinstance(node, Scalar) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@rule("PS903", "The search space offers a value that the trial's input does not take")
def unfit_choice(subject: Subject) -> Iterator[Told]:
    for node, space in _sweeps(subject):
        for entry in space:
            port = node.component.inputs.get(entry.key.text)
            values = entry.value.get("values") if isinstance(entry.value, Mapping) else None
            if port is None or not (port.is_literal or port.type == "any"):
                continue
            for item in values.items if isinstance(values, Sequence) else ():
                value = coerce(item, port, item.place) if isinstance(item, Scalar) else None
                if isinstance(value, Invalid):
                    yield Told(f"'{node.name}': {value.message}", value.place)

            yield from _fractions(node.name, entry, port)


def _fractions(name: str, entry: Entry, port: InputPort) -> Iterator[Told]:
    kind = entry.value.get("type") if isinstance(entry.value, Mapping) else None
    if port.type == "integer" and isinstance(kind, Scalar) and scalar_text(kind).lower() in _FRACTIONS:
        message = f"'{name}': {scalar_text(kind)} gives numbers with a fraction; '{port.name}' takes whole ones."
        yield Told(message, kind.place, "Use randint, choice, or quniform with q: 1.")


@rule("PS904", "The trial's command names a search space parameter that is not there")
def undefined_parameter(subject: Subject) -> Iterator[Told]:
    for node in subject.graph.nodes.values() if subject.graph else ():
        if node.job.type != "sweep" or not isinstance(node.component, CommandComponent):
            continue
        for reference in node.component.command.references() if node.component.command else ():
            name = ".".join(reference.path[1:])
            if reference.path[0] == "search_space" and name not in node.job.searched:
                message = f"'{node.name}': the command names {reference}, which the search space does not have."
                yield Told(message, reference.place, did_you_mean(name, node.job.searched))


@rule("PS905", "A distribution that the sampling algorithm does not take")
def unfit_sampling(subject: Subject) -> Iterator[Told]:
    for node, space in _sweeps(subject):
        sampling = node.job.source.get("sampling_algorithm")
        name = (
            sampling.text("type") if isinstance(sampling, Mapping) else node.job.source.text("sampling_algorithm")
        ) or ""
        allowed = _TAKES.get(name.lower())
        for entry in space if allowed else ():
            kind = (entry.value.text("type") or "").lower() if isinstance(entry.value, Mapping) else ""
            if allowed and kind and kind not in allowed:
                message = f"'{node.name}': {name} sampling takes {', '.join(allowed)}; '{entry.key.text}' is {kind}."
                yield Told(message, entry.key.place, "Change the distribution, or sample at random.")


def _all(subject: Subject) -> Iterator[GraphNode]:
    for node in subject.graph.nodes.values() if subject.graph else ():
        if node.job.type == "sweep":
            yield node


@rule("PS906", "A limit of a sweep that the service does not take")
def bad_limits(subject: Subject) -> Iterator[Told]:
    for node in _all(subject):
        yield from outside(node.job.source, _LIMITS, f"'{node.name}'")


@rule("PS907", "A share of trials to cancel that is none")
def bad_truncation(subject: Subject) -> Iterator[Told]:
    for node in _all(subject):
        yield from outside(node.job.source, _TRUNCATION, f"'{node.name}'")


@rule("PS908", "A bandit policy without slack", "warning")
def no_slack(subject: Subject) -> Iterator[Told]:
    for node in _all(subject):
        policy = node.job.source.mapping("early_termination")
        if policy is None or (policy.text("type") or "").lower() != "bandit":
            continue
        if not any(_is_slack(policy.get(key)) for key in ("slack_factor", "slack_amount")):
            message = f"'{node.name}': the bandit policy says neither slack_factor nor slack_amount."
            place = node.job.source.key_place("early_termination")
            yield Told(message, place, "Add slack_factor: 0.1, for example.")


def _is_slack(node: Node | None) -> bool:
    return node is not None and not (isinstance(node, Scalar) and node.value in (None, 0))
