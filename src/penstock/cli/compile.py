"""`penstock compile`: the job YAML of pipelines written in Python."""

from __future__ import annotations

import json
from pathlib import Path

import click

from penstock.errors import DefinitionError
from penstock.store.project import project_root


@click.command()
@click.argument("sources", nargs=-1, metavar="[pipelines/X.py]...", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; fail if a compiled file is not current.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", help="What stdout gets.")
def command(sources: tuple[Path, ...], check: bool, style: str) -> None:
    """Write pipelines/X.yml from the azure.ai.ml pipeline in pipelines/X.py.

    Without an argument: every pipelines/*.py of the project, except those whose names begin with an underscore.

    A file holds one pipeline job at its top level: what a function under @pipeline returned. A function under @pipeline
    that is called inside another one becomes a file of its own, pipelines/X.<name>.component.yml.
    """
    files = [_existing(source) for source in sources] or _all(project_root(Path.cwd().resolve()))
    _need_azure()
    told, problems = [], []
    for file in files:
        try:
            told += _one(file, check=check)
        except DefinitionError as error:
            problems.append(str(error))
    if style == "json":
        click.echo(json.dumps({"files": told, "problems": problems}, indent=2))
    if problems:
        raise DefinitionError("\n".join(problems))


def _one(source: Path, *, check: bool) -> list[dict[str, str]]:
    from penstock.compile.files import compare, compile_pipeline, verify, write

    shown = _shown(source)
    compiled = compile_pipeline(source, project_root(source.parent), shown)
    for warning in compiled.warnings:
        click.echo(f"{shown}: warning: {warning}", err=True)
    outcomes = compare(compiled) if check else write(compiled, shown)
    problems = []
    for outcome in outcomes:
        if outcome.status in ("stale", "missing", "left over"):
            diff = f":\n{outcome.diff}" if outcome.diff else ""
            problems.append(f"{_shown(outcome.file)} {_WRONG[outcome.status]}{diff}")
        else:
            click.echo(_DONE[outcome.status].format(_shown(outcome.file)), err=True)
    if problems:
        raise DefinitionError("\n".join([*problems, f"Write it anew: penstock compile {shown}"]))
    if check:
        verify(compiled, shown)
    return [{"file": _shown(outcome.file), "status": outcome.status} for outcome in outcomes]


_DONE = {"written": "wrote {}", "removed": "removed {}", "current": "{} is current"}
_WRONG = {
    "stale": "is stale: its pipeline in Python compiles to something else",
    "missing": "is missing",
    "left over": "is left over: its pipeline in Python has no such nested pipeline any more",
}


def _need_azure() -> None:
    try:
        import azure.ai.ml  # noqa: F401
    except ModuleNotFoundError as error:
        raise DefinitionError(
            f"compile needs azure-ai-ml, and there is no module {error.name!r}: pip install 'penstock[azure]'"
        ) from None


def _existing(source: Path) -> Path:
    file = source.resolve()
    if file.suffix in (".yml", ".yaml"):
        raise DefinitionError(
            f"{source}: name the pipeline in Python, {source.with_suffix('.py')}; the YAML is what gets written"
        )
    if not file.is_file():
        beside = ", ".join(sorted(_shown(other) for other in file.parent.glob("*.py"))) or "no .py file"
        raise DefinitionError(f"{source}: there is no such file; {_shown(file.parent)} has {beside}")
    return file


def _all(root: Path) -> list[Path]:
    files = sorted(file for file in (root / "pipelines").glob("*.py") if not file.name.startswith("_"))
    if not files:
        raise DefinitionError(
            f"there is nothing to compile: {root / 'pipelines'} has no .py file. Name one: penstock compile X.py"
        )
    return files


def _shown(file: Path) -> str:
    """Relative to the working directory if it lies below it."""
    here = Path.cwd().resolve()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)
