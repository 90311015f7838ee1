"""`penstock release`: a package to staging, and what has passed staging to prod."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.at_azure import INSTANCE_TYPE, INSTANCES, MIRROR, SHARE
from penstock.cli.looking import FORMAT, WORKSPACE
from penstock.cli.serving import ON, PORT, WATCH, WORKERS
from penstock.cli.staged import STAGE

if TYPE_CHECKING:
    from penstock.release.packages import Anchor, Package
    from penstock.store.workspace import Workspace


@click.command()
@click.argument("package", metavar="PACKAGE | RUN | MODEL:VERSION | IMAGE")
@click.option("--to", type=click.Choice(["staging", "prod"]), required=True, help="Where to.")
@click.option("--digest", metavar="sha256:...", help="The package's digest, as you keep it. [default: the registry's]")
@WORKERS
@WATCH
@PORT
@ON
@STAGE
@SHARE
@MIRROR
@INSTANCE_TYPE
@INSTANCES
@WORKSPACE
@FORMAT
def command(
    package: str,
    to: str,
    digest: str | None,
    workers: int,
    watch: float | None,
    port: int | None,
    where: str,
    stage: str | None,
    share: int,
    mirror: int,
    instance_type: str,
    instances: int,
    workspace: Path | None,
    form: str,
) -> None:
    """Serve a package, as the endpoint of its model: on this machine, or with --on azure at Azure.

    PACKAGE is a package's folder; a RUN, or `last`, stands for the package that it made. It is compared with the digest
    kept outside it, started beside what is served now, tested, given a share of the traffic, watched, and takes over;
    what it replaces answers what it has taken, and ends. If anything is wrong, what was served goes on, the model
    version is withdrawn, and the exit code is 1. Prod takes only what has passed staging.

    At Azure it is also MODEL:VERSION of the workspace's registry, or an IMAGE by its digest
    (REGISTRY.azurecr.io/NAME@sha256:...). The endpoint is the one that `penstock provision` has made; what it replaces
    stays there without traffic, for `penstock rollback`.
    """
    if where == "azure":
        from penstock.azure.deployments import Size
        from penstock.azure.releases import WATCH_S
        from penstock.cli.at_azure import package_at, print_deployment, releases_at

        releases = releases_at(stage, to)
        size = Size(instance_type, instances, share, mirror)
        with package_at(releases, package) as found_at:
            watch_s = WATCH_S if watch is None else watch
            by_name = found_at != Path(package)
            name, deployment = releases.release(found_at, to, size, digest=digest, watch_s=watch_s, by_name=by_name)
        print_deployment(name, deployment, form)
        return
    from penstock.cli.looking import print_json, workspace_of
    from penstock.cli.serving import options_of, print_endpoint, serving
    from penstock.release.packages import read_package
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
        record = endpoints.release(found, to, anchor, options_of(workers, watch, port))
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
