"""`penstock logs`: what a node printed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from penstock.cli.looking import FORMAT, WORKSPACE


@click.command()
@click.argument("run")
@click.argument("node")
@click.option("--attempt", type=click.IntRange(min=1), help="The log of this attempt.  [default: the last one]")
@WORKSPACE
@FORMAT
def command(run: str, node: str, attempt: int | None, workspace: Path | None, form: str) -> None:
    """Print the log of the node NODE of the run RUN (`last` is the last run of all).

    A node that was reused has printed nothing in this run; the log is that of the run in which it ran.
    """
    from penstock.cli.looking import print_json, workspace_of
    from penstock.errors import DefinitionError
    from penstock.report.run import log_of
    from penstock.spec.finding import did_you_mean
    from penstock.store.history import past_run

    past = past_run(workspace_of(workspace), run)
    names = [each["name"] for each in past.nodes]
    if node not in names:
        raise DefinitionError(f"the run {past.name} has no node '{node}'. {did_you_mean(node, names)}".rstrip())
    log = log_of(past, node, attempt)
    if form == "json":
        text = log.read_text(encoding="utf-8", errors="replace")
        print_json({"run": past.name, "node": node, "log": str(log), "text": text})
        return
    if not log.is_relative_to(past.folder.path):
        click.echo(f"'{node}' was reused; this is its log of {log.parents[3].name}", err=True)
    _copy(log)


def _copy(log: Path) -> None:
    """As it is, in pieces: a log may be long, and no text. A build's agent, which reads commands in it, gets lines."""
    import shutil

    from penstock.cli.build_system import Disarmed

    if isinstance(sys.stdout, Disarmed):
        with log.open(encoding="utf-8", errors="replace") as lines:
            sys.stdout.writelines(lines)
        return
    with log.open("rb") as stream:
        shutil.copyfileobj(stream, sys.stdout.buffer)
    sys.stdout.buffer.flush()
