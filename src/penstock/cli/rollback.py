"""`penstock rollback`: what an endpoint served before."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.looking import FORMAT, WORKSPACE
from penstock.cli.serving import ON, WATCH, WORKERS
from penstock.cli.staged import STAGE


@click.command()
@click.argument("endpoint")
@WORKERS
@WATCH
@ON
@STAGE
@WORKSPACE
@FORMAT
def command(
    endpoint: str,
    workers: int,
    watch: float | None,
    where: str,
    stage: str | None,
    workspace: Path | None,
    form: str,
) -> None:
    """Serve again what ENDPOINT served before, without losing a request.

    It is started and tested as for a release. What it replaces is withdrawn in the model registry, whose champion is
    again the version that prod serves, and has to pass staging again.
    """
    if where == "azure":
        from penstock.cli.at_azure import print_deployment, releases_at

        print_deployment(endpoint, releases_at(stage).rollback(endpoint), form)
        return
    from penstock.cli.looking import workspace_of
    from penstock.cli.serving import options_of, print_endpoint, serving
    from penstock.store.endpoints import endpoint_folder

    place = workspace_of(workspace)
    with serving(place) as endpoints:
        record = endpoints.rollback(endpoint, options_of(workers, watch))
        print_endpoint(endpoint_folder(place, endpoint), record, form)
