"""`penstock runs`: the runs of the workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from penstock.cli.looking import FORMAT, WORKSPACE


@click.command()
@click.option("--limit", type=click.IntRange(min=1), help="Only so many, the last ones.")
@WORKSPACE
@FORMAT
def command(limit: int | None, workspace: Path | None, form: str) -> None:
    """List the runs of the workspace, the last one first, with their job file and how their nodes ended."""
    from penstock.cli.looking import print_json, workspace_of
    from penstock.cli.summary import table
    from penstock.report.run import row
    from penstock.store.history import past_runs

    place = workspace_of(workspace)
    found = [row(run) for run in past_runs(place, limit)]
    if form == "json":
        print_json(found)
        return
    if not found:
        click.echo(f"no run in {place.runs}; penstock run JOB.yml makes one", err=True)
        return
    head = ("RUN", "STATUS", "STARTED (UTC)", "TIME", "NODES", "JOB")
    click.echo("\n".join(table([head, *(_row(each) for each in found)])))


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    from penstock.cli.progress import duration_text
    from penstock.store.project import shown

    nodes = ", ".join(f"{count} {status}" for status, count in run["nodes"].items())
    started = run["started"].replace("T", " ").removesuffix("+00:00")
    job = shown(Path(run["job"])) if run["job"] else ""
    return run["run"], run["status"], started, duration_text(run["duration_s"]), nodes, job
