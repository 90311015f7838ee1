"""What Azure runs and this machine does not: refused before anything starts, with the reason.

These are no faults of the definition, so `penstock check` does not tell them.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.graph.coded import coded_of
from penstock.graph.distribution import distribution_of
from penstock.graph.model import Data, Graph, GraphNode, NodeOutput
from penstock.plan import parallel
from penstock.spec.finding import Finding
from penstock.spec.read import COMMAND_TYPES

RUN_HERE = frozenset((*COMMAND_TYPES, "sweep", "parallel", "spark", "data_transfer"))
_DISTRIBUTIONS = ("pytorch", "mpi", "tensorflow")
_ELSEWHERE = ("azureml:", "git+", "https://", "http://")


def refusals(graph: Graph) -> tuple[Finding, ...]:
    """Each place is told once.

    PR101 node type, PR102 registered component, PR104 remote code, PR106 transfer,
    PR107 distribution, PR120 parallel.
    """
    findings = [*_registered(graph)]
    for node in graph.nodes.values():
        findings += _of_node(node)
    return tuple({(finding.rule, finding.place): finding for finding in findings}.values())


def _registered(graph: Graph) -> Iterator[Finding]:
    for broken in graph.broken:
        if broken.what == "registered":
            yield Finding("PR102", "error", broken.message, broken.place)


def _of_node(node: GraphNode) -> Iterator[Finding]:
    if node.job.type not in RUN_HERE:
        known = ", ".join(sorted(RUN_HERE - {"commandjob"}))
        message = f"'{node.name}' is a {node.job.type} node; on this machine run {known} and pipeline nodes."
        yield Finding("PR101", "error", message, node.job.source.key_place("type"))
        return
    distribution = distribution_of(node)
    if distribution is not None and distribution.type not in _DISTRIBUTIONS:
        message = f"'{node.name}': a distribution of the type {distribution.type} does not run on this machine."
        yield Finding("PR107", "error", message, distribution.place, f"Here run {', '.join(_DISTRIBUTIONS)}.")
    if node.job.type == "data_transfer":
        yield from _of_transfer(node)
    if node.job.type == "parallel":
        yield from parallel.refused(node)
    component = coded_of(node.component)
    code = component.code if component is not None else None
    if code is not None and code.path is not None and code.path.startswith(_ELSEWHERE):
        message = f"{node.component.name}: the code '{code.path}' is not on this machine."
        yield Finding("PR104", "error", message, code.path_place, "Check the code out and name its folder.")


def without_spark(graph: Graph, lacking: str, way_out: str) -> Iterator[Finding]:
    """PR105: the spark nodes of a machine that has no Spark; `lacking` says of what, in words."""
    for node in graph.nodes.values():
        if node.job.type == "spark":
            message = f"'{node.name}' is a spark node and {lacking}."
            yield Finding("PR105", "error", message, node.job.source.key_place("type"), f"{way_out}.")


def _of_transfer(node: GraphNode) -> Iterator[Finding]:
    """PR106: databases, other clouds, and copies that have no one place to go to."""
    given = node.component.source
    task = (given.text("task") or node.job.source.text("task") or "copy_data").lower()
    source = given if given.text("task") else node.job.source
    if task != "copy_data":
        message = f"'{node.name}': {task} reaches a database or another cloud by a connection of the workspace."
        fix = "Download the data and give its path to the nodes that take it; only copy_data runs on this machine."
        yield Finding("PR106", "error", message, source.key_place("task"), fix)
        return
    copied = [name for name, value in node.inputs.items() if isinstance(value, Data | NodeOutput)]
    outputs = list(node.outputs.values())
    if len(outputs) != 1 or not copied:
        message = f"'{node.name}': copy_data takes one input or more and has one output, not {len(outputs)}."
        yield Finding("PR106", "error", message, node.job.place)
    elif len(copied) > 1 and outputs[0].type != "uri_folder":
        message = f"'{node.name}': several inputs are merged into a uri_folder, not into a {outputs[0].type}."
        yield Finding("PR106", "error", message, outputs[0].place)
