"""What a job asks of Azure and gets otherwise on this machine: told, not refused."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.graph.coded import coded_of
from penstock.graph.model import Graph
from penstock.spec.source import Mapping, Scalar, scalar_text


def elsewhere(graph: Graph) -> Iterator[str]:
    """One sentence for each environment and compute that only Azure knows, with the nodes that ask for it."""
    environments: dict[str, list[str]] = {}
    computes: dict[str, list[str]] = {}
    for node in graph.nodes.values():
        component = coded_of(node.component)
        named = component.environment if component is not None else None
        if isinstance(named, Scalar) and scalar_text(named).startswith("azureml:"):
            environments.setdefault(scalar_text(named), []).append(node.name)
        compute = node.job.source.text("compute") or _default_compute(graph)
        if compute is not None:
            computes.setdefault(compute, []).append(node.name)
    for name, nodes in environments.items():
        yield f"the environment {name} is Azure's; here {_listed(nodes)} in this interpreter"
    for name, nodes in computes.items():
        yield f"the compute {name} is Azure's; {_listed(nodes)} on this machine"


def _default_compute(graph: Graph) -> str | None:
    source: Mapping = graph.job.source
    settings = source.mapping("settings")
    return source.text("compute") or (settings.text("default_compute") if settings else None)


def _listed(nodes: list[str]) -> str:
    shown = ", ".join(nodes[:6]) + (", ..." if len(nodes) > 6 else "")
    return f"{shown} run{'s' if len(nodes) == 1 else ''}"
