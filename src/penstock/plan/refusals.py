"""What Azure runs and this machine does not: refused before anything starts, with the reason.

These are no faults of the definition, so `penstock check` does not tell them.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.graph.coded import coded_of
from penstock.graph.model import Data, Graph, GraphNode
from penstock.graph.search import SearchError, search_of
from penstock.spec.finding import Finding
from penstock.spec.read import COMMAND_TYPES

RUN_HERE = frozenset({*COMMAND_TYPES, "sweep"})
_ELSEWHERE = ("azureml:", "git+", "https://", "http://")


def refusals(graph: Graph) -> tuple[Finding, ...]:
    """PR101 node type, PR102 registered component, PR103 remote data, PR104 remote code, PR105 a search that cannot be read; each place once."""
    findings = [*_registered(graph)]
    for node in graph.nodes.values():
        findings += _of_node(node)
    return tuple({(finding.rule, finding.place): finding for finding in findings}.values())


def _registered(graph: Graph) -> Iterator[Finding]:
    for broken in graph.broken:
        if broken.what == "registered":
            yield Finding("PR102", "error", broken.message, broken.place)


def _of_sweep(node: GraphNode) -> Iterator[Finding]:
    try:
        search_of(node)
    except SearchError as error:
        yield Finding("PR105", "error", f"'{node.name}': {error}.", error.place)


def _of_node(node: GraphNode) -> Iterator[Finding]:
    if node.job.type not in RUN_HERE:
        known = ", ".join(sorted(RUN_HERE - {"commandjob"}))
        message = f"'{node.name}' is a {node.job.type} node; on this machine run {known} and pipeline nodes."
        yield Finding("PR101", "error", message, node.job.source.key_place("type"))
        return
    if node.job.type == "sweep":
        yield from _of_sweep(node)
    for name, value in node.inputs.items():
        if isinstance(value, Data) and not value.is_local:
            message = f"'{node.name}': the data '{value.uri}' of '{name}' is not on this machine."
            yield Finding("PR103", "error", message, value.place, "Download it and name its path with --set.")
    component = coded_of(node.component)
    code = component.code if component is not None else None
    if code is not None and code.path is not None and code.path.startswith(_ELSEWHERE):
        message = f"{node.component.name}: the code '{code.path}' is not on this machine."
        yield Finding("PR104", "error", message, code.path_place, "Check the code out and name its folder.")
