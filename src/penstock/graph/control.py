"""Control nodes: if_else, do_while and parallel_for, as Azure's private preview defines them.

Source: azure-ai-ml 1.35's `azure.ai.ml.entities._builders` (condition_node, do_while, parallel_for) and their schemas.
A graph holds each loop's body once; `penstock.plan.loops` makes the iterations of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from penstock.graph.literals import azure_text, coerce
from penstock.graph.model import Data, IfElse, Item, Literal, Loop, NodeOutput, Unresolved, Value
from penstock.spec.expression import Reference, parse_template
from penstock.spec.model import LITERAL_TYPES, InputPort, JobNode, OutputPort
from penstock.spec.place import Place
from penstock.spec.source import Mapping as Object
from penstock.spec.source import Node, Scalar, Sequence, parse, plain, scalar_text

MAX_ITERATIONS = 1000
_JOB = re.compile(r"\$\{\{\s*parent\.jobs\.(\w+)\s*\}\}")
_PORT = re.compile(r"\$\{\{\s*parent\.jobs\.\w+\.(?:inputs|outputs)\.(\w+)\s*\}\}")


class Body(Struct, frozen=True):
    """The node that a loop repeats: its ports, and the leaf output behind each of its outputs."""

    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    leaves: Mapping[str, NodeOutput]


class Around(Struct, frozen=True):
    """The pipeline that a control node stands in, as far as the node needs it."""

    prefix: str
    jobs: tuple[str, ...]
    broken: frozenset[str]
    bodies: Callable[[str], Body | None]
    value: Callable[[Reference], Value]
    folder: Path


Read = tuple[IfElse | Loop | None, tuple[Unresolved, ...]]


def body_name(job: JobNode) -> str | None:
    """The name of the job that a loop repeats."""
    found = _JOB.fullmatch((job.source.text("body") or "").strip())
    return found[1] if found else None


def output_type(job: JobNode, port: OutputPort) -> str:
    """What an output of the body is as the loop's: parallel_for collects all of them in one."""
    if job.type != "parallel_for":
        return port.type
    return "string" if port.type in LITERAL_TYPES else "mltable"


def read_control(job: JobNode, around: Around) -> Read:
    """The control node, and what of it leads to nothing."""
    return _if_else(job, around) if job.type == "if_else" else _loop(job, around)


def _if_else(job: JobNode, around: Around) -> Read:
    bad: list[Unresolved] = []
    blocks = {}
    for key in ("true_block", "false_block"):
        found = [_block(node, around) for node in _listed(job.source.get(key))]
        bad += [one for one in found if isinstance(one, Unresolved)]
        blocks[key] = tuple(around.prefix + one for one in found if isinstance(one, str))
    condition = _condition(job, around)
    if isinstance(condition, Unresolved):
        bad.append(condition)
    if bad or isinstance(condition, Unresolved):
        return None, tuple(bad)
    return IfElse(around.prefix + job.name, job, condition, blocks["true_block"], blocks["false_block"]), ()


def _block(node: Scalar, around: Around) -> str | Unresolved:
    found = _JOB.fullmatch(azure_text(node).strip())
    if found is None:
        return Unresolved(azure_text(node), "syntax", "", (), node.place)
    if found[1] not in around.jobs:
        return _no_job(found[1], node, around)
    return found[1]


def _condition(job: JobNode, around: Around) -> NodeOutput | bool | Unresolved:
    node = job.source.get("condition")
    place = node.place if node is not None else job.place
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    template = parse_template(scalar_text(node), place) if isinstance(node, Scalar) else None
    if template is None or template.binding is None:
        text = azure_text(node) if isinstance(node, Scalar) else ""
        return text.lower() == "true" if text.lower() in ("true", "false") else _syntax(text, place)
    value = around.value(template.binding)
    if isinstance(value, Literal):
        return value.text.strip().lower() == "true"
    if isinstance(value, NodeOutput | Unresolved):
        return value
    return _syntax(str(template.binding), place)


def _loop(job: JobNode, around: Around) -> Read:
    node, name = job.source.get("body"), body_name(job)
    place = node.place if node is not None else job.place
    if name is None:
        return None, (_syntax(azure_text(node) if isinstance(node, Scalar) else "", place),)
    if name in around.broken:
        return None, (Unresolved(name, "broken", name, (), place),)
    body = around.bodies(name)
    if body is None or not isinstance(node, Scalar):
        return None, (Unresolved("${{parent.jobs." + name + "}}", "job", name, around.jobs, place),)
    if job.type == "do_while":
        return _do_while(job, name, body, around)
    items = _items(job, body, around)
    if isinstance(items, Unresolved):
        return None, (items,)
    most = job.source.text("max_concurrency")
    loop = Loop(
        name=around.prefix + job.name,
        job=job,
        body=around.prefix + name,
        outputs=body.leaves,
        ports=_ports(job, body),
        items=items,
        max_concurrency=int(most) if most is not None and most.isdigit() and int(most) > 0 else None,
    )
    return loop, ()


