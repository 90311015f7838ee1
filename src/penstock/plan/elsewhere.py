"""What a job asks of Azure and gets otherwise on this machine: told, not refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.graph.coded import coded_of
from penstock.graph.distribution import distribution_of, instance_count
from penstock.graph.model import Graph, GraphNode
from penstock.plan.features import TOLD
from penstock.spec.read import COMMAND_TYPES
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
        compute = node.settings.get("compute") or node.job.source.text("compute") or _default_compute(graph)
        if compute is not None:
            computes.setdefault(compute, []).append(node.name)
    yield from filter(None, map(_machines, graph.nodes.values()))
    yield from _without_effect(graph)
    yield from _unset_variables(graph)
    for name, nodes in environments.items():
        yield f"the environment {name} is Azure's; here {_listed(nodes)} in this interpreter"
    for name, nodes in computes.items():
        yield f"the compute {name} is Azure's; {_listed(nodes)} on this machine"


def _unset_variables(graph: Graph) -> Iterator[str]:
    """The environment variables with an expression that comes to no plain value."""
    for node in graph.nodes.values():
        for name, text in node.job.environment_variables.items():
            left = re.search(r"\$\{\{\s*parent\.[^}]*\}\}", node.settings.get(f"environment_variables.{name}", text))
            if left is not None:
                yield f"'{node.name}': its environment variable {name} gets the text {left[0]}, which is no plain input"


def _without_effect(graph: Graph) -> Iterator[str]:
    """The settings that Azure acts on and this machine does not, with who has them."""
    found: dict[str, list[str]] = {}
    job = graph.job
    if job.source.mapping("jobs") is not None:
        for key in _told_keys("job", job.source):
            found.setdefault(key, []).append("the job")
    for node in graph.nodes.values():
        keys = [*_told_keys(node.job.type, node.job.source), *_told_keys(node.job.type, node.component.source)]
        for key in dict.fromkeys(keys):
            found.setdefault(key, []).append(f"'{node.name}'")
    for key, owners in found.items():
        shown = ", ".join(owners[:6]) + (", ..." if len(owners) > 6 else "")
        yield f"{key} {_NOTES[key]}; it has no effect on this machine ({shown})"


def _told_keys(kind: str, source: Mapping) -> Iterator[str]:
    for key in TOLD:
        owner, _, name = key.partition(".")
        if owner in ("any", kind) and name in source.entries:
            yield name
        elif owner in ("resources", "settings") and (source.mapping(owner) or Mapping(source.place, {})).get(name):
            yield f"{owner}.{name}"
        elif owner == "input":
            for entry in source.mapping("inputs") or ():
                if isinstance(entry.value, Mapping) and name in entry.value.entries:
                    yield name


_NOTES = {name: note for key, note in TOLD.items() for name in (key, key.partition(".")[2])}


def _machines(node: GraphNode) -> str | None:
    """What becomes of several machines."""
    instances = instance_count(node)
    if instances < 2 or node.job.type not in COMMAND_TYPES:
        return None
    if distribution_of(node) is None:
        return f"'{node.name}' asks for {instances} machines and no distribution: its command runs once, on this one"
    return f"'{node.name}': its {instances} machines are this one, each with a working folder of its own"


def _default_compute(graph: Graph) -> str | None:
    source: Mapping = graph.job.source
    settings = source.mapping("settings")
    return source.text("compute") or (settings.text("default_compute") if settings else None)


def _listed(nodes: list[str]) -> str:
    shown = ", ".join(nodes[:6]) + (", ..." if len(nodes) > 6 else "")
    return f"{shown} run{'s' if len(nodes) == 1 else ''}"
