"""PS3xx: a component in itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.check.places import place_in
from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.spec.expression import Reference, malformed, well_formed
from penstock.spec.finding import close_match, did_you_mean
from penstock.spec.model import CommandComponent
from penstock.spec.place import Place
from penstock.spec.source import Scalar, scalar_text


@rule("PS301", "A command component without a command")
def no_command(subject: Subject) -> Iterator[Told]:
    for component in subject.commands():
        if component.command is None:
            yield Told(f"{component.name} has no command.", component.place, "Add command: to it.")


# What Azure's client takes in a command besides ports: what the component itself has.
_OWN = {"name", "version", "display_name", "description", "type", "environment", "code", "is_deterministic", "tags"}


@rule("PS302", "The command names a port that is not declared")
def undeclared_port(subject: Subject) -> Iterator[Told]:
    inline = {id(node.job.inline) for node in subject.nodes()}
    searched = {id(node.component) for node in subject.nodes() if node.job.type == "sweep"}
    for component in subject.commands():
        of_sweep = id(component) in searched
        for reference in component.command.references() if component.command else ():
            fix = _undeclared(reference, component, in_file=id(component) not in inline, of_sweep=of_sweep)
            if fix is not None:
                message = f"{component.name}: the command names {reference}, which is not declared."
                yield Told(message, _of_reference(subject, reference), fix)


def _undeclared(reference: Reference, component: CommandComponent, *, in_file: bool, of_sweep: bool) -> str | None:
    """The way out if `reference` names no port of `component`, else None."""
    kind, name = reference.path[0], ".".join(reference.path[1:])
    if kind in ("inputs", "outputs"):
        declared = component.inputs if kind == "inputs" else component.outputs
        if not name:
            return f"Name one: ${{{{{kind}.NAME}}}}."
        return None if name in declared or reference.path[1] in declared else did_you_mean(name, declared)
    if kind == "parent":
        return "A command knows the component's own ports only: write ${{inputs.NAME}}."
    meant = close_match(kind, ("inputs", "outputs"))
    if meant:
        return f"Did you mean '{meant}'?"
    if not in_file or kind in _OWN or (kind == "search_space" and of_sweep):
        return None
    return "Write ${{inputs.NAME}} or ${{outputs.NAME}}; Azure's client refuses the component."


def _of_reference(subject: Subject, reference: Reference) -> Place:
    """Where it stands in its command."""
    return place_in(subject, reference.place, ".".join(reference.path))


@rule("PS303", "An optional input outside $[[ ]]")
def bare_optional(subject: Subject) -> Iterator[Told]:
    for component in subject.commands():
        for reference in component.command.references(optional=False) if component.command else ():
            port = component.inputs.get(reference.path[-1]) if reference.path[0] == "inputs" else None
            if port is not None and port.optional and port.default is None and port.type != "any":
                message = f"{component.name}: {reference} is optional but stands outside $[[ ]] in the command."
                yield Told(message, _of_reference(subject, reference), f"Write $[[--{port.name} {reference}]].")


@rule("PS308", "Nearly an expression")
def nearly_expression(subject: Subject) -> Iterator[Told]:
    for component in subject.commands():
        piece = malformed(component.command.text) if component.command is not None else None
        if piece is not None and component.command is not None:
            message = f"{component.name}: '{piece}' in the command is no expression: the shell gets it as it stands."
            place = place_in(subject, component.command.place, piece.split()[0])
            yield Told(message, place, f"Write {well_formed(piece)}.")


_PORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@rule("PS304", "A port name that is no identifier")
def odd_port_name(subject: Subject) -> Iterator[Told]:
    single = subject.kind.family == "job" and subject.kind.type != "pipeline"  # its inputs are those of no component
    inline = {id(node.job.inline) for node in subject.nodes()} if single else set()
    for component in subject.components():
        if id(component) in inline:
            continue
        for kind, ports in (("input", component.inputs), ("output", component.outputs)):
            for port in ports.values():
                if not all(_PORT_NAME.fullmatch(part) for part in port.name.split(".")):
                    fix = "Use letters, digits and underscores."
                    yield Told(f"{component.name}: '{port.name}' cannot be the name of an {kind}.", port.place, fix)


_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_TOKEN = re.compile(r"\$[({]|#\{|\{\{|__\w+__")  # what a CI system puts a value for: $(Build.BuildId)


@rule("PS306", "A version that Azure does not take")
def odd_version(subject: Subject) -> Iterator[Told]:
    for version in _versions(subject):
        if not _VERSION.fullmatch(scalar_text(version)) and not _TOKEN.search(scalar_text(version)):
            fix = "Use letters, digits, dots, dashes and underscores, as in 1.0.0."
            yield Told(f"'{scalar_text(version)}' cannot be a version.", version.place, fix)


@rule("PS307", "A version that YAML reads as a number", "warning")
def number_version(subject: Subject) -> Iterator[Told]:
    for version in _versions(subject):
        if not isinstance(version.value, str) and str(version.value) != version.text:
            message = f"the version {version.text} is a number to YAML: Azure gets '{version.value}'."
            yield Told(message, version.place, f"Put it in quotes: '{version.text}'.")


def _versions(subject: Subject) -> Iterator[Scalar]:
    """The versions of the asset that the file is, and of the components that it uses."""
    own = (subject.root,) if subject.kind.family in ("environment", "data", "model") else ()
    inline = {id(node.job.source) for node in subject.nodes()}
    used = (component.source for component in subject.components() if id(component.source) not in inline)
    for source in (*own, *used):
        node = source.get("version")
        if isinstance(node, Scalar) and node.value is not None:
            yield node
