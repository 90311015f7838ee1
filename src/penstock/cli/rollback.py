"""`penstock rollback`: what an endpoint served before."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.looking import FORMAT, WORKSPACE
from penstock.cli.serving import WATCH, WORKERS


@click.command()
@click.argument("endpoint")
@WORKERS
@WATCH
@WORKSPACE
@FORMAT
def command(endpoint: str, workers: int, watch: float, workspace: Path | None, form: str) -> None:
    """Serve again what ENDPOINT served before, without losing a request.

    It is started and tested as for a release. What it replaces is withdrawn in the model registry, whose champion is
    again the version that prod serves, and has to pass staging again.
    """
    from penstock.cli.looking import workspace_of
    from penstock.cli.serving import print_endpoint, serving
    from penstock.release.service import Options
    from penstock.store.endpoints import endpoint_folder

    place = workspace_of(workspace)
    with serving(place) as endpoints:
        record = endpoints.rollback(endpoint, Options(workers=workers, watch_s=watch))
        print_endpoint(endpoint_folder(place, endpoint), record, form)
