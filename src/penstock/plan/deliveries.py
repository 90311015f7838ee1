"""Where outputs go besides the run's folder: a path in a datastore, a name among the assets. Pure.

Azure's default datastore is `workspaceblobstore`, unless the pipeline's `settings: default_datastore` says otherwise.
Source of the expressions: Azure ML's "Expressions in Azure Machine Learning SDK and CLI v2".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from penstock.graph.model import Graph, NodeOutput
from penstock.spec.model import DATA_TYPES, OutputValue
from penstock.spec.place import Place

_EXPRESSION = re.compile(r"\$\{\{\s*(name|default_datastore|output_name)\s*\}\}")
DEFAULT_DATASTORE = "workspaceblobstore"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What becomes of the output `port` of the node `node` once that has completed.

    Attributes:
        whose: who asks for it, in words, and as which output, `name`.
        uri: where it goes, None if nowhere.
        asset: the name that it is registered by, None if it is not.
        version: of the asset, None for the next one.
    """

    node: str
    port: str
    type: str
    whose: str
    name: str
    uri: str | None
    asset: str | None
    version: str | None
    place: Place


def deliveries(graph: Graph) -> tuple[Delivery, ...]:
    """All of a graph, those of nodes first."""
    found = []
    for node in graph.nodes.values():
        for port in node.outputs.values():
            source = NodeOutput(node.name, port.name, port.type, port.place)
            found.append(_delivery(f"'{node.name}'", node.job.outputs.get(port.name), source))
        for outer in node.outer:
            port = node.outputs[outer.port]
            source = NodeOutput(node.name, port.name, port.type, port.place)
            found.append(_delivery(f"'{outer.whose}'", outer.value, source))
    for name, source in graph.outputs.items():
        found.append(_delivery("the pipeline", graph.job.outputs.get(name), source))
    return tuple(delivery for delivery in found if delivery is not None)


def _delivery(whose: str, value: OutputValue | None, source: NodeOutput | None) -> Delivery | None:
    if value is None or source is None:
        return None
    uri = value.path if value.path and not _is_bound(value) else None
    asset = value.asset if source.type in DATA_TYPES else None
    if uri is None and asset is None:
        return None
    kind = value.type or source.type
    return Delivery(
        source.node,
        source.port,
        kind,
        whose,
        value.name,
        uri,
        asset,
        value.asset_version if asset else None,
        value.place,
    )


def _is_bound(value: OutputValue) -> bool:
    references = value.template.references() if value.template is not None else ()
    return any(reference.path[0] == "parent" for reference in references)


def default_datastore(graph: Graph) -> str:
    """The datastore that a job's data goes to if it does not say where."""
    settings = graph.job.source.mapping("settings")
    named = settings.text("default_datastore") if settings is not None else None
    return named.removeprefix("azureml:") if named else DEFAULT_DATASTORE


def of_the_datastore(text: str, graph: Graph) -> str:
    """A text with `${{default_datastore}}` replaced."""
    return expanded(text, {"default_datastore": default_datastore(graph)})


def expanded(text: str, values: dict[str, str]) -> str:
    """A text with `${{name}}` and the like replaced, as far as they are known."""
    return _EXPRESSION.sub(lambda found: values.get(found[1], found[0]), text) if "${{" in text else text
