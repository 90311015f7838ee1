"""From a graph to what to run and why. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from penstock.errors import DefinitionError
from penstock.graph.model import Graph, GraphNode, NodeOutput
from penstock.graph.order import cycle, topological
from penstock.plan.loops import unrolled
from penstock.spec.finding import did_you_mean


class PlannedNode(Struct, frozen=True):
    """A node with its verdict.

    `needs` are the nodes that must have completed before it, `after` those that must have ended.
    """

    node: GraphNode
    needs: tuple[str, ...]
    after: tuple[str, ...]
    action: Literal["run"]
    reason: str

    @property
    def name(self) -> str:
        return self.node.name


class Plan(Struct, frozen=True):
    """Nodes in an order in which they can run. `notes` are what a person should know before."""

    graph: Graph
    nodes: tuple[PlannedNode, ...]
    notes: tuple[str, ...] = ()

    def dependents(self, name: str) -> tuple[str, ...]:
        """Every node that needs `name`, directly or through others, in plan order."""
        below = {name}
        for planned in self.nodes:
            if below.intersection(planned.needs):
                below.add(planned.name)
        return tuple(planned.name for planned in self.nodes if planned.name in below and planned.name != name)


def only(plan: Plan, name: str) -> Plan:
    """The plan of one node and the nodes whose outputs it takes. Raises DefinitionError if there is no such node."""
    by_name = {planned.name: planned for planned in plan.nodes}
    if name not in by_name:
        raise DefinitionError(f"there is no node '{name}'. {did_you_mean(name, by_name)}".strip())
    needs = tuple(replace(by_name[need], needs=(), after=()) for need in by_name[name].needs)
    return replace(plan, nodes=(*needs, replace(by_name[name], after=())))


def make_plan(graph: Graph) -> Plan:
    """Plan a checked graph: every run executes every node. Raises DefinitionError if nodes wait for each other."""
    graph = unrolled(graph)
    needs = {name: node.depends_on() for name, node in graph.nodes.items()}
    after = {name: _after(node) for name, node in graph.nodes.items()}
    waits = {name: (*needs[name], *after[name]) for name in graph.nodes}
    circle = cycle(waits)
    if circle:
        raise DefinitionError(f"the nodes wait for each other: {' -> '.join(circle)}")
    order = topological(waits)
    reason = "every run executes every node"
    nodes = tuple(PlannedNode(graph.nodes[name], needs[name], after[name], "run", reason) for name in order)
    return Plan(graph, nodes)


def _after(node: GraphNode) -> tuple[str, ...]:
    conditions = (guard.condition.node for guard in node.guards if isinstance(guard.condition, NodeOutput))
    return tuple(dict.fromkeys((*node.after, *conditions)))
