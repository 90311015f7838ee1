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
from penstock.run.modes import mounted, needed
from penstock.run.orphans import RUN_VARIABLE
from penstock.run.ports import data_variables, input_text, output_text
from penstock.run.process import EVERYTHING_WRITABLE, Executor, ReadOnly
from penstock.run.reporter import Reporter
from penstock.run.tracker import Tracker
from penstock.spec.expression import Optional, Reference, Template, parse_template
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
        guarded: whether this machine can keep a process from writing to its inputs.
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
    guarded: bool = True

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


def environment(
    node: GraphNode, run: RunFolder, attempt: Attempt, tracking: Mapping[str, str], programs: Path
) -> dict[str, str]:
    """This process's environment, the interpreter's folder first on PATH, and what a job finds on Azure.

    Later ones win: the component's environment_variables, then the node's own. Raises OSError and RunError for data
    that one of them names.
    """
    search = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    azure = {
        RUN_VARIABLE: run.name,
        "AZUREML_RUN_ID": tracking.get("MLFLOW_RUN_ID", job_name(node.name, run)),
        "AZUREML_EXPERIMENT_NAME": tracking.get("MLFLOW_EXPERIMENT_NAME", "local"),
    }
    own = {name: _rendered(text, node, run, attempt) for name, text in own_variables(node).items()}
    ports = data_variables(node, run, attempt) if isinstance(node.component, CommandComponent) else {}
    return {**os.environ, "PATH": search, "PYTHONUNBUFFERED": "1", **tracking, **azure, **ports, **own}


def _rendered(text: str, node: GraphNode, run: RunFolder, attempt: Attempt) -> str:
    """The text of an environment variable; expressions that name no port of the node stay as they are."""
    if "${{" not in text:
        return text
    template = parse_template(text, node.job.place)
    known = {("inputs", name) for name in node.inputs} | {("outputs", name) for name in node.outputs}
    parts = (
        part if isinstance(part, str) or (part.path[0], ".".join(part.path[1:])) in known else str(part)
        for part in template.parts
        if not isinstance(part, Optional)
    )
    return render(Template(text, tuple(parts), template.place), node, run, attempt)


def read_only(step: Step) -> ReadOnly:
    """What the step's process must not write to; nothing if this machine cannot keep it from that."""
    if not step.guarded:
        return EVERYTHING_WRITABLE
    writable = needed(step.run)
    paths = mounted(step.node, step.run)
    for name, path in paths.items():
        if path in writable:
            step.reporter.told(f"'{step.node.name}': nothing keeps it from writing to its input '{name}', {path}")
    return ReadOnly(tuple(dict.fromkeys(path for path in paths.values() if path not in writable)), writable)


def own_variables(node: GraphNode) -> dict[str, str]:
    """The environment variables that the definition sets, with what the pipeline's inputs in them come to."""
    component = coded_of(node.component)
    own = {**(component.environment_variables if component is not None else {}), **node.job.environment_variables}
    return {name: node.settings.get(f"environment_variables.{name}", text) for name, text in own.items()}


def snapshot(node: GraphNode, files: Files) -> list[SnapshotFile]:
    """The files that the node's working folder starts with. Raises OSError."""
    component = coded_of(node.component)
    return list(code_files(component, files)) if component is not None else []
