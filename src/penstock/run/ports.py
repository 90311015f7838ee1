"""What a node's ports are to its process: the text of an expression, the path of the data."""

from __future__ import annotations

import os

from penstock.graph.model import Data, GraphNode, Literal, NodeOutput, Value
from penstock.store.workspace import Attempt, RunFolder, shell_safe_data


def input_text(name: str, value: Value, run: RunFolder, attempt: Attempt) -> str | None:
    """What `${{inputs.name}}` becomes: the value's text, or the path of the data; None if the input is not set."""
    if isinstance(value, Literal):
        return value.text
    if isinstance(value, Data):
        return shell_safe_data(os.path.normpath(value.path.absolute()), attempt, name)
    if isinstance(value, NodeOutput):
        return str(run.node(value.node).output(value.port))
    return None


def unwritten_inputs(node: GraphNode, run: RunFolder) -> list[str]:
    """Inputs whose source has completed without writing them, in words."""
    return [
        f"'{value.node}' wrote nothing to its output '{value.port}', which '{name}' takes"
        for name, value in node.inputs.items()
        if isinstance(value, NodeOutput) and not run.node(value.node).output(value.port).exists()
    ]
