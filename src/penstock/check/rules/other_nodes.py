"""PS91x and PS92x: parallel and spark nodes, jobs and components."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.check.coded import scalar
from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.spec.expression import parse_template
from penstock.spec.finding import did_you_mean
from penstock.spec.model import OtherComponent
from penstock.spec.source import Mapping, Scalar, scalar_text

_BATCH_SIZE = re.compile(r"\s*\d+(\.\d+)?\s*([kmg]b?|b)?\s*", re.IGNORECASE)


def _others(subject: Subject, kind: str) -> Iterator[OtherComponent]:
    for component in subject.components():
        if isinstance(component, OtherComponent) and component.type == kind:
            yield component


def _undeclared(component: OtherComponent, node: Scalar | None, kind: str) -> Told | None:
    """What is wrong with a value that must name a port as `${{inputs.x}}` or `${{outputs.x}}`."""
    if node is None:
        return None
    binding = parse_template(scalar_text(node), node.place).binding
    declared = component.inputs if kind == "inputs" else component.outputs
    if binding is None or binding.path[0] != kind or len(binding.path) != 2:
        message = f"{component.name}: '{scalar_text(node)}' names no port; write ${{{{{kind}.NAME}}}}."
        return Told(message, node.place)
    if binding.path[1] in declared:
        return None
    message = f"{component.name}: {binding} names the {kind[:-1]} '{binding.path[1]}', which is not declared."
    return Told(message, node.place, did_you_mean(binding.path[1], declared))


@rule("PS911", "A parallel step whose data or rows go nowhere")
def parallel_ports(subject: Subject) -> Iterator[Told]:
    for component in _others(subject, "parallel"):
        task = component.source.mapping("task")
        for told in (
            _undeclared(component, scalar(component.source, "input_data"), "inputs"),
            _undeclared(component, scalar(task, "append_row_to"), "outputs"),
        ):
            if told is not None:
                yield told


@rule("PS912", "A mini-batch size that is none")
def mini_batch_size(subject: Subject) -> Iterator[Told]:
    for component in _others(subject, "parallel"):
        size = scalar(component.source, "mini_batch_size")
        if size is not None and "${{" not in size.text and not _BATCH_SIZE.fullmatch(scalar_text(size)):
            fix = 'Write a number of files ("10") or a size of rows ("10kb", "1mb").'
            yield Told(f"{component.name}: '{scalar_text(size)}' is no mini_batch_size.", size.place, fix)


@rule("PS921", "A spark port that is not direct")
def spark_modes(subject: Subject) -> Iterator[Told]:
    for component in _others(subject, "spark"):
        for ports in ("inputs", "outputs"):
            for entry in component.source.mapping(ports) or ():
                mode = scalar(entry.value, "mode") if isinstance(entry.value, Mapping) else None
                if mode is not None and scalar_text(mode).lower() != "direct":
                    message = f"{component.name}: spark reads and writes '{entry.key.text}' by its address only."
                    yield Told(message, mode.place, "Write mode: direct.")
