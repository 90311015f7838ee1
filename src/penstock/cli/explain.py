"""`penstock explain`: what a run would reuse, what it would run, and why."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("job", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Set a value of the YAML, as for run.")
@click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    help="The workspace folder.  [default: .penstock beside the project root]",
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="URI=PATH",
    help="Where on this machine that lies which a URI, or all that begins with it, names; as [map] in penstock.toml.",
)
@click.option(
    "--env", type=click.Choice(["host", "venv"]), default="host", show_default=True, help="As the run would be started."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    job: Path, overrides: tuple[str, ...], workspace: Path | None, maps: tuple[str, ...], env: str, form: str
) -> None:
    """Tell what `penstock run` would do with each node of the job YAML file JOB, and run nothing.

    Says which nodes would be reused, which would run and what of them has changed since they last did. What stands
    below a node that would run is unknown until that has run: equal outputs would be reused.
    """
    from penstock.cli.definition import catalog_of, load_plan
    from penstock.cli.environments import Interpreters, virtual_environments
    from penstock.run.explain import Explainer
    from penstock.store.cache import Cache
    from penstock.store.digests import Digests
    from penstock.store.files import Disk
    from penstock.store.host import host_interpreter
    from penstock.store.runs import previous_key

    disk, catalog = Disk(), catalog_of(job, workspace, maps)
    plan, warnings = load_plan(job, overrides, disk, catalog)
    for warning in warnings:
        click.echo(str(warning), err=True)
    place = catalog.workspace
    digests = Digests(place.cache / "index.db")
    interpreters = virtual_environments(plan, disk, place) if env == "venv" else Interpreters(host_interpreter())
    explainer = Explainer(
        disk,
        digests,
        Cache(place, digests),
        interpreters.of,
        lambda node: previous_key(place.runs, plan.graph.job.name, node),
    )
    explained = explainer.explain(plan)
    if place.root.exists():
        digests.close()
    if form == "json":
        click.echo(json.dumps({"nodes": [node.to_json() for node in explained]}, indent=2))
        return
    width = max((len(node.name) for node in explained), default=0)
    for node in explained:
        click.echo(f"{node.name:{width}}  {node.verdict:7}  {node.reason}")
