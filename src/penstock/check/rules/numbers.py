"""PS918 and PS948: numbers that Azure limits and its client does not compare."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.spec.model import CommandComponent, OtherComponent
from penstock.spec.source import Mapping, Scalar


class Limit(Struct, frozen=True):
    """A number's key, in an object below the file or node where `within` names one, and its bounds."""

    within: str
    key: str
    low: int
    high: int | None = None


# "CLI (v2) parallel job YAML schema"; a count of nodes, processes or files of 0 is none.
_PARALLEL = (
    Limit("", "mini_batch_error_threshold", -1),
    Limit("", "error_threshold", -1),
    Limit("", "max_concurrency_per_instance", 1),
    Limit("", "mini_batch_size", 1),
    Limit("resources", "instance_count", 1),
    Limit("retry_settings", "max_retries", 0),
    Limit("retry_settings", "timeout", 1, 259_200),
)
_COMMAND = (Limit("resources", "instance_count", 1),)
# "CLI (v2) batch deployment YAML schema"; the same keys stand in settings: with type: model, else in the file itself.
_BATCH = (
    Limit("", "mini_batch_size", 1),
    Limit("", "max_concurrency_per_instance", 1),
    Limit("", "error_threshold", -1),
    Limit("retry_settings", "max_retries", 0),
    Limit("retry_settings", "timeout", 1),
)
_PROBE = ("initial_delay", "timeout", "success_threshold", "failure_threshold")
# "CLI (v2) managed online deployment YAML schema": the minimum of a probe's numbers, the longest request
_ONLINE = tuple(Limit(probe, key, 1) for probe in ("liveness_probe", "readiness_probe") for key in _PROBE)
_MANAGED = (Limit("", "instance_count", 1), Limit("request_settings", "request_timeout_ms", 1, 180_000))


def outside(source: Mapping, limits: tuple[Limit, ...], name: str) -> Iterator[Told]:
    """The numbers of `source` that are beyond their limits; what is no number is told elsewhere."""
    for limit in limits:
        holder = source.mapping(limit.within) if limit.within else source
        node = holder.get(limit.key) if holder is not None else None
        value = _whole(node) if isinstance(node, Scalar) else None
        if node is None or value is None or limit.low <= value <= (value if limit.high is None else limit.high):
            continue
        bounds = f"at least {limit.low}" + (f" and at most {limit.high}" if limit.high is not None else "")
        key = f"{limit.within}.{limit.key}" if limit.within else limit.key
        yield Told(f"{name}: {key} must be {bounds}, not {value}.", node.place)


def _whole(node: Scalar) -> int | None:
    """The whole number; Azure's client takes one in quotes too."""
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return node.value
    text = node.value.strip() if isinstance(node.value, str) else ""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


@rule("PS918", "A number of a step out of its limits")
def step_numbers(subject: Subject) -> Iterator[Told]:
    for component in subject.components():
        if isinstance(component, CommandComponent):
            yield from outside(component.source, _COMMAND, component.name)
        elif isinstance(component, OtherComponent) and component.type == "parallel":
            yield from outside(component.source, _PARALLEL, component.name)
    for node in subject.graph.nodes.values() if subject.graph else ():
        if node.job.inline is None:
            limits = _PARALLEL if node.job.type == "parallel" else _COMMAND
            yield from outside(node.job.source, limits, f"'{node.name}'")


@rule("PS948", "A number of a deployment out of its limits")
def deployment_numbers(subject: Subject) -> Iterator[Told]:
    if subject.kind.family != "deployment":
        return
    if subject.kind.type.endswith("_online"):
        managed = subject.root.text("type") != "kubernetes" and subject.kind.type == "managed_online"
        yield from outside(subject.root, (*_ONLINE, *_MANAGED) if managed else _ONLINE, "the deployment")
    elif subject.kind.type == "batch":
        yield from outside(subject.root, (*_BATCH, *_COMMAND), "the deployment")
        yield from outside(subject.root.mapping("settings") or Mapping(subject.root.place, {}), _BATCH, "settings")
