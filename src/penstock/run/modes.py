"""How data comes to a step: `ro_mount`, `download`, `direct`, `eval_mount` and `eval_download`.

Source: Azure ML's "Access data in a job", section "Modes". On this machine a mount is the data itself, which the
process cannot write to (see `readonly`); a download is a copy of its own; direct is an address.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from penstock.graph.model import Data, GraphNode, NodeOutput
from penstock.plan.parallel import input_mode as stated_mode
from penstock.store.workspace import Attempt, RunFolder

RO_MOUNT, DOWNLOAD, DIRECT = "ro_mount", "download", "direct"


def input_mode(node: GraphNode, name: str) -> str:
    """The mode of a data input: what the job says, else the component, else the default."""
    return (stated_mode(node, name) or RO_MOUNT).lower()


def output_mode(node: GraphNode, name: str) -> str:
    """The mode of an output: what the job says, else the component."""
    given = node.job.outputs.get(name)
    ports = node.component.source.mapping("outputs")
    port = ports.mapping(name) if ports is not None else None
    stated = (given.mode if given is not None else None) or (port.text("mode") if port is not None else None)
    return (stated or "rw_mount").lower()


def address(path: str) -> str:
    """What `direct` gives: an address that pandas and others open."""
    return f"file://{path}"


def local_path(value: Data | NodeOutput, run: RunFolder) -> Path:
    """Where the data lies."""
    if isinstance(value, NodeOutput):
        return run.node(value.node).output(value.port)
    return Path(os.path.normpath(value.path.absolute()))


def downloaded(path: Path, attempt: Attempt, name: str) -> Path:
    """A copy that belongs to the attempt. Raises OSError."""
    target = attempt.path / "inputs" / name / path.name
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, copy_function=_writable_copy)
    else:
        _writable_copy(path, target)
    return target


def mounted(node: GraphNode, run: RunFolder) -> dict[str, str]:
    """The real paths of the inputs that are mounted, by name: what a process must not write to."""
    found = {}
    for name, value in node.inputs.items():
        if isinstance(value, Data | NodeOutput) and input_mode(node, name) in (RO_MOUNT, "eval_mount"):
            path = local_path(value, run)
            if path.exists():
                found[name] = os.path.realpath(path)
    return found


def needed(run: RunFolder) -> tuple[str, ...]:
    """Folders that a process writes to whatever its inputs are: the workspace, home, the one for temporary files."""
    folders = (str(run.path.parents[1]), str(Path.home()), tempfile.gettempdir())
    return tuple(dict.fromkeys(os.path.realpath(folder) for folder in folders))


def _writable_copy(source: str | Path, target: str | Path) -> None:
    shutil.copy2(source, target)
    Path(target).chmod(Path(target).stat().st_mode | 0o200)
