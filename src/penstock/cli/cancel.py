"""`penstock cancel`: end jobs at Azure."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.looking import FORMAT, print_json
from penstock.cli.staged import STAGE, TAGS


@click.command()
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@TAGS
@STAGE
@FORMAT
def command(jobs: tuple[str, ...], tags: tuple[str, ...], stage: str | None, form: str) -> None:
    """Cancel jobs in the workspace of a stage, by their names or by their tags, and wait until they are over.

    A build that is cancelled ends its job by `penstock cancel --tag build=NUMBER`, whatever became of the process that
    had submitted it. That there is nothing to cancel is no fault.
    """
    from penstock.azure import jobs as azure_jobs
    from penstock.azure.client import connect
    from penstock.cli.staged import stage_of, tags_of

    wanted = tags_of(tags)
    if not jobs and not wanted:
        raise click.UsageError("name a job, or tags (--tag KEY=VALUE)")
    client = connect(stage_of(Path("penstock.toml"), stage))
    names = [*jobs, *(azure_jobs.tagged(client, wanted) if wanted else ())]
    ended = {name: azure_jobs.cancel(client, name) for name in names}
    if form == "json":
        print_json(ended)
        return
    for name, status in ended.items():
        click.echo(f"job {name}: {status}")
    if not ended:
        click.echo("no such job goes on")
