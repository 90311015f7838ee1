"""PS91x and PS92x: parallel and spark nodes, jobs and components."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from penstock.check.coded import scripted
from penstock.check.places import place_in
from penstock.check.rule import Told, rule
from penstock.check.snapshots import snapshot_of
from penstock.check.subject import Subject
from penstock.graph.coded import scalar
from penstock.spec.expression import parse_template
from penstock.spec.finding import close_match, did_you_mean
from penstock.spec.model import OtherComponent
from penstock.spec.source import Mapping, Node, Scalar, Sequence, scalar_text

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
        port = component.inputs.get(binding.path[1]) if kind == "inputs" else None
        if port is None or not port.is_literal:
            return None
        return Told(f"{component.name}: {binding} is a plain value ({port.type}), not data to split.", node.place)
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


# "CLI (v2) parallel job YAML schema", predefined arguments: the least and the greatest value.
_PREDEFINED = {
    "--error_threshold": (-1, None),
    "--allowed_failed_percent": (0, 100),
    "--task_overhead_timeout": (1, 259_200),
    "--progress_update_timeout": (1, 259_200),
    "--first_task_creation_timeout": (1, 259_200),
    "--resource_monitor_interval": (0, None),
}
_GIVEN = re.compile(r"(--[a-z_]+)[\s=]+(-?\d+)(?=\s|$)")


@rule("PS910", "A setting of Azure's own in the arguments, out of its limits")
def predefined_arguments(subject: Subject) -> Iterator[Told]:
    for component in _others(subject, "parallel"):
        arguments = scalar(component.source.mapping("task"), "program_arguments")
        for name, number in _GIVEN.findall(scalar_text(arguments)) if arguments is not None else ():
            low, high = _PREDEFINED.get(name, (None, None))
            if arguments is None or low is None or low <= int(number) <= (int(number) if high is None else high):
                continue
            bounds = f"at least {low}" + (f" and at most {high}" if high is not None else "")
            message = f"{component.name}: {name} is Azure's own and must be {bounds}, not {number}."
            yield Told(message, place_in(subject, arguments.place, name))


_LISTED = ("py_files", "jars", "files", "archives")


@rule("PS923", "A file for Spark that is not in the code folder")
def listed_files(subject: Subject) -> Iterator[Told]:
    for one in scripted(subject, "spark"):
        snapshot = snapshot_of(one, subject) if one.code.path is not None else None
        for key in _LISTED if snapshot is not None and snapshot.whole else ():
            listed = one.source.get(key)
            for item in listed.items if isinstance(listed, Sequence) else ():
                name = _name_in_code(item)
                if snapshot is not None and name is not None and name not in snapshot.paths:
                    close = close_match(name, snapshot.paths)
                    fix = f"Did you mean '{close}'?" if close else "Paths count from the code folder."
                    message = f"{one.name}: '{name}' in {key} is not in the code folder '{one.code.path}'."
                    yield Told(message, item.place, fix)


def _name_in_code(item: Node) -> str | None:
    """The file that an entry names, if it can only be one of the code folder: no address, no pattern."""
    text = scalar_text(item).partition("#")[0] if isinstance(item, Scalar) and isinstance(item.value, str) else ""
    return posixpath.normpath(text) if re.fullmatch(r"(?!/)[\w./ -]+", text) else None
