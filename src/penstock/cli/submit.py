"""`penstock submit`: a job YAML in a workspace at Azure, as `az ml job create -f`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.looking import FORMAT, print_json
from penstock.cli.staged import STAGE, TAGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.ai.ml import MLClient

    from penstock.azure.jobs import NodeState

_EXIT_CODES = {"submitted": 0, "Completed": 0, "Canceled": 130, "CancelRequested": 130}


@click.command()
@click.argument("job", type=click.Path(path_type=Path))
@STAGE
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a value of the job YAML, as `az ml job create --set` does; counts before what the stage sets.",
)
@click.option("--name", metavar="NAME", help="The job's name; to submit the same job again is to change nothing.")
@TAGS
@click.option("--wait", is_flag=True, help="Wait until it is over, and tell what its nodes do; Ctrl-C cancels the job.")
@FORMAT
@click.pass_context
def command(
    context: click.Context,
    job: Path,
    stage: str | None,
    overrides: tuple[str, ...],
    name: str | None,
    tags: tuple[str, ...],
    wait: bool,
    form: str,
) -> None:
    """Submit the job YAML file JOB to the workspace of a stage.

    It is checked first, as `penstock check` does. Tags lead from the job to the build and the commit; on Azure DevOps
    and GitHub Actions the later steps get its name, address and verdict. With --wait the exit codes are those of
    `penstock run`: 0 also for a candidate that was rejected, 1 if a node failed, 130 if the job was cancelled.
    """
    from penstock.azure import jobs
    from penstock.azure.client import connect
    from penstock.cli.build_system import build_tags, link_build, tell_build
    from penstock.cli.definition import check_job
    from penstock.cli.progress import indented
    from penstock.cli.staged import overrides_of, stage_of, tags_of
    from penstock.store.files import Disk

    chosen = stage_of(job, stage)
    changes, own_tags = overrides_of(chosen, job, overrides), tags_of(tags)
    for finding in check_job(job, changes, Disk()):
        click.echo(str(finding), err=True)
    entity = jobs.load(job, changes)
    entity.name = name or jobs.new_name(entity)
    client = connect(chosen)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # how build systems cancel: as Ctrl-C
    told: dict[str, Any] = {"job": entity.name, "url": "", "stage": chosen.name, "status": "submitted"}
    try:
        submitted = jobs.submit(client, entity, {"stage": chosen.name, **build_tags(), **own_tags})
        told["url"] = submitted.url
        click.echo(f"{submitted.name} is submitted to {chosen.workspace}: {submitted.url}", err=True)
        tell_build({"job": submitted.name, "job_url": submitted.url})
        if wait:
            ended = jobs.follow(client, submitted.name, _tell_node, _warn)
            told |= {"status": ended.status, "nodes": [_node_json(node) for node in ended.nodes], "decision": None}
            for node, log in ended.logs.items():
                click.echo(f"{node}: failed; the end of its log:\n{indented(log)}", err=True)
            if ended.why:
                click.echo(f"it failed before any node did; Azure says:\n{indented(ended.why)}", err=True)
            if ended.status == jobs.COMPLETED:
                told["decision"] = jobs.decision(client, submitted)
    except KeyboardInterrupt:
        told["status"] = _cancel(client, entity.name, chosen.name)
    verdict = str((told.get("decision") or {}).get("verdict", ""))
    tell_build({"status": told["status"], "verdict": verdict})
    link_build(f"job-{entity.name}", told["url"], f"{told['status']} {verdict}".strip())
    if form == "json":
        print_json(told)
    else:
        click.echo("\n".join(_lines(told)))
    context.exit(_EXIT_CODES.get(told["status"], 1))


def _tell_node(node: NodeState) -> None:
    click.echo(f"{node.name}: {node.status}{' (reused)' if node.reused else ''}", err=True)


def _warn(message: str) -> None:
    click.echo(message, err=True)


def _cancel(client: MLClient, name: str, stage: str) -> str:
    """Cancel the job before this process ends; returns its last status."""
    from penstock.azure import jobs
    from penstock.azure.client import AzureError

    click.echo(f"cancelling job {name}; Ctrl-C again leaves it to itself", err=True)
    try:
        return jobs.cancel(client, name)
    except AzureError as error:
        if error.status == 404:
            return jobs.CANCELED  # it had not been submitted yet
        click.echo(f"{error}\nit may still run; cancel it by: penstock cancel {name} --stage {stage}", err=True)
        return "CancelRequested"


def _node_json(node: NodeState) -> dict[str, Any]:
    return {"name": node.name, "job": node.job, "status": node.status, "reused": node.reused}


def _lines(told: dict[str, Any]) -> Iterator[str]:
    decision = told.get("decision")
    if decision is not None:
        yield f"VERDICT  {decision['verdict']}"
        yield from (f"         {reason}" for reason in decision["reasons"])
        yield ""
    yield f"job {told['job']}: {told['status']}"
