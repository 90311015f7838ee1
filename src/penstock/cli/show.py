"""`penstock show`: a run, or a model version with all that made it."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.looking import FORMAT, WORKSPACE


@click.command()
@click.argument("what", metavar="RUN | MODEL:VERSION | MODEL")
@WORKSPACE
@FORMAT
def command(what: str, workspace: Path | None, form: str) -> None:
    """Show a run: its nodes with times and outputs, verdict, metrics, models; `last` is the last run of all.

    Or show a version of a registered model: from it back to data, suite, code, environment and run, with the metrics
    and the reasons of the decision, and forward to where it is served. MODEL alone is the model's champion.
    """
    from penstock.cli.looking import print_json, workspace_of
    from penstock.cli.shown import model_lines, run_lines
    from penstock.errors import DefinitionError
    from penstock.report import model, run
    from penstock.store.history import LAST, hint, past_run, run_names
    from penstock.store.models import Models

    place = workspace_of(workspace)
    models, runs = Models(place), run_names(place)
    if what in runs or (what == LAST and runs):
        told = run.describe(past_run(place, what), models)
        lines = run_lines(told)
    elif ":" in what or what in models.names():
        told = model.describe(models.find(what), models, place)
        lines = model_lines(told)
    else:
        names = [*runs, *models.names()]
        raise DefinitionError(f"there is neither a run nor a model {what} in {place.root}. {hint(what, names)}")
    if form == "json":
        print_json(told)
        return
    click.echo("\n".join(lines))
