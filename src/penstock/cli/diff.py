"""`penstock diff`: what two runs did differently."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from penstock.cli.looking import FORMAT, WORKSPACE


@click.command()
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@WORKSPACE
@FORMAT
def command(first: str, second: str, workspace: Path | None, form: str) -> None:
    """Tell what two runs did differently: what of each node had changed, how it ended, metrics and verdicts.

    `last` is the last run of all.
    """
    from penstock.cli.looking import print_json, workspace_of
    from penstock.report.difference import differences
    from penstock.store.history import past_run
    from penstock.store.models import Models

    place = workspace_of(workspace)
    found = differences(past_run(place, first), past_run(place, second), Models(place))
    if form == "json":
        print_json(found)
        return
    click.echo("\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    from penstock.cli.progress import duration_text
    from penstock.cli.summary import table

    for name, status, seconds in zip(found["runs"], found["status"], found["duration_s"], strict=True):
        yield f"{name}: {status} in {duration_text(seconds)}"
    for node in found["nodes"]:
        yield from _node_lines(node)
    if not found["nodes"]:
        yield "every node is the same"
    for decision in found["decisions"]:
        yield f"the verdict of {decision['node']}: {decision['verdicts'][0]}, then {decision['verdicts'][1]}"
    if found["metrics"]:
        rows = [
            (each["node"], each["metric"], *("" if value is None else f"{value:.6g}" for value in each["values"]))
            for each in found["metrics"]
        ]
        yield from ["", *table([("NODE", "METRIC", "FIRST", "SECOND"), *rows])]


def _node_lines(node: dict[str, Any]) -> Iterator[str]:
    if "only_in" in node:
        yield f"{node['name']} is only in {node['only_in']}"
        return
    first, second = node["status"]
    yield f"{node['name']}: {first}" if first == second else f"{node['name']}: {first}, then {second}"
    yield from (f"  {change}" for change in node["changed"] or ())
