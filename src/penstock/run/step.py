"""One attempt to run a node, and what its process gets: command line, environment variables, paths of ports."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import RunError
from penstock.graph.code import code_files
from penstock.graph.coded import coded_of
from penstock.graph.model import GraphNode
from penstock.run.orphans import RUN_VARIABLE
from penstock.run.ports import input_text
from penstock.run.process import Executor
from penstock.run.reporter import Reporter
from penstock.spec.expression import Reference, Template
from penstock.spec.files import Files, SnapshotFile
from penstock.spec.model import CommandComponent
from penstock.store.tracking import Tracking
from penstock.store.workspace import Attempt, RunFolder

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
        store: where a node makes MLflow runs below its own; None without MLflow.
        jobs: how many processes it may have at the same time.
        grace_s: how long a process that has been told to end may take.
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
    store: Tracking | None = None
    jobs: int = 1
    grace_s: float = 5.0

    @property
    def attempt(self) -> Attempt:
        return self.run.node(self.node.name).attempt(self.number)

    @property
    def shell_attempt(self) -> Attempt:
        return self.shell.node(self.node.name).attempt(self.number)


def render(template: Template, node: GraphNode, run: RunFolder, attempt: Attempt) -> str:
    """A text of the node with its expressions replaced; `run` and `attempt` by paths that need no quotes."""

    def value_of(reference: Reference) -> str | None:
        kind, name = reference.path[0], ".".join(reference.path[1:])
        if kind == "outputs":
            return str(attempt.output(node.outputs[name]))
        return input_text(name, node.inputs[name], run, attempt)

    return template.render(value_of)


def command_line(node: GraphNode, run: RunFolder, attempt: Attempt) -> str:
    """The component's command with its expressions replaced."""
    command = node.component.command if isinstance(node.component, CommandComponent) else None
    if command is None:
        raise RunError(f"{node.name} has no command")
    return render(command, node, run, attempt)


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
    component = coded_of(node.component)
    return {**(component.environment_variables if component is not None else {}), **node.job.environment_variables}


def snapshot(node: GraphNode, files: Files) -> list[SnapshotFile]:
    """The files that the node's working folder starts with. Raises OSError."""
    component = coded_of(node.component)
    return list(code_files(component, files)) if component is not None else []
