"""`penstock smoke`: does an endpoint do what the contract of its package says?"""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.at_azure import IMAGE
from penstock.cli.looking import FORMAT, WORKSPACE
from penstock.cli.serving import ON
from penstock.cli.staged import STAGE


@click.command()
@click.argument("endpoint")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write the checks as JUnit XML too.")
@IMAGE
@ON
@STAGE
@WORKSPACE
@FORMAT
def command(
    endpoint: str,
    junit: Path | None,
    image: str | None,
    where: str,
    stage: str | None,
    workspace: Path | None,
    form: str,
) -> None:
    """Ask ENDPOINT what the contract of its package has answers to, bad requests too, without a key and with another.

    Exit code 1 if an answer is not as it should be, or takes too long.
    """
    from penstock.cli.serving import print_smoke

    if where == "azure":
        from penstock.cli.at_azure import releases_at

        print_smoke(endpoint, releases_at(stage).smoke(endpoint, image), form, junit)
        return
    if image is not None:
        raise click.UsageError("--image is for Azure (--on azure)")
    from penstock.cli.looking import workspace_of
    from penstock.cli.serving import serving

    with serving(workspace_of(workspace)) as endpoints:
        checks = endpoints.smoke(endpoint)
    print_smoke(endpoint, checks, form, junit)
