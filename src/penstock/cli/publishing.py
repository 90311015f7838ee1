"""`penstock publish` to a stage: what is told, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from penstock.azure.assets import Assets
from penstock.azure.client import connect
from penstock.azure.publish import Outcome, Publisher
from penstock.cli.published import Published, read_published
from penstock.cli.versions import check_lines
from penstock.errors import DefinitionError
from penstock.store.stages import Stage, read_stage

_DONE = {"created": "created", "updated": "updated", "unchanged": "is there already", "refused": "refused"}
_WOULD = {"created": "would be created", "updated": "would be updated", "unchanged": "is there already"}


def publish(paths: tuple[Path, ...], stage_name: str | None, form: str, *, dry: bool) -> int:
    """Publish what `paths` name, or only tell what would be done. Returns the exit code: 1 if something is refused.

    Raises:
        DefinitionError: a definition or the stage is wrong, or a version does not fit its content.
        RunError: Azure refuses or cannot be reached; what has been published until then is whole.
    """
    published = read_published(paths)
    if not published.is_current:
        raise DefinitionError("\n".join([*check_lines(published), _NOT_CURRENT]))
    stage = read_stage(published.root, stage_name)
    publisher = Publisher(Assets(connect(stage, registry=bool(stage.registry))), published.project, stage.registry)
    found = _with_places(publisher.look(_versions(published), differing=dry), published)
    refused = [outcome for outcome in found if outcome.status == "refused"]
    if not dry and not refused:

        def told(outcome: Outcome) -> None:
            click.echo(_line(_with_place(outcome, published), _DONE), err=form == "json")

        found = publisher.write(found, told)
        found = _with_places(found, published)
        refused = [outcome for outcome in found if outcome.status == "refused"]
    elif form == "text":
        for outcome in found if dry else refused:
            click.echo(_line(outcome, {**_DONE, **_WOULD}))
    if form == "json":
        click.echo(json.dumps(_as_json(found, stage, dry=dry), indent=2))
    click.echo(_summary(found, stage, wrote=not dry and not refused), err=True)
    return 1 if refused else 0


_NOT_CURRENT = "Nothing was published: versions and content do not fit. Write what is needed: penstock publish --bump"


def _versions(published: Published) -> list[tuple[Any, str]]:
    return [(verdict.item, verdict.version) for verdict in published.chosen]


def _with_places(outcomes: Iterable[Outcome], published: Published) -> list[Outcome]:
    return [_with_place(outcome, published) for outcome in outcomes]


def _with_place(outcome: Outcome, published: Published) -> Outcome:
    """One that is refused, with the place of its version; that of a pipeline stands in the lock alone."""
    if outcome.status != "refused":
        return outcome
    item = outcome.item
    where = f"{published.locked_place(item)}, the only place of a pipeline's version"
    if item.kind != "pipeline":
        where = f"{item.place}, then call penstock publish --bump"
    return replace(outcome, why=f"{outcome.why}. Write it at {where}")


def _line(outcome: Outcome, words: dict[str, str]) -> str:
    why = f": {outcome.why}" if outcome.why else ""
    diff = "".join(f"\n    {line}" for line in outcome.diff.splitlines())
    return f"{outcome}: {words[outcome.status]}{why}{diff}"


def _summary(outcomes: list[Outcome], stage: Stage, *, wrote: bool) -> str:
    counts = ", ".join(
        f"{sum(outcome.status == status for outcome in outcomes)} {status}"
        for status in ("created", "updated", "unchanged", "refused")
        if any(outcome.status == status for outcome in outcomes)
    )
    where = f"registry {stage.registry}" if stage.registry else f"workspace {stage.workspace}"
    return f"{where}: {counts}{'' if wrote else '; nothing was written'}"


def _as_json(outcomes: Iterable[Outcome], stage: Stage, *, dry: bool) -> dict[str, Any]:
    where = {"registry": stage.registry} if stage.registry else {"workspace": stage.workspace}
    by_status: dict[str, list[dict[str, str]]] = {status: [] for status in _DONE}
    for outcome in outcomes:
        entry = {"kind": outcome.item.kind, "name": outcome.item.name, "version": outcome.version}
        more = {"why": outcome.why, "diff": outcome.diff}
        by_status[outcome.status].append({**entry, **{key: text for key, text in more.items() if text}})
    return {"stage": stage.name, **where, "dry_run": dry, **by_status}
