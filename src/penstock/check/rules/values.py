"""PS2xx: what nodes give to their inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.graph.literals import coerce
from penstock.graph.model import Composite, Data, GraphNode, Invalid, Literal, Missing, NodeOutput
from penstock.spec.finding import did_you_mean
from penstock.spec.model import DATA_TYPES, LITERAL_TYPES, InputPort

_WITH_ARTICLE = {"string": "a string", "number": "a number", "integer": "an integer", "boolean": "a boolean"}


@rule("PS201", "A required input has no value")
def missing_input(subject: Subject) -> Iterator[Told]:
    for node in subject.nodes():
        for name, value in node.inputs.items():
            if isinstance(value, Missing):
                message = f"'{node.name}' gives no value to '{name}', which {node.component.name} requires."
                yield Told(message, value.place, f"Add {name}: below inputs:.")


@rule("PS202", "An input or output that the component does not have")
def unknown_port(subject: Subject) -> Iterator[Told]:
    for node in subject.nodes():
        ports = (
            ("input", node.job.inputs, node.component.inputs),
            ("output", node.job.outputs, node.component.outputs),
        )
        for kind, given, declared in ports:
            for name in given.keys() - declared.keys():
                message = f"{node.component.name} has no {kind} '{name}'."
                yield Told(message, given[name].place, did_you_mean(name, declared))


def _invalid(subject: Subject, what: str) -> Iterator[Told]:
    for node in subject.nodes():
        for value in node.inputs.values():
            if isinstance(value, Invalid) and value.what == what:
                yield Told(f"'{node.name}': {value.message}", value.place)


@rule("PS203", "A value of the wrong type")
def wrong_type(subject: Subject) -> Iterator[Told]:
    yield from _invalid(subject, "type")


@rule("PS204", "A value out of range")
def out_of_range(subject: Subject) -> Iterator[Told]:
    yield from _invalid(subject, "range")


@rule("PS205", "A value that is not in the enum")
def not_in_enum(subject: Subject) -> Iterator[Told]:
    yield from _invalid(subject, "enum")


@rule("PS206", "Data where a plain value belongs, or the other way round")
def wrong_kind(subject: Subject) -> Iterator[Told]:
    for node in subject.nodes():
        for name, value in node.inputs.items():
            port = node.component.inputs[name]
            if port.type == "any":
                continue
            if isinstance(value, NodeOutput) and value.type in LITERAL_TYPES and port.is_literal:
                continue  # a value that a step has written
            if isinstance(value, Data | NodeOutput) and port.is_literal:
                yield Told(f"'{node.name}': '{name}' takes {_WITH_ARTICLE[port.type]}, not data.", value.place)
            elif isinstance(value, Literal) and not port.is_literal:
                fix = f"Give the pipeline's input as an object: {{type: {port.type}, path: ./data}}."
                yield Told(f"'{node.name}': '{name}' takes data ({port.type}), not a plain value.", value.place, fix)
            elif isinstance(value, NodeOutput) and _job_says(node, name) is None and _mismatch(port, value.type):
                message = f"'{node.name}': '{name}' takes {port.type}, but what it is given is {value.type}."
                yield Told(message, value.place)


@rule("PS209", "Data of another type than the component declares", "warning")
def other_type(subject: Subject) -> Iterator[Told]:
    for node in subject.nodes():
        for name, value in node.inputs.items():
            port = node.component.inputs[name]
            given = _job_says(node, name) or (value.type if isinstance(value, Data) else port.type)
            if isinstance(value, Data | NodeOutput) and not port.is_literal and _mismatch(port, given):
                message = f"'{node.name}': {node.component.name} declares '{name}' as {port.type}, the job as {given}."
                yield Told(message, value.place, "What the job says counts; the script must be able to read it.")


def _job_says(node: GraphNode | Composite, name: str) -> str | None:
    """The type that a node itself gives to an input: Azure takes it instead of the component's."""
    value = node.job.inputs.get(name)
    return value.type if value is not None else None


def _mismatch(port: InputPort, given: str) -> bool:
    """Whether data of the type `given` cannot be what `port` reads (files and folders are not told apart)."""
    plain = {"uri_file", "uri_folder"}
    models_as_folders = {"mlflow_model", "custom_model", "triton_model"}
    if port.type == given or {port.type, given} <= plain or not {port.type, given} <= set(DATA_TYPES):
        return False
    return not (port.type == "uri_folder" and given in models_as_folders | {"mltable"})


@rule("PS207", "A default that the port itself does not take")
def bad_default(subject: Subject) -> Iterator[Told]:
    for component in subject.components():
        for port in component.inputs.values():
            value = coerce(port.default, port, port.default.place) if port.default and port.is_literal else None
            if isinstance(value, Invalid):
                yield Told(
                    f"{component.name}: the default of '{port.name}' does not fit it: {value.message}", value.place
                )


@rule("PS208", "A minimum above the maximum")
def empty_range(subject: Subject) -> Iterator[Told]:
    for component in subject.components():
        for port in component.inputs.values():
            low, high = port.minimum, port.maximum
            if low and high and _is_number(low.value) and _is_number(high.value) and low.value > high.value:
                message = f"{component.name}: no value of '{port.name}' is at least {low.text} and at most {high.text}."
                yield Told(message, low.place, "Exchange min and max.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
