"""Puts an engine together for a plan and runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from penstock.cli.environments import in_virtual_environments, on_this_interpreter
from penstock.cli.progress import reporting
from penstock.plan import Plan, only
from penstock.plan.elsewhere import elsewhere
from penstock.run.keeper import Keeper
from penstock.run.orphans import adopting
from penstock.run.process import LocalProcesses, find_bash
from penstock.run.result import RunResult
from penstock.run.reuse import Reuse
from penstock.run.runner import Context, Runner
from penstock.run.sweep import require_for_sweeps
from penstock.run.warm import Imports, WarmProcesses
from penstock.spec.finding import Finding
from penstock.store.cache import Cache
from penstock.store.digests import Digests
from penstock.store.files import Disk
from penstock.store.runs import find_run, held, settle
from penstock.store.tracking import Tracking, mlflow_version
from penstock.store.workspace import RunFolder, Workspace


@dataclass(frozen=True)
class Options:
    """What `penstock run` is told by its options."""

    jobs: int
    retries: int
    force: bool
    only: str | None
    inputs_from: str | None
    warm: bool
    env: str


def execute(
    plan: Plan, warnings: tuple[Finding, ...], disk: Disk, root: Path, options: Options
) -> tuple[RunResult, Mapping[str, Mapping[str, float]]]:
    """Run a plan in the workspace `root`; returns its result and the metrics that its nodes logged.

    Raises RunError for what keeps a run from being begun.
    """
    bash, workspace = find_bash(), Workspace(root)
    require_for_sweeps(plan)
    source = None
    if options.only is not None and options.inputs_from is not None:
        plan = only(plan, options.only)
        source = find_run(workspace.runs, options.inputs_from, plan.graph.job.name)
        source.require_outputs(planned.name for planned in plan.nodes if planned.name != options.only)
    messages: list[str] = [*map(str, warnings), *elsewhere(plan.graph)]
    if options.env == "venv":
        interpreters = in_virtual_environments(plan, disk, workspace, lambda message: click.echo(message, err=True))
    else:
        interpreters = on_this_interpreter(plan, disk, messages.append)
    folder = workspace.new_run(plan.graph.job.name)
    tracking = _Tracked(workspace, plan, folder)
    if not tracking.variables:
        messages.append("MLflow is not installed here: steps find no tracking store (pip install mlflow)")
    digests, imports = Digests(workspace.cache / "index.db"), Imports(disk)
    with held(folder) as lock, adopting(folder.name), Keeper(folder.name, tracking.killed, [lock]) as keeper:
        executor: LocalProcesses | WarmProcesses = LocalProcesses(bash, keeper)
        if options.warm:
            executor = WarmProcesses(executor, keeper, lambda: [imports.of(planned.node) for planned in plan.nodes])
        with reporting() as reporter:
            for message in messages:
                reporter.told(message)
            context = Context(
                folder=folder,
                files=disk,
                executor=executor,
                reporter=reporter,
                tracking=tracking.variables,
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
                retries=options.retries,
                store=tracking.store,
            )
            result = Runner(plan, context).run()
        executor.close()
    digests.close()
    return result, tracking.ended(result)


class _Tracked:
    """The MLflow runs of a pipeline run; nothing of it if MLflow is not installed."""

    def __init__(self, workspace: Workspace, plan: Plan, folder: RunFolder) -> None:
        job = plan.graph.job
        self._folder = folder
        self.store: Tracking | None = None
        self.variables: Mapping[str, Mapping[str, str]] = {}
        if mlflow_version() is not None:
            self.store = Tracking(workspace, job.experiment_name or job.name, folder.name)
            begun = self.store.begin(planned.name for planned in plan.nodes)
            self.variables = {node: run.variables for node, run in begun.items()}

    def killed(self) -> None:
        """The engine was: write what is known of the run."""
        summary = settle(self._folder)
        if self.store is not None:
            self.store.end(summary["status"], {node["name"]: node["status"] for node in summary["nodes"]})

    def ended(self, result: RunResult) -> dict[str, dict[str, float]]:
        """Close the runs; returns the metrics by node."""
        if self.store is None:
            return {}
        self.store.end(result.status, {node.name: node.status for node in result.nodes})
        return self.store.metrics()
