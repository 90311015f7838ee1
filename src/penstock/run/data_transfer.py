"""Data transfer steps: `copy_data` of one input or more into one output, by a driver."""

from __future__ import annotations

import os

from penstock.graph.model import Data, GraphNode, NodeOutput
from penstock.run.driven import start_driver
from penstock.run.process import Handle
from penstock.run.step import Step


def start_data_transfer(step: Step) -> Handle:
    """Start copying. What other nodes have made is read-only, so that a second name of it will do. Raises OSError."""
    (output,) = step.node.outputs.values()
    orders = {
        "inputs": [found for name in step.node.inputs if (found := _source(step, name)) is not None],
        "output": str(step.attempt.output(output)),
        "type": output.type,
        "mode": copy_mode(step.node),
    }
    return start_driver(step, "data_transfer", orders, own=True)


def copy_mode(node: GraphNode) -> str | None:
    """`data_copy_mode` of the component, else of the node, as Azure's client takes it."""
    mode = node.component.source.text("data_copy_mode") or node.job.source.text("data_copy_mode")
    return mode.lower() if mode is not None else None


def _source(step: Step, name: str) -> dict[str, object] | None:
    value = step.node.inputs[name]
    if isinstance(value, NodeOutput):
        return {"name": name, "path": str(step.run.node(value.node).output(value.port)), "ours": True}
    if isinstance(value, Data):
        return {"name": name, "path": os.path.normpath(value.path.absolute()), "ours": False}
    return None
