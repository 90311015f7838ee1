"""PS916 and PS917: what parallel and spark steps pass to their scripts, and what a parallel step lacks."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.check.places import place_in
from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.spec.expression import parse_template
from penstock.spec.finding import did_you_mean
from penstock.spec.model import OtherComponent
from penstock.spec.source import Mapping, Scalar, scalar_text


def _arguments(component: OtherComponent) -> Scalar | None:
    """The text of the arguments for the script."""
    source: Mapping | None = component.source
    if component.type == "parallel":
        source = component.source.mapping("task")
    node = source.get("program_arguments" if component.type == "parallel" else "args") if source is not None else None
    return node if isinstance(node, Scalar) and node.value is not None else None


@rule("PS916", "The arguments name a port that is not declared")
def undeclared_port(subject: Subject) -> Iterator[Told]:
    for component in subject.components():
        if not isinstance(component, OtherComponent) or component.type not in ("parallel", "spark"):
            continue
        arguments = _arguments(component)
        if arguments is None:
            continue
        for reference in parse_template(scalar_text(arguments), arguments.place, command=True).references():
            kind, name = reference.path[0], ".".join(reference.path[1:])
            declared = {"inputs": component.inputs, "outputs": component.outputs}.get(kind)
            if declared is not None and name and name not in declared:
                message = f"{component.name}: the arguments name {reference}, which is not declared."
                yield Told(message, place_in(subject, arguments.place, f"{kind}.{name}"), did_you_mean(name, declared))


@rule("PS917", "A parallel step without its data or its script")
def lacking(subject: Subject) -> Iterator[Told]:
    for node in subject.graph.nodes.values() if subject.graph else ():
        if not isinstance(node.component, OtherComponent) or node.component.type != "parallel":
            continue
        sources = (node.job.source, node.component.source)
        for key, what in (("input_data", "which input is split"), ("task", "what is done with a mini-batch")):
            if all(source.get(key) is None for source in sources):
                message = f"'{node.name}' does not say {what}."
                yield Told(message, node.component.place, f"Add {key}: to the parallel step.")
        holder = next((source for source in sources if source.mapping("task") is not None), None)
        task = holder.mapping("task") if holder is not None else None
        if holder is not None and task is not None and task.get("entry_script") is None:
            message = f"'{node.name}': the task names no script."
            yield Told(message, holder.key_place("task"), "Add entry_script: with the functions init() and run().")
