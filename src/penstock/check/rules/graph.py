"""PS1xx: the shape of the pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.check.registered import needs, unresolved
from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.graph.model import NodeOutput, Unresolved
from penstock.graph.order import cycle
from penstock.spec.expression import malformed, well_formed
from penstock.spec.finding import close_match, did_you_mean
from penstock.spec.model import JobNode
from penstock.spec.read import COMMAND_TYPES
from penstock.spec.source import Mapping, Node, Scalar

_CONTROL = (
    "A body is ${{parent.jobs.NODE}}, a condition a boolean or ${{parent.jobs.NODE.outputs.PORT}}, "
    "items a list of objects with the inputs of the body."
)
_WHAT = {"input": "pipeline input", "job": "job", "output": "output"}


def _unresolved(subject: Subject) -> Iterator[Unresolved]:
    for node in subject.nodes():
        yield from (value for value in node.inputs.values() if isinstance(value, Unresolved))
    yield from subject.graph.bad_controls if subject.graph else ()
    yield from unresolved(subject)


@rule("PS101", "A binding names something that does not exist")
def undefined_binding(subject: Subject) -> Iterator[Told]:
    for value in _unresolved(subject):
        if value.what in _WHAT:
            message = f"{value.expression} names the {_WHAT[value.what]} '{value.name}', which does not exist."
            yield Told(message, value.place, did_you_mean(value.name, value.known))


@rule("PS102", "A cycle of nodes")
def circle(subject: Subject) -> Iterator[Told]:
    nodes = subject.graph.nodes if subject.graph else {}
    names = cycle({name: node.depends_on() for name, node in nodes.items()})
    if names:
        members = set(names)
        places = [
            value.place
            for name in members
            for value in nodes[name].inputs.values()
            if isinstance(value, NodeOutput) and value.node in members
        ]
        yield Told(_circle(names), min(places), "Remove one of the bindings.")
        return
    names = cycle(needs(subject))
    if names and subject.graph is not None:
        places = [
            value.value_place
            for name in set(names)
            for value in subject.graph.job.jobs[name].inputs.values()
            if value.template is not None
            and any(ref.path[:2] == ("parent", "jobs") and ref.path[2] in names for ref in value.template.references())
        ]
        yield Told(_circle(names), min(places), "Remove one of the bindings.")


def _circle(names: tuple[str, ...]) -> str:
    return f"the nodes wait for each other: {' -> '.join(names)}."


@rule("PS103", "An expression that is not of the language")
def malformed_expression(subject: Subject) -> Iterator[Told]:
    for value in _unresolved(subject):
        if value.what == "syntax":
            fix = "Write ${{parent.inputs.NAME}} or ${{parent.jobs.NODE.outputs.PORT}}."
            yield Told(f"{value.expression} cannot stand in an input of a node.", value.place, fix)
        elif value.what == "control":
            yield Told(f"'{value.expression}' says nothing here.", value.place, _CONTROL)
        elif value.what == "items":
            message = f"{value.expression} is the output of a node; which items there are must be known before the run."
            yield Told(message, value.place, "Give the items as a list, or as an input of the pipeline.")
        elif value.what == "mixed":
            message = f"{value.expression} is data; inside a longer string only plain values can stand."
            yield Told(message, value.place, "Give the data to an input of its own.")
    for job in _jobs(subject):
        for given in job.inputs.values():
            piece = malformed(given.template.text) if given.template is not None else None
            if piece is not None:
                message = f"'{job.name}': '{piece}' is no expression, so '{given.name}' gets it as a text."
                yield Told(message, given.value_place, f"Write {well_formed(piece)}.")


def _jobs(subject: Subject) -> Iterator[JobNode]:
    """All nodes, those of nested pipelines and those whose component is not known included."""
    if subject.graph is not None:
        yield from subject.graph.job.jobs.values()
        for outer in subject.graph.composites:
            yield from outer.component.jobs.values()


@rule("PS104", "A pipeline without jobs")
def no_jobs(subject: Subject) -> Iterator[Told]:
    if subject.graph and not subject.graph.job.jobs and subject.graph.job.component is None:
        yield Told("the pipeline has no jobs.", subject.graph.job.place, "Add them below jobs:.")


@rule("PS105", "A pipeline output that no node writes", azure_only=True)
def unbound_output(subject: Subject) -> Iterator[Told]:
    for output in subject.graph.bad_outputs if subject.graph else ():
        message = f"no node writes the pipeline output '{output.name}'."
        yield Told(message, output.place, f"Bind an output of a node to it: ${{{{parent.outputs.{output.name}}}}}.")


_ENDS = re.compile(r"\$\{\{parent\.inputs\..*\}\}", re.DOTALL)
_TRANSLATED = (*COMMAND_TYPES, "parallel", "spark")


@rule("PS113", "A text that begins and ends with an expression, in an inline node", azure_only=True)
def two_ends(subject: Subject) -> Iterator[Told]:
    for node in subject.nodes():
        for value in node.job.inputs.values() if node.job.inline is not None and node.job.type in _TRANSLATED else ():
            template = value.template if not value.is_data else None
            if template is not None and len(list(template.references())) > 1 and _ENDS.fullmatch(template.text):
                message = f"'{node.name}': Azure's client takes '{template.text}' for one expression and refuses it."
                fix = "Write the component in a file, or give each expression to an input of its own."
                yield Told(message, value.value_place, fix)


_NODE_NAME = re.compile(r"[a-z_][a-z0-9_]*")


@rule("PS107", "A node name that is no lower-case identifier")
def odd_node_name(subject: Subject) -> Iterator[Told]:
    for job in _jobs(subject):
        if not _NODE_NAME.fullmatch(job.name):
            fix = "Use lower-case letters, digits and underscores; begin with a letter or an underscore."
            yield Told(f"'{job.name}' cannot be the name of a node.", job.place, fix)


@rule("PS106", "A node that cannot be part of the graph")
def broken_node(subject: Subject) -> Iterator[Told]:
    for broken in subject.graph.broken if subject.graph else ():
        if broken.what != "registered":
            yield Told(broken.message, broken.place)


@rule("PS114", "A control node, which is a private preview", azure_only=True)
def preview(subject: Subject) -> Iterator[Told]:
    for job in subject.graph.previews if subject.graph else ():
        message = f"'{job.name}' is a {job.type} node, a private preview that Azure's client refuses by default."
        fix = "Set AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED=true where you submit it, if your workspace has the preview."
        yield Told(message, job.source.key_place("type"), fix)


_NEED_COMPUTE = (*COMMAND_TYPES, "sweep", "parallel", "data_transfer", "import")


@rule("PS108", "A node that has no compute", azure_only=True)
def no_compute(subject: Subject) -> Iterator[Told]:
    graph = subject.graph
    if graph is None or str(subject.kind) != "pipeline job" or _has_compute(graph.job.source):
        return
    for node in graph.nodes.values():
        if node.job.type in _NEED_COMPUTE and node.job.source.get("compute") is None:
            fix = "Add compute: to it, or default_compute: azureml:serverless below the pipeline's settings:."
            yield Told(f"'{node.name}' has no compute and the pipeline no default.", node.job.place, fix)


def _has_compute(job: Mapping) -> bool:
    settings = job.mapping("settings")
    return job.get("compute") is not None or (settings is not None and settings.get("default_compute") is not None)


@rule("PS109", "A pipeline input that no node takes", "warning")
def unused_input(subject: Subject) -> Iterator[Told]:
    graph = subject.graph
    if graph is None or subject.kind.type != "pipeline" or graph.job.component is not None:
        return
    text = "\n".join(_texts(graph.job.source))
    ports = graph.job.inputs or (subject.component.inputs if subject.component else {})
    for name, port in ports.items():
        if not re.search(rf"parent\.inputs\.{re.escape(name)}\b", text):
            close = close_match(name, (other for other in ports if other != name))
            fix = f"Did you mean '{close}'?" if close else "Bind it, or remove it."
            yield Told(f"no node takes the pipeline input '{name}'.", port.place, fix)


def _texts(node: Node | None) -> Iterator[str]:
    if isinstance(node, Scalar):
        yield node.text
    elif isinstance(node, Mapping):
        for entry in node:
            yield from _texts(entry.value)
    elif node is not None:
        for item in node.items:
            yield from _texts(item)
