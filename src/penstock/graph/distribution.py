"""How many processes a command node is: `distribution` and `resources.instance_count`, of the node or its component.

Sources: Azure ML's "CLI (v2) command job YAML schema" (distribution configurations) and "Distributed GPU training
guide (SDK v2)".
"""

from __future__ import annotations

from msgspec import Struct

from penstock.graph.model import GraphNode
from penstock.spec.place import Place
from penstock.spec.source import Mapping


class Distribution(Struct, frozen=True):
    """What `distribution` asks for.

    Attributes:
        type: pytorch, mpi, tensorflow or ray.
        instances: machines, from `resources.instance_count`.
        processes: on each of them.
        workers: of TensorFlow; they and the parameter servers have a process each.
        parameter_servers: of TensorFlow.
        place: where the type stands.
    """

    type: str
    instances: int
    processes: int
    workers: int
    parameter_servers: int
    place: Place


def distribution_of(node: GraphNode) -> Distribution | None:
    """What the node is to be spread over; None if it is one process."""
    name, source = "distribution", _stated(node, "distribution")
    kind = source.text("type") if source is not None else None
    if source is None or kind is None:
        return None
    instances = instance_count(node)
    servers = _count(node, name, "parameter_server_count", 0)
    return Distribution(
        type=kind.lower().replace("_", ""),
        instances=instances,
        processes=_count(node, name, "process_count_per_instance", 1),
        workers=_count(node, name, "worker_count", max(1, instances - servers)),
        parameter_servers=servers,
        place=source.key_place("type"),
    )


def instance_count(node: GraphNode) -> int:
    """How many machines the node asks for."""
    return _count(node, "resources", "instance_count", 1)


def _stated(node: GraphNode, key: str) -> Mapping | None:
    """What the node says of it, else its component."""
    return node.job.source.mapping(key) or node.component.source.mapping(key)


def _count(node: GraphNode, name: str, key: str, default: int) -> int:
    """A number of processes or machines; bindings are resolved. What is none counts as the default."""
    source = _stated(node, name)
    text = node.settings.get(f"{name}.{key}") or (source.text(key) if source is not None else None)
    try:
        return max(int(text), 0) if text is not None else default
    except ValueError:
        return default
