"""The options and the order that the verbs share which talk to a workspace at Azure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.errors import DefinitionError

if TYPE_CHECKING:
    from penstock.store.stages import Stage

STAGE = click.option(
    "--stage", metavar="NAME", help="Which [stages.NAME] of penstock.toml.  [default: dev, or the only one]"
)
TAGS = click.option(
    "--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag of the job; may be given several times."
)


def stage_of(beside: Path, name: str | None) -> Stage:
    """The stage of the project that a file is in, or the folder itself. Raises DefinitionError."""
    from penstock.store.project import project_of
    from penstock.store.stages import read_stage

    return read_stage(project_of(beside), name)


def overrides_of(stage: Stage, job: Path, given: tuple[str, ...]) -> tuple[str, ...]:
    """What a job is changed by: the stage's overlay first, so that --set wins."""
    return (*(f"{path}={value}" for path, value in stage.overlay_of(job).items()), *given)


def tags_of(given: tuple[str, ...]) -> dict[str, str]:
    """Raises DefinitionError for one without `=`."""
    pairs = [each.partition("=") for each in given]
    for key, separator, value in pairs:
        if not key or not separator:
            raise DefinitionError(f"--tag {key}{value}: write it as KEY=VALUE")
    return {key: value for key, _, value in pairs}
