"""`penstock provision`: the workspace of a stage and what belongs to it, from the files in .azure/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.looking import FORMAT, print_json
from penstock.cli.staged import STAGE
from penstock.errors import DefinitionError, RunError

if TYPE_CHECKING:
    from penstock.azure.provision import Step


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@STAGE
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@click.option(
    "--remove", is_flag=True, help="Take away what this command has made, and only that; what other stages use stays."
)
@click.option("--yes", is_flag=True, help="With --remove: do not ask.")
@FORMAT
def command(
    files: tuple[Path, ...],
    stage: str | None,
    dry_run: bool,
    remove: bool,
    yes: bool,
    form: str,
) -> None:
    """Create what a stage needs at Azure, or make it as declared; what is there as declared is left alone.

    By default the resource group and container registry that penstock.toml names, .azure/workspace.yml, of
    .azure/compute/ what the stage's jobs run on, and .azure/endpoints/STAGE.yml and STAGE.*.yml. With FILEs these, in
    that order, and the workspace must be there. To call it again after a failure goes on where it ended.
    """
    from penstock.azure import provision
    from penstock.azure.arm import Arm
    from penstock.azure.client import connect
    from penstock.azure.declared import declared_for, read_declared
    from penstock.cli.staged import stage_of
    from penstock.store.project import project_of
    from penstock.store.stages import stages_beside

    start = files[0] if files else Path("penstock.toml")
    chosen = stage_of(start, stage)
    declared = [read_declared(file) for file in files or declared_for(project_of(start), chosen)]
    if not chosen.location and not files:
        raise DefinitionError(f"{chosen.place}: the stage '{chosen.name}' lacks location, the region to create it in")
    others = stages_beside(chosen) if remove else []
    client, arm = connect(chosen), Arm()
    if files:
        resources = [provision.of_workspace(client, arm, chosen, each, others) for each in declared]
    else:
        resources = provision.resources_of(client, arm, chosen, declared, others)
    steps = provision.removal(resources) if remove else provision.plan(resources)
    if remove and not dry_run and not yes and any(step.action == "remove" for step in steps):
        _confirm(steps)
    if not dry_run:
        steps = provision.carry_out(steps, _tell)
    not_ours = [step for step in steps if step.action == "kept" and not remove]
    if form == "json":
        rows = [{"resource": step.resource.label, "action": step.action, "why": step.why} for step in steps]
        print_json({"stage": chosen.name, "dry_run": dry_run, "resources": rows})
    else:
        if dry_run:
            for step in steps:
                click.echo(_line(step))
        changes = sum(step.action in {"create", "update", "remove"} for step in steps)
        click.echo(f"{changes} of {len(steps)} {'would be' if dry_run else 'were'} changed")
    if not_ours:
        listed = ", ".join(step.resource.label for step in not_ours)
        raise RunError(f"not as declared, and not made by penstock, so left alone: {listed}; change the file, or it")


def _tell(step: Step) -> None:
    click.echo(_line(step), err=True)


def _line(step: Step) -> str:
    return f"{step.resource.label}: {step.action}{f' ({step.why})' if step.why else ''}"


def _confirm(steps: list[Step]) -> None:
    for step in steps:
        click.echo(_line(step), err=True)
    click.confirm("Remove them, with all that is in them?", abort=True, err=True)
