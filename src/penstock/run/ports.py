"""What a node's ports are to its process: the text of an expression, the path of the data."""

from __future__ import annotations

from pathlib import Path

from penstock.graph.model import Data, GraphNode, Literal, NodeOutput
from penstock.run.modes import (
    DIRECT,
    DOWNLOAD,
    RO_MOUNT,
    address,
    downloaded,
    input_mode,
    local_path,
    output_mode,
)
from penstock.spec.model import LITERAL_TYPES
from penstock.store.workspace import Attempt, RunFolder, shell_safe_data


def input_text(node: GraphNode, name: str, run: RunFolder, attempt: Attempt) -> str | None:
    """What `${{inputs.name}}` becomes: the value's text, or where the data is in its mode; None if it is not set.

    Raises OSError and RunError if the data cannot be brought to the step.
    """
    value = node.inputs[name]
    if isinstance(value, Literal):
        return value.text
    if not isinstance(value, Data | NodeOutput):
        return None
    path = local_path(value, run)
    if value.type in LITERAL_TYPES:
        return written_value(path)
    mode = input_mode(node, name)
    if mode == DIRECT:
        return address(shell_safe_data(str(path), attempt, name))
    if mode == DOWNLOAD:
        path = downloaded(path, attempt, name)
    return shell_safe_data(str(path), attempt, name)


def output_text(node: GraphNode, name: str, attempt: Attempt) -> str:
    """What `${{outputs.name}}` becomes: where the step writes."""
    path = str(attempt.output(node.outputs[name]))
    return address(path) if output_mode(node, name) == DIRECT else path


def data_variables(node: GraphNode, run: RunFolder, attempt: Attempt) -> dict[str, str]:
    """The variables in which Azure's runtime gives a command the paths of its data too. Raises OSError."""
    found = {}
    for name, value in node.inputs.items():
        is_data = isinstance(value, Data | NodeOutput) and value.type not in LITERAL_TYPES
        if is_data and input_mode(node, name) in (RO_MOUNT, DOWNLOAD):
            found[f"AZURE_ML_INPUT_{name}"] = input_text(node, name, run, attempt) or ""
    for name, port in node.outputs.items():
        if port.type not in LITERAL_TYPES:
            found[f"AZURE_ML_OUTPUT_{name}"] = output_text(node, name, attempt)
    return found


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
