"""`penstock release`: a package to staging, and what has passed staging to prod."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.looking import FORMAT, WORKSPACE
from penstock.cli.serving import PORT, WATCH, WORKERS

if TYPE_CHECKING:
    from penstock.release.packages import Anchor, Package
    from penstock.store.workspace import Workspace


@click.command()
@click.argument("package", metavar="PACKAGE | RUN")
@click.option("--to", "stage", type=click.Choice(["staging", "prod"]), required=True, help="Where to.")
@click.option("--digest", metavar="sha256:...", help="The package's digest, as you keep it. [default: the registry's]")
@WORKERS
@WATCH
@PORT
@WORKSPACE
@FORMAT
def command(
    package: str,
    stage: str,
    digest: str | None,
    workers: int,
    watch: float,
    port: int | None,
    workspace: Path | None,
    form: str,
) -> None:
    """Serve a package on this machine, as the endpoint of its model and of the stage.

    PACKAGE is a package's folder; a RUN, or `last`, stands for the package that it made. It is compared with the digest
    kept outside it, started beside what is served now, tested, given a share of the traffic, watched, and takes over;
    what it replaces answers what it has taken, and ends. If anything is wrong, what was served goes on, the model
    version is withdrawn, and the exit code is 1. Prod takes only what has passed staging.
    """
    from penstock.cli.looking import print_json, workspace_of
    from penstock.cli.serving import print_endpoint, serving
    from penstock.release.packages import read_package
    from penstock.release.service import Options
    from penstock.store.endpoints import endpoint_folder
    from penstock.store.packages import NoPackage, package_of

    place = workspace_of(workspace)
    folder = package_of(place, package)
    if isinstance(folder, NoPackage):
        click.echo(f"nothing to release: {folder.reason}", err=form == "json")
        if form == "json":
            print_json({"endpoint": None, "reason": folder.reason})
        return
    found = read_package(folder)
    anchor = _anchor(found, digest, place)
    with serving(place) as endpoints:
        record = endpoints.release(found, stage, anchor, Options(workers=workers, watch_s=watch, port=port))
        print_endpoint(endpoint_folder(place, f"{record.name}-{record.stage}"), record, form)


def _anchor(package: Package, digest: str | None, workspace: Workspace) -> Anchor:
    from penstock.errors import RunError
    from penstock.release.packages import anchor_of

    anchor = anchor_of(package, digest, workspace)
    if anchor is None:
        raise RunError(
            f"{package.path} cannot be verified: nothing outside tells its digest. The registry in {workspace.root} "
            f"has none for version {package.version} of {package.model_name}; name another workspace (--workspace DIR) "
            "or the digest (--digest)"
        )
    return anchor
