"""`penstock check`: what is wrong with Azure ML YAML, before anything is uploaded."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.errors import DefinitionError
from penstock.spec.finding import close_match

if TYPE_CHECKING:
    from penstock.check.project import Report, Target
    from penstock.spec.files import Files


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="What stdout gets; sarif is what code hosts show in a pull request.",
)
@click.option("--explain", "rule", metavar="RULE", help="Tell what a rule is about, with examples, and check nothing.")
@click.pass_context
def command(context: click.Context, paths: tuple[Path, ...], form: str, rule: str | None) -> None:
    """Check the Azure ML YAML in files and folders.

    A folder (by default the current one) is searched for every job, component, environment, data, model, endpoint,
    deployment, schedule, compute and workspace, except where .gitignore says otherwise. Ends with 2 if there is any
    error.
    """
    if rule is not None:
        _explain(rule, form)
        return
    gc.disable()  # nothing of what is read becomes garbage before the end: a sixth of the time
    from penstock.check.project import check_project
    from penstock.cli.suppressed import suppressions
    from penstock.store.files import RememberingDisk

    disk = RememberingDisk()
    asked = paths or (Path(),)
    searched = [Path(os.path.abspath(path)) for path in asked if disk.is_dir(path)]  # noqa: PTH100 - no links followed
    report = check_project(list(_targets(asked, disk)), disk, suppressions(disk), searched)
    _print(report, form, disk, asked)
    gc.freeze()  # so that the interpreter does not search all of it for garbage when it ends
    context.exit(2 if report.has_errors else 0)


def _targets(paths: tuple[Path, ...], files: Files) -> Iterator[Target]:
    """What the command line asks for, in its order. Raises DefinitionError for a path that does not exist."""
    from penstock.check.project import Target
    from penstock.store.discover import SUFFIXES, yaml_files

    for path in paths:
        clean = Path(os.path.normpath(path))
        if not os.path.lexists(path):  # pathlib raises for a name that is too long
            raise DefinitionError(f"{path}: there is no such file or folder.{_near(clean)}")
        if not files.is_dir(path):
            yield Target(clean, named=True)
            continue
        if path.suffix.lower() in SUFFIXES:
            yield Target(clean, named=True)
        for found in yaml_files(path):
            yield Target(found, named=False)


def _near(path: Path) -> str:

    try:
        names = os.listdir(path.parent)  # noqa: PTH208 - names, not paths
    except OSError:
        return ""
    close = close_match(path.name, names)
    return f" Did you mean '{path.with_name(close)}'?" if close else ""


def _print(report: Report, form: str, files: Files, asked: tuple[Path, ...]) -> None:
    """The findings to stdout, a summary to stderr."""
    import json

    from penstock.cli.findings import as_text, printed
    from penstock.cli.suppressed import reader

    if form == "json":
        click.echo(json.dumps([finding.to_json() for finding in report.findings], indent=2))
    elif form == "sarif":
        click.echo(json.dumps(_sarif(report), indent=2))
    elif report.findings:
        printed("\n".join(as_text(report.findings, reader(files))))
    click.echo(_summary(report, asked), err=True)


def _sarif(report: Report) -> dict[str, Any]:
    from importlib.metadata import version

    from penstock.check.sarif import sarif
    from penstock.store.project import repository_of

    here = Path(os.path.abspath(os.curdir))  # noqa: PTH100 - without following links
    return sarif(report.findings, repository_of(here), version("penstock"))


def _summary(report: Report, asked: tuple[Path, ...]) -> str:
    counts = {
        kind: sum(finding.severity == kind for finding in report.findings) for kind in ("error", "warning", "info")
    }
    told = [f"{count} {kind}{'s' if count != 1 and kind != 'info' else ''}" for kind, count in counts.items() if count]
    if report.files == 0 and not told:
        return f"no Azure ML YAML in {', '.join(map(str, asked))}"
    return f"{', '.join(told) or 'nothing wrong'} in {report.files} Azure ML file{'s' if report.files != 1 else ''}"


def _explain(rule: str, form: str) -> None:
    import json
    from textwrap import wrap

    from penstock.check.explanation import explanation

    about = explanation(rule)
    if form == "json":
        click.echo(json.dumps(about.to_json(), indent=2))
        return
    if form == "sarif":
        raise click.UsageError("--explain prints text or json, not sarif.")
    lines = [f"{about.rule.id} ({about.rule.severity}): {about.rule.title}", "", *wrap(about.why, 100)]
    for head, example in (("Wrong", about.bad), ("Right", about.good)):
        for file, text in example.items():
            lines += ["", f"{head}, {file}:", *(f"    {line}".rstrip() for line in text.splitlines())]
    click.echo("\n".join(lines))
