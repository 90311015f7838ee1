"""What a node's ports are to its process: the text of an expression, the path of the data."""

from __future__ import annotations

import os
from pathlib import Path

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


def written_value(path: Path) -> str:
    """The value that a step has written to an output of a literal type: a file, or `output` in a folder.

    Raises OSError if it has written none.
    """
    return (path / "output" if path.is_dir() else path).read_text(encoding="utf-8", errors="replace").strip()


def truth(text: str) -> bool | None:
    """The text as true or false; None if it is neither."""
    return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())


def unwritten_inputs(node: GraphNode, run: RunFolder) -> list[str]:
    """Inputs whose source has completed without writing them, in words."""
    return [
        f"'{value.node}' wrote nothing to its output '{value.port}', which '{name}' takes"
        for name, value in node.inputs.items()
        if isinstance(value, NodeOutput) and not run.node(value.node).output(value.port).exists()
    ]
