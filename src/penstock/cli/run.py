"""`penstock run`: a job YAML on this machine."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.errors import PenstockError

if TYPE_CHECKING:  # all of it is imported when a job is run, not for --help
    pass


@click.command()
@click.argument("job", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a value of the job YAML, as `az ml job create --set` does (inputs.seed=1).",
)
@click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    help="The workspace folder.  [default: .penstock beside the project root]",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="cores",
    help="How many nodes may run at once.",
)
@click.option("--only", metavar="NODE", help="Run this node alone, on what the others made in the run --inputs-from.")
@click.option("--inputs-from", metavar="RUN", help="The run whose outputs --only takes: its name, or last.")
@click.option(
    "--env",
    type=click.Choice(["host", "venv"]),
    default="host",
    show_default=True,
    help="What runs the steps: this interpreter, or environments made by uv from the conda files.",
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="URI=PATH",
    help="Where on this machine that lies which a URI, or all that begins with it, names; as [map] in penstock.toml.",
)
@click.option("--no-warm", is_flag=True, help="Start every step as a fresh process, not from one that has imported.")
@click.option("--force", is_flag=True, help="Run every node, also those whose outputs are there from an earlier run.")
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="How many more attempts a node gets that fails or takes longer than its limits say.",
)
@click.option(
    "--spark-master",
    default="local[*]",
    show_default=True,
    metavar="URL",
    help="The Spark cluster that spark steps run on (spark://host:7077); it must see the files of this machine.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to print on stdout at the end.",
)
@click.pass_context
def command(
    context: click.Context,
    job: Path,
    overrides: tuple[str, ...],
    workspace: Path | None,
    jobs: int,
    only: str | None,
    inputs_from: str | None,
    force: bool,
    no_warm: bool,
    maps: tuple[str, ...],
    env: str,
    retries: int,
    spark_master: str,
    form: str,
) -> None:
    """Run the job YAML file JOB on this machine.

    Every node of the pipeline runs as a process of its own, siblings at the same time. Logs, outputs and the summary
    are kept in the workspace folder; metrics and models in the MLflow store there.
    """
    from penstock.cli.definition import InvalidJobError, catalog_of, load_plan
    from penstock.cli.execute import Options, execute
    from penstock.store.files import Disk

    if (only is None) != (inputs_from is None):
        raise click.UsageError("--only NODE and --inputs-from RUN go together")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # before the engine looks after it: as Ctrl-C
    disk = Disk()
    try:
        catalog = catalog_of(job, workspace, maps)
        plan, warnings = load_plan(job, overrides, disk, catalog)
        result, metrics = execute(
            plan,
            warnings,
            disk,
            catalog,
            Options(jobs, retries, force, only, inputs_from, not no_warm, env, spark_master),
        )
    except PenstockError as error:
        if form == "json":
            findings = error.findings if isinstance(error, InvalidJobError) else ()
            told = {"error": str(error), "findings": [finding.to_json() for finding in findings]}
            click.echo(json.dumps(told, indent=2))
        raise
    if form == "json":
        click.echo(json.dumps(result.to_json(), indent=2))
    else:
        from penstock.cli.summary import text_summary

        click.echo(text_summary(result, metrics))
    if result.status != "completed":
        click.echo(f"run it again: {shlex.join([_own_name(), *sys.argv[1:]])}", err=True)
    context.exit(result.exit_code)


def _own_name() -> str:
    """How this command can be called from here."""
    found = shutil.which("penstock")
    if found is not None and Path(found).samefile(sys.argv[0]):
        return "penstock"
    relative = os.path.relpath(sys.argv[0])
    return sys.argv[0] if relative.startswith("..") else relative
