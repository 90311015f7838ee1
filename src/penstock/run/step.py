"""One attempt to run a node, and what its process gets: command line, environment variables, paths of ports."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import RunError
from penstock.graph.code import code_files
from penstock.graph.model import Data, GraphNode, Literal, NodeOutput, Value
from penstock.run.orphans import RUN_VARIABLE
from penstock.run.process import Executor
from penstock.run.reporter import Reporter
from penstock.spec.expression import Reference
from penstock.spec.files import Files, SnapshotFile
from penstock.spec.model import CommandComponent
from penstock.store.workspace import Attempt, RunFolder, shell_safe_data

THIS_INTERPRETER = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt to run a node.

    Attributes:
        run: the run's folder; `shell` is the same by a path that needs no quotes.
        number: of the attempt, from 1.
        programs: the folder of the interpreter and its programs, first on PATH.
        imports: the modules of large libraries that a node's code imports.
        tracking: the variables by which the node finds its MLflow run.
    """

    node: GraphNode
    run: RunFolder
    shell: RunFolder
    number: int
    tracking: Mapping[str, str]
    files: Files
    executor: Executor
    imports: Callable[[GraphNode], tuple[str, ...]]
    programs: Path
    reporter: Reporter

    @property
    def attempt(self) -> Attempt:
        return self.run.node(self.node.name).attempt(self.number)

    @property
    def shell_attempt(self) -> Attempt:
        return self.shell.node(self.node.name).attempt(self.number)


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


def command_line(node: GraphNode, run: RunFolder, attempt: Attempt) -> str:
    """The component's command with its expressions replaced; `run` and `attempt` by paths that need no quotes."""

    def value_of(reference: Reference) -> str | None:
        kind, name = reference.path[0], ".".join(reference.path[1:])
        if kind == "outputs":
            return str(attempt.output(node.outputs[name]))
        return input_text(name, node.inputs[name], run, attempt)

    command = _component(node).command
    if command is None:
        raise RunError(f"{node.name} has no command")
    return command.render(value_of)


def environment(node: GraphNode, run: RunFolder, tracking: Mapping[str, str], programs: Path) -> dict[str, str]:
    """This process's environment, the interpreter's folder first on PATH, and what a job finds on Azure.

    Later ones win: the component's environment_variables, then the node's own.
    """
    search = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    azure = {
        RUN_VARIABLE: run.name,
        "AZUREML_RUN_ID": tracking.get("MLFLOW_RUN_ID", f"{run.name}.{node.name}"),
        "AZUREML_EXPERIMENT_NAME": tracking.get("MLFLOW_EXPERIMENT_NAME", "local"),
    }
    return {**os.environ, "PATH": search, "PYTHONUNBUFFERED": "1", **tracking, **azure, **own_variables(node)}


def own_variables(node: GraphNode) -> dict[str, str]:
    """The environment variables that the definition sets."""
    return {**_component(node).environment_variables, **node.job.environment_variables}


def snapshot(node: GraphNode, files: Files) -> list[SnapshotFile]:
    """The files that the node's working folder starts with. Raises OSError."""
    return list(code_files(_component(node), files))


def _component(node: GraphNode) -> CommandComponent:
    """A plan holds command nodes only; `plan.refusals` tells the others before a run."""
    if not isinstance(node.component, CommandComponent):
        raise RunError(f"{node.name} is a {node.job.type} node, which does not run on this machine")
    return node.component
