"""`penstock rollback`: what an endpoint served before."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.at_azure import IMAGE
from penstock.cli.looking import FORMAT, WORKSPACE
from penstock.cli.serving import ON, WATCH, WORKERS
from penstock.cli.staged import STAGE


@click.command()
@click.argument("endpoint")
@click.option(
    "--if",
    "only_if",
    type=click.Choice(["failing", "unfinished"]),
    help="Only if it fails the smoke test now; or only end a release that was cut off. Else nothing is done.",
)
@IMAGE
@WORKERS
@WATCH
@ON
@STAGE
@WORKSPACE
@FORMAT
def command(
    endpoint: str,
    only_if: str | None,
    image: str | None,
    workers: int,
    watch: float | None,
    where: str,
    stage: str | None,
    workspace: Path | None,
    form: str,
) -> None:
    """Serve again what ENDPOINT served before, without losing a request.

    It is started and tested as for a release. What it replaces is withdrawn in the model registry, whose champion is
    again the version that prod serves, and has to pass staging again. At Azure a release that was cut off is ended
    first, and if its version had traffic, that is all; on this machine every command ends it.
    """
    if where == "azure":
        from penstock.cli.at_azure import print_deployment, releases_at

        print_deployment(endpoint, releases_at(stage).rollback(endpoint, only_if=only_if, image=image), form)
        return
    if image is not None:
        raise click.UsageError("--image is for Azure (--on azure)")
    from penstock.cli.looking import workspace_of
    from penstock.cli.serving import options_of, print_endpoint, serving
    from penstock.store.endpoints import endpoint_folder

    place = workspace_of(workspace)
    with serving(place) as endpoints:
        if only_if is None or (only_if == "failing" and endpoints.is_failing(endpoint)):
            record = endpoints.rollback(endpoint, options_of(workers, watch))
        else:
            record = endpoints.record(endpoint)
        print_endpoint(endpoint_folder(place, endpoint), record, form)
