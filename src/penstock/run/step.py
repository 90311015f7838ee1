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
from penstock.plan.deliveries import DEFAULT_DATASTORE, expanded
from penstock.run.evaluated import evaluated
from penstock.run.modes import protected
from penstock.run.orphans import RUN_VARIABLE
from penstock.run.ports import input_text, output_text
from penstock.run.process import Executor
from penstock.run.reporter import Reporter
from penstock.run.tracker import Tracker
from penstock.spec.expression import Reference, Template
from penstock.spec.files import Files, SnapshotFile
from penstock.spec.model import CommandComponent
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
        jobs: how many processes may run at once.
        tracker: makes the MLflow runs of what the node itself consists of; None without MLflow.
        spark_master: the URL of the Spark cluster that spark steps run on.
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
    jobs: int
    tracker: Tracker | None
    spark_master: str = "local[*]"

    @property
    def attempt(self) -> Attempt:
        return self.run.node(self.node.name).attempt(self.number)

    @property
    def shell_attempt(self) -> Attempt:
        return self.shell.node(self.node.name).attempt(self.number)


def render(template: Template, node: GraphNode, run: RunFolder, attempt: Attempt) -> str:
    """A text of the node with its expressions replaced; `run` and `attempt` by paths that need no quotes."""

    def value_of(reference: Reference) -> str | None:
        if len(reference.path) == 1:
            return str(reference)
        kind, name = reference.path[0], ".".join(reference.path[1:])
        if kind == "outputs":
            return output_text(node, name, attempt)
        return evaluated(node, name, run, attempt) or input_text(node, name, run, attempt)  # also search_space.<name>

    return of_the_run(template.render(value_of), node, run)


def of_the_run(text: str, node: GraphNode, run: RunFolder) -> str:
    """A text with `${{name}}` replaced by the name of the node's own job, as on Azure."""
    return expanded(text, {"name": job_name(node.name, run), "default_datastore": DEFAULT_DATASTORE})


def job_name(node: str, run: RunFolder) -> str:
    return f"{run.name}.{node}"


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
        "AZUREML_RUN_ID": tracking.get("MLFLOW_RUN_ID", job_name(node.name, run)),
        "AZUREML_EXPERIMENT_NAME": tracking.get("MLFLOW_EXPERIMENT_NAME", "local"),
    }
    return {**os.environ, "PATH": search, "PYTHONUNBUFFERED": "1", **tracking, **azure, **own_variables(node)}


def read_only(step: Step) -> tuple[str, ...]:
    """The paths that the step's process must not write to."""
    return protected(step.node, step.run, step.run.path.parents[1])


def own_variables(node: GraphNode) -> dict[str, str]:
    """The environment variables that the definition sets."""
    component = coded_of(node.component)
    return {**(component.environment_variables if component is not None else {}), **node.job.environment_variables}


def snapshot(node: GraphNode, files: Files) -> list[SnapshotFile]:
    """The files that the node's working folder starts with. Raises OSError."""
    component = coded_of(node.component)
    return list(code_files(component, files)) if component is not None else []
