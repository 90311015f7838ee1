"""`penstock publish`: environments, components and pipelines to a workspace or a registry, in versions by content."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Ask nobody; fail if something has changed and bears its old version.")
@click.option("--bump", is_flag=True, help="Write the versions that are needed, and the lock file.")
@click.option("--dry-run", "dry", is_flag=True, help="Only tell what would be created, and how it differs.")
@click.option("--stage", metavar="NAME", help="The stage of penstock.toml to publish to.  [default: dev, or the only]")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="What stdout gets."
)
@click.pass_context
def command(
    context: click.Context, paths: tuple[Path, ...], check: bool, bump: bool, dry: bool, stage: str | None, form: str
) -> None:
    """Publish what lies in environments/, components/ and pipelines/: all of it, or what PATH names.

    Environments come first, then components, then each pipeline as one component, which the Studio Designer shows as
    one block. They go to the workspace of a stage, or to its registry if it names one. What is there is left alone; a
    version that is there with other content is refused (exit 1) before anything is written.

    Versions follow content: components/components.lock.json keeps what each version stands for. A port that is gone,
    has another type or has become required asks for a major version, a new optional port for a minor one, any other
    change for a patch. Descriptions, tags, changelogs and samples are no content.
    """
    if check + bump + dry > 1:
        raise click.UsageError("--check, --bump and --dry-run are three things to do; give one of them.")
    if (check or bump) and stage is not None:
        raise click.UsageError("--check and --bump ask no stage; leave out --stage.")
    if check:
        context.exit(_check(paths, form))
    if bump:
        _bump(paths, form)
        return
    from penstock.cli.publishing import publish

    context.exit(publish(paths, stage, form, dry=dry))


def _check(paths: tuple[Path, ...], form: str) -> int:
    from penstock.cli.published import read_published
    from penstock.cli.versions import check_json, check_lines

    published = read_published(paths)
    if form == "json":
        click.echo(json.dumps(check_json(published), indent=2))
    else:
        for line in check_lines(published):
            click.echo(line)
    state = "current" if published.is_current else "not current. Write what is needed: penstock publish --bump"
    click.echo(f"{published.lock_file} is {state}", err=True)
    return 0 if published.is_current else 2


def _bump(paths: tuple[Path, ...], form: str) -> None:
    from penstock.cli.bump import bump
    from penstock.cli.versions import bump_json, bump_lines

    bumped = bump(paths)
    if form == "json":
        click.echo(json.dumps(bump_json(bumped), indent=2))
        return
    for line in bump_lines(bumped):
        click.echo(line)
