"""`penstock endpoints`: what is served on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.looking import FORMAT, WORKSPACE
from penstock.cli.serving import PORT, WATCH, WORKERS


@click.group(invoke_without_command=True)
@WORKSPACE
@FORMAT
@click.pass_context
def command(context: click.Context, workspace: Path | None, form: str) -> None:
    """List the endpoints: which version of which model, since when, from which run, and where."""
    if context.invoked_subcommand is not None:
        return
    from penstock.cli.looking import print_json, workspace_of
    from penstock.cli.serving import row, serving
    from penstock.cli.summary import table
    from penstock.store.endpoints import endpoint_folders

    place = workspace_of(workspace)
    with serving(place) as endpoints:
        endpoints.settle()
    found = [row(folder, record) for folder in endpoint_folders(place) if (record := folder.read()) is not None]
    if form == "json":
        print_json(found)
        return
    if not found:
        click.echo(f"no endpoint in {place.endpoints}; penstock release PACKAGE --to staging makes one", err=True)
        return
    columns = ("endpoint", "status", "model", "version", "since", "run", "url")
    head = ("ENDPOINT", "STATUS", "MODEL", "VERSION", "SINCE (UTC)", "RUN", "ADDRESS")
    click.echo("\n".join(table([head, *(tuple(_cell(each[name]) for name in columns) for each in found)])))


@command.command()
@click.argument("names", nargs=-1, metavar="[ENDPOINT]...")
@click.option("--all", "everything", is_flag=True, help="All endpoints of the workspace.")
@WORKSPACE
def stop(names: tuple[str, ...], everything: bool, workspace: Path | None) -> None:
    """End what serves ENDPOINT, once it has answered what it has taken. The address and the keys stay its own."""
    from penstock.cli.looking import workspace_of
    from penstock.cli.serving import serving
    from penstock.errors import DefinitionError
    from penstock.store.endpoints import endpoint_folders

    place = workspace_of(workspace)
    if bool(names) == everything:
        raise DefinitionError("name the endpoints to stop, or --all of them")
    with serving(place) as endpoints:
        for name in names or [folder.name for folder in endpoint_folders(place)]:
            endpoints.stop(name)
            click.echo(f"{name}: stopped")


@command.command()
@click.argument("endpoint")
@WORKERS
@WATCH
@PORT
@WORKSPACE
@FORMAT
def start(
    endpoint: str, workers: int, watch: float | None, port: int | None, workspace: Path | None, form: str
) -> None:
    """Serve again what ENDPOINT served when it was stopped, or its server was lost."""
    from penstock.cli.looking import workspace_of
    from penstock.cli.serving import options_of, print_endpoint, serving
    from penstock.store.endpoints import endpoint_folder

    place = workspace_of(workspace)
    with serving(place) as endpoints:
        record = endpoints.start(endpoint, options_of(workers, watch, port))
        print_endpoint(endpoint_folder(place, endpoint), record, form)


def _cell(value: object) -> str:
    return "" if value is None else str(value).removesuffix("+00:00").replace("T", " ", 1)
