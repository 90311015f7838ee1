"""`penstock package`: is a package still what was made?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.errors import DefinitionError, RunError

if TYPE_CHECKING:
    from penstock.release.packages import Package, Verification


@click.group()
def command() -> None:
    """Packages: what the step `package` makes of a model, and what a release deploys."""


@command.command()
@click.argument("package", type=click.Path(path_type=Path))
@click.option("--digest", metavar="sha256:...", help="The package's digest, as you keep it. [default: the registry's]")
@click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    help="The workspace whose registry is asked.  [default: .penstock beside the project root]",
)
@click.option("--no-anchor", is_flag=True, help="Compare the files with the manifest, and the manifest with nothing.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="What stdout gets.")
def verify(package: Path, digest: str | None, workspace: Path | None, no_anchor: bool, form: str) -> None:
    """Compare each file of PACKAGE with its manifest.json, and the manifest's digest with one kept outside.

    Outside is the tag package_digest of the model version in the workspace's registry, or what --digest says. Exit
    code 1 if something differs, or if there is nothing outside to compare with.
    """
    from penstock.release.packages import anchor_of, read_package
    from penstock.release.packages import verify as verified

    if no_anchor and (digest or workspace):
        raise DefinitionError("--no-anchor compares with nothing outside; leave --digest and --workspace out")
    found = read_package(package)
    verification = verified(found, None if no_anchor else anchor_of(found, digest, _workspace(workspace)))
    problems = [*verification.problems]
    if verification.anchor is None and not no_anchor:
        problems.append(_without_anchor(found, workspace))
    if form == "json":
        click.echo(json.dumps(_to_json(verification, problems), indent=2))
    if problems:
        told = "\n".join(f"  {problem}" for problem in problems)
        raise RunError(f"{package} is not verified:\n{told}\nDo not release it; package the model again")
    if form == "text":
        click.echo(_as_text(verification))


def _workspace(given: Path | None) -> Any:
    """That of the working directory, as for other verbs without a job; never one that lies beside the package.

    Whoever could bring a package could bring a registry with it.
    """
    from penstock.store.workspace import Workspace, workspace_folder

    return Workspace(workspace_folder(Path("penstock.toml"), given))


def _without_anchor(package: Package, workspace: Path | None) -> str:
    return (
        f"nothing outside tells its digest: the registry in {_workspace(workspace).root} has none for version "
        f"{package.version} of {package.model_name}. Name another workspace (--workspace DIR) or the digest (--digest)"
    )


def _to_json(verification: Verification, problems: list[str]) -> dict[str, Any]:
    package, anchor = verification.package, verification.anchor
    return {
        "package": str(package.path),
        "verified": not problems,
        "digest": package.digest,
        "model": {"name": package.model_name, "version": package.version, "digest": package.model_digest},
        "anchor": {"digest": anchor.digest, "source": anchor.source} if anchor else None,
        "files": len(package.files),
        "differences": [{"file": found.file, "problem": found.problem} for found in verification.differences],
        "problems": problems,
    }


def _as_text(verification: Verification) -> str:
    package, anchor = verification.package, verification.anchor
    against = f"manifest.json is as {anchor.source} says" if anchor else "manifest.json was compared with nothing"
    return (
        f"package of {package.model_name} version {package.version}: {package.digest}\n"
        f"  all {len(package.files)} files are as manifest.json lists them\n"
        f"  {against}"
    )
