"""Puts an engine together for a plan and runs it."""

from __future__ import annotations

import os
from collections.abc import Mapping

import click
from msgspec import Struct

from penstock.cli.environments import in_virtual_environments, on_this_interpreter
from penstock.cli.progress import reporting
from penstock.graph.model import Data
from penstock.plan import Plan, only
from penstock.plan.elsewhere import elsewhere
from penstock.plan.parallel import parallel_elsewhere
from penstock.plan.spark import spark_elsewhere
from penstock.run.keeper import Keeper
from penstock.run.orphans import adopting
from penstock.run.outputs import Deliveries
from penstock.run.process import LocalProcesses, find_bash
from penstock.run.readonly import is_possible
from penstock.run.result import RunResult
from penstock.run.reuse import Reuse
from penstock.run.runner import Context, Runner
from penstock.run.warm import Imports, WarmProcesses
from penstock.spec.finding import Finding
from penstock.store.cache import Cache
from penstock.store.catalog import WorkspaceCatalog
from penstock.store.digests import Digests
from penstock.store.files import Disk
from penstock.store.runs import find_run, held, settle
from penstock.store.tracking import Tracking, mlflow_version
from penstock.store.workspace import RunFolder, Workspace


class Options(Struct, frozen=True):
    """What `penstock run` is told by its options."""

    jobs: int
    retries: int
    force: bool
    only: str | None
    inputs_from: str | None
    warm: bool
    env: str
    spark_master: str


def execute(
    plan: Plan, warnings: tuple[Finding, ...], disk: Disk, catalog: WorkspaceCatalog, options: Options
) -> tuple[RunResult, Mapping[str, Mapping[str, float]]]:
    """Run a plan in the workspace of `catalog`; returns its result and the metrics that its nodes logged.

    Raises RunError for what keeps a run from being begun.
    """
    bash, workspace = find_bash(), catalog.workspace
    source = None
    if options.only is not None and options.inputs_from is not None:
        plan = only(plan, options.only)
        source = find_run(workspace.runs, options.inputs_from, plan.graph.job.name)
        source.require_outputs(planned.name for planned in plan.nodes if planned.name != options.only)
    unguarded = not is_possible()
    messages: list[str] = [*map(str, warnings), *plan.notes, *elsewhere(plan.graph)]
    if unguarded:
        messages.append(
            "nothing keeps a step from writing to its inputs on this machine; one that does fails when it has ended"
        )
    messages += parallel_elsewhere(plan.graph, os.cpu_count() or 1)
    if options.env == "venv":
        interpreters = in_virtual_environments(plan, disk, workspace, lambda message: click.echo(message, err=True))
    else:
        interpreters = on_this_interpreter(plan, disk, messages.append)
    spark = interpreters.spark(plan)
    if spark is not None:
        messages += spark_elsewhere(plan.graph, options.spark_master, spark.version)
    folder = workspace.new_run(plan.graph.job.name)
    tracking = _Tracked(workspace, plan, folder)
    digests, imports = Digests(workspace.cache / "index.db"), Imports(disk)
    with held(folder) as lock, adopting(folder.name), Keeper(folder.name, tracking.killed, [lock]) as keeper:
        variables = tracking.begin()
        if not variables:
            messages.append("MLflow is not installed here: steps find no tracking store (pip install mlflow)")
        executor: LocalProcesses | WarmProcesses = LocalProcesses(bash, keeper)
        if options.warm:
            executor = WarmProcesses(executor, keeper, lambda: _imports(plan, imports))
        with reporting() as reporter:
            for message in messages:
                reporter.told(message)
            folder.write_notes(messages)
            folder.write_job(os.path.abspath(plan.graph.job.place.file), _data(plan))  # noqa: PTH100 - keeps links
            delivered = Deliveries(plan.graph, folder, catalog, catalog.assets, reporter.told)
            context = Context(
                folder=folder,
                files=disk,
                executor=executor,
                reporter=reporter,
                tracking=variables,
                jobs=options.jobs,
                reuse=Reuse(
                    folder=folder,
                    files=disk,
                    digests=digests,
                    cache=Cache(workspace, digests),
                    interpreter=interpreters.of,
                    force=options.force or plan.graph.job.settings.force_rerun,
                    only=options.only,
                    inputs_from=source,
                ),
                imports=imports.of,
                programs=interpreters.programs,
                deliver=lambda node: delivered.deliver(node) if options.only in (None, node) else None,
                tracker=tracking.tracker,
                retries=options.retries,
                spark_master=options.spark_master,
                guarded=not unguarded,
            )
            result = Runner(plan, context).run()
        executor.close()
        metrics = tracking.ended(result)
    digests.close()
    return result, metrics


def _imports(plan: Plan, imports: Imports) -> list[tuple[str, ...]]:
    """What each process of the plan imports; a sweep is several."""
    nodes = [planned.node for planned in plan.nodes]
    return [imports.of(node) for node in nodes for _ in range(2 if node.job.type == "sweep" else 1)]


def _data(plan: Plan) -> dict[str, dict[str, str]]:
    """Per node and input where the data from outside the pipeline lies: a path of this machine or a URI."""
    found = {
        planned.name: {
            name: os.path.abspath(value.path) if value.is_local else value.uri  # noqa: PTH100 - keeps links
            for name, value in planned.node.inputs.items()
            if isinstance(value, Data)
        }
        for planned in plan.nodes
    }
    return {name: inputs for name, inputs in found.items() if inputs}


class _Tracked:
    """The MLflow runs of a pipeline run; nothing of it if MLflow is not installed."""

    def __init__(self, workspace: Workspace, plan: Plan, folder: RunFolder) -> None:
        job = plan.graph.job
        self._folder = folder
        self.tracker: Tracking | None = None
        if mlflow_version() is not None:
            nodes = (planned.name for planned in plan.nodes)
            self.tracker = Tracking(workspace, job.experiment_name or job.name, folder.name, nodes)

    def begin(self) -> dict[str, Mapping[str, str]]:
        """Make the runs; returns each node's variables, none without MLflow."""
        begun = self.tracker.begin() if self.tracker is not None else {}
        return {node: run.variables for node, run in begun.items()}

    def killed(self) -> None:
        """The engine was: write what is known of the run."""
        summary = settle(self._folder)
        if self.tracker is not None:
            self.tracker.end(summary["status"], {node["name"]: node["status"] for node in summary["nodes"]})

    def ended(self, result: RunResult) -> dict[str, dict[str, float]]:
        """Close the runs; returns the metrics by node."""
        if self.tracker is None:
            return {}
        self.tracker.end(result.status, {node.name: node.status for node in result.nodes})
        return self.tracker.metrics()
