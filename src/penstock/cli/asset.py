"""`penstock asset`: what a workspace has under names, made of the YAML files that `az ml ... create` takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from penstock.spec.reference import AssetType
    from penstock.store.catalog import WorkspaceCatalog

_WORKSPACE = click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    help="The workspace folder.  [default: .penstock beside the project root]",
)
_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="What stdout gets."
)


@click.group()
def command() -> None:
    """What azureml:NAME:VERSION leads to on this machine: components, data, environments and models."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="The asset's name, if not the file's.")
@click.option("--version", help="The asset's version, if not the file's.")
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Set a value of the YAML.")
@_WORKSPACE
@_FORMAT
def create(
    file: Path, name: str | None, version: str | None, overrides: tuple[str, ...], workspace: Path | None, form: str
) -> None:
    """Create an asset of the YAML file FILE, as `az ml component|data|environment|model create` does.

    The workspace gets a copy of all that the file names (code as `code:` uploads it, conda file and build context,
    data, model files), so that what changes here later changes no version. Without a version the asset gets the next
    number. A version that is there is refused, unless it is the same.
    """
    from penstock.cli.definition import catalog_of
    from penstock.cli.new_asset import read_new_asset
    from penstock.store.assets import described
    from penstock.store.files import Disk

    given = tuple(f"{key}={json.dumps(value)}" for key, value in (("name", name), ("version", version)) if value)
    catalog = catalog_of(file, workspace)
    new = read_new_asset(file, (*given, *overrides), Disk(), catalog)
    asset, is_new = new.create(catalog)
    for message in new.told:
        click.echo(message, err=True)
    if form == "json":
        click.echo(json.dumps({**described(asset), "created": is_new}, indent=2))
        return
    click.echo(f"{asset} {'created' if is_new else 'is there already, and the same'}: {asset.path}")
    if is_new:
        click.echo(f"refer to it as azureml:{asset.name}:{asset.version}", err=True)


@command.command("list")
@click.option("--type", "kind", type=click.Choice(["component", "data", "environment", "model"]), help="Only these.")
@_WORKSPACE
@_FORMAT
def list_(kind: AssetType | None, workspace: Path | None, form: str) -> None:
    """List the assets of the workspace, every version of each, the latest last."""
    from penstock.cli.definition import catalog_of
    from penstock.cli.summary import table
    from penstock.store.assets import described

    catalog: WorkspaceCatalog = catalog_of(Path("penstock.toml"), workspace)
    found = list(catalog.assets.all(kind))
    if form == "json":
        click.echo(json.dumps([described(asset) for asset in found], indent=2))
        return
    if not found:
        click.echo(f"no {kind or 'asset'} in {catalog.assets.root}; penstock asset create FILE.yml makes one", err=True)
        return
    rows: list[tuple[str, ...]] = [
        ("TYPE", "NAME", "VERSION"),
        *((asset.type, asset.name, asset.version) for asset in found),
    ]
    click.echo("\n".join(table(rows)))