def _ports(job: JobNode, body: Body) -> dict[str, OutputPort]:
    return {
        name: OutputPort(name, output_type(job, port), port.place)
        for name, port in body.outputs.items()
        if name in body.leaves
    }


def _do_while(job: JobNode, name: str, body: Body, around: Around) -> Read:
    bad: list[Unresolved] = []

    def known(text: str, ports: Mapping[str, object], place: Place) -> str:
        found = _PORT.fullmatch(text.strip())
        port = found[1] if found else text.strip()
        if port not in ports:
            bad.append(Unresolved(text, "output" if ports is body.leaves else "input", port, tuple(ports), place))
        return port

    mapping = {}
    for entry in job.source.mapping("mapping") or ():
        source = known(entry.key.text, body.leaves, entry.key.place)
        for target in _listed(entry.value):
            mapping[known(azure_text(target), body.inputs, target.place)] = source
    node = job.source.get("condition")
    condition = known(scalar_text(node), body.leaves, node.place) if isinstance(node, Scalar) else None
    limits = job.source.mapping("limits")
    limit = (limits.text("max_iteration_count") if limits else None) or ""
    loop = Loop(
        name=around.prefix + job.name,
        job=job,
        body=around.prefix + name,
        outputs=body.leaves,
        ports=_ports(job, body),
        condition=condition,
        mapping=mapping,
        limit=min(max(int(limit), 1), MAX_ITERATIONS) if limit.isdigit() else MAX_ITERATIONS,
    )
    return (None, tuple(bad)) if bad else (loop, ())


def _items(job: JobNode, body: Body, around: Around) -> tuple[Item, ...] | Unresolved:
    """What each iteration gets, from a list, an object or a JSON text of either."""
    node = job.source.get("items")
    place = node.place if node is not None else job.place
    if isinstance(node, Scalar):
        text = _items_text(node, around)
        if isinstance(text, Unresolved):
            return text
        node = parse(text, place.file).root
    if isinstance(node, Sequence):
        labelled: list[tuple[str, Node]] = [(str(number), item) for number, item in enumerate(node.items)]
    elif isinstance(node, Object):
        labelled = [(entry.key.text, entry.value) for entry in node]
    else:
        labelled = []
    if not labelled or not all(isinstance(item, Object) for _, item in labelled):
        return _syntax(str(plain(node)), place)
    return tuple(Item(label, dict(_item(item, body, around, place))) for label, item in labelled)


def _items_text(node: Scalar, around: Around) -> str | Unresolved:
    binding = parse_template(scalar_text(node), node.place).binding
    value = around.value(binding) if binding is not None else None
    if isinstance(value, Unresolved):
        return value
    if value is not None and not isinstance(value, Literal):
        return Unresolved(scalar_text(node), "items", "", (), node.place)
    return value.text if isinstance(value, Literal) else scalar_text(node)


def _item(item: Node, body: Body, around: Around, place: Place) -> Iterator[tuple[str, Value]]:
    for entry in item if isinstance(item, Object) else ():
        name, value = entry.key.text, entry.value
        port = body.inputs.get(name)
        if port is None:
            yield name, Unresolved(name, "input", name, tuple(body.inputs), place)
        elif isinstance(value, Object):
            kind = value.text("type") or value.text("job_input_type") or port.type
            path = value.text("path") or value.text("uri") or ""
            yield name, Data(path, kind.lower(), around.folder, value.text("mode"), place)
        elif isinstance(value, Scalar):
            yield name, _item_value(value, port, around, place)


def _item_value(value: Scalar, port: InputPort, around: Around, place: Place) -> Value:
    binding = parse_template(azure_text(value), place).binding
    if binding is not None:
        return around.value(binding)
    if port.is_literal:
        return coerce(value, port, place)
    return Data(azure_text(value), port.type, around.folder, None, place)


def _listed(node: Node | None) -> list[Scalar]:
    items = node.items if isinstance(node, Sequence) else (node,)
    return [item for item in items if isinstance(item, Scalar) and item.value is not None]


def _no_job(name: str, node: Scalar, around: Around) -> Unresolved:
    what = "broken" if name in around.broken else "job"
    return Unresolved(azure_text(node), what, name, around.jobs, node.place)  # type: ignore[arg-type]


def _syntax(text: str, place: Place) -> Unresolved:
    return Unresolved(text, "control", "", (), place)
