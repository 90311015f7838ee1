"""What a graph names that does not lie beside it, looked up: data, environments, the places of outputs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from penstock.graph.catalog import Catalog, Located, NotHere
from penstock.graph.coded import coded_of, with_environment
from penstock.graph.model import Data, Graph, GraphNode, Item, Literal, Loop, LoopInput, Value
from penstock.plan.deliveries import Delivery, deliveries, of_the_datastore
from penstock.spec.finding import Finding
from penstock.spec.model import CommandComponent, OtherComponent
from penstock.spec.reference import NAME, VERSION
from penstock.spec.source import Scalar, scalar_text

_NAMES = "Letters, digits, '_', '-' and '.' make a name or a version, and the first is no dot."


def _is_name(delivery: Delivery) -> bool:
    version = delivery.version is None or VERSION.fullmatch(delivery.version)
    return bool(NAME.fullmatch(delivery.asset or "") and version)


@dataclass
class Locator:
    """Gives a graph in which every piece of data that a catalog knows has its path.

    `findings`: PR103 data that is not on this machine, PR108 outputs that have no place to go to. `notes` are for a
    person to know.
    """

    catalog: Catalog
    graph: Graph
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _found: dict[tuple[str, str], Located | NotHere] = field(default_factory=dict)
    _components: dict[int, CommandComponent | OtherComponent] = field(default_factory=dict)

    def located(self) -> Graph:
        """The graph with paths."""
        graph = self.graph
        nodes = {name: self._node(node) for name, node in graph.nodes.items()}
        controls = tuple(self._loop(one) if isinstance(one, Loop) else one for one in graph.controls)
        self.findings += self._outputs()
        return replace(graph, nodes=nodes, controls=controls)

    def _node(self, node: GraphNode) -> GraphNode:
        inputs = {name: self._value(node.name, name, value) for name, value in node.inputs.items()}
        return replace(node, inputs=inputs, component=self._component(node.component))

    def _loop(self, loop: Loop) -> Loop:
        items = tuple(
            Item(item.label, {name: self._value(loop.name, name, value) for name, value in item.values.items()})
            for item in loop.items
        )
        return replace(loop, items=items)

    def _value(self, whose: str, name: str, value: Value) -> Value:
        if isinstance(value, Literal) and "${{" in value.text:
            return replace(value, text=of_the_datastore(value.text, self.graph))
        if isinstance(value, Data):
            return self._data(whose, name, value)
        if isinstance(value, LoopInput):
            return replace(value, first=self._value(whose, name, value.first))
        return value

    def _data(self, whose: str, name: str, data: Data) -> Data:
        if data.is_local:
            return data
        uri = of_the_datastore(data.uri, self.graph)
        key = uri, data.type
        if key not in self._found:
            self._found[key] = self.catalog.data(*key)
        found = self._found[key]
        if isinstance(found, NotHere):
            message = f"'{whose}': the data '{data.uri}' of '{name}' {found.why}."
            self.findings.append(Finding("PR103", "error", message, data.place, found.fix))
            return data
        self._note(found.note)
        return replace(data, uri=uri, found=found.path, mapped=found.mapped)

    def _component(self, component: CommandComponent | OtherComponent) -> CommandComponent | OtherComponent:
        """The component with the path of its environment, if that is of the workspace."""
        if id(component) not in self._components:
            self._components[id(component)] = self._with_environment(component)
        return self._components[id(component)]

    def _with_environment(self, component: CommandComponent | OtherComponent) -> CommandComponent | OtherComponent:
        coded = coded_of(component)
        named = coded.environment if coded is not None else None
        text = scalar_text(named) if isinstance(named, Scalar) else ""
        if named is None or not text.startswith("azureml:"):
            return component
        found = self.catalog.environment(text)
        if isinstance(found, NotHere):
            return component  # only Azure knows it: told, not refused
        self._note(found.note)
        file = f"file:{found.path}"
        return with_environment(component, Scalar(named.place, file, file))

    def _outputs(self) -> Iterator[Finding]:
        for delivery in deliveries(self.graph):
            about = f"{delivery.whose}: the {{}} of the output '{delivery.name}'"
            if delivery.asset is not None and not _is_name(delivery):
                asset = (
                    f"name '{delivery.asset}:{delivery.version}'" if delivery.version else f"name '{delivery.asset}'"
                )
                message = f"{about.format(asset)} is none that Azure ML takes."
                yield Finding("PR108", "error", message, delivery.place, _NAMES)
            found = self.catalog.place(of_the_datastore(delivery.uri, self.graph)) if delivery.uri else None
            if not isinstance(found, NotHere):
                continue
            path = f"path '{delivery.uri}'"
            message = f"{about.format(path)} {found.why}"
            if (delivery.uri or "").startswith("azureml:"):
                yield Finding("PR108", "error", f"{message}.", delivery.place, found.fix)
            else:
                self._note(f"{message}; what is written there stays in the run's folder")

    def _note(self, note: str) -> None:
        if note and note not in self.notes:
            self.notes.append(note)
