"""Releases at Azure, for the verbs that have `--on azure`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.looking import print_json

if TYPE_CHECKING:
    from penstock.azure.releases import Releases
    from penstock.store.endpoints import Deployment

SHARE = click.option(
    "--share",
    type=click.IntRange(0, 99),
    default=10,
    show_default=True,
    metavar="PERCENT",
    help="At Azure: how much of the traffic it gets while it is watched.",
)
MIRROR = click.option(
    "--mirror",
    type=click.IntRange(0, 50),
    default=0,
    metavar="PERCENT",
    help="At Azure: of how much of the traffic it gets a copy in place of a share; its answers reach nobody.",
)
INSTANCE_TYPE = click.option(
    "--instance-type", default="Standard_DS3_v2", show_default=True, help="At Azure: the machine of a deployment."
)
IMAGE = click.option(
    "--image",
    metavar="REGISTRY.azurecr.io/NAME@sha256:...",
    help="At Azure: only if the version in this image is served.",
)
INSTANCES = click.option(
    "--instances", type=click.IntRange(min=1), default=1, show_default=True, help="At Azure: how many of them."
)


def releases_at(stage: str | None, to: str | None = None) -> Releases:
    """The endpoints of a stage's workspace, by default that of the stage `to`.

    Staging's and prod's are those of the stages with these names; of a stage of another name, its own. SIGTERM ends the
    verb as Ctrl-C does.
    """
    from penstock.azure.client import connect
    from penstock.azure.releases import STAGES, Place, Releases
    from penstock.cli.serving import told
    from penstock.cli.staged import stage_of
    from penstock.store.project import project_of
    from penstock.store.stages import stage_names

    here = Path("penstock.toml")
    chosen = stage_of(here, stage or to)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    client, places = connect(chosen), {}
    known = stage_names(project_of(here)) if chosen.name in STAGES else []
    for name in STAGES:
        other = stage_of(here, name) if name in known else chosen
        same = other.workspace_id == chosen.workspace_id
        places[name] = Place(client if same else connect(other), other.endpoint_prefix)
    return Releases(client, chosen, told, places)


@contextmanager
def package_at(releases: Releases, what: str) -> Iterator[Path]:
    """The folder of what is to be released: a folder, an image by its digest, or MODEL:VERSION in the registry."""
    if Path(what).is_dir():
        yield Path(what)
        return
    if "/" in what:
        name, version = releases.models.of_image(what, arrives=True)
    else:
        name, _, version = what.partition(":")
        if not version:
            from penstock.errors import DefinitionError

            raise DefinitionError(f"{what} is no folder; name MODEL:VERSION, or an image by its digest")
    with releases.models.package(name, version) as folder:
        yield folder


def print_deployment(endpoint: str, deployment: Deployment | None, form: str) -> None:
    """What has an endpoint's traffic now, if anything."""
    told = {
        "endpoint": endpoint,
        "deployment": deployment.id if deployment is not None else None,
        "model": deployment.model if deployment is not None else None,
        "version": deployment.version if deployment is not None else None,
        "digest": deployment.digest if deployment is not None else None,
    }
    if form == "json":
        print_json(told)
    elif deployment is None:
        click.echo(f"{endpoint}: serves nothing")
    else:
        click.echo(f"{endpoint}: version {deployment.version} of {deployment.model} has the traffic ({deployment.id})")
