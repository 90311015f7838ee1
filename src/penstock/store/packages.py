"""Where packages lie: in a folder that a person names, or among the outputs of a run."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from penstock.errors import DefinitionError, RunError
from penstock.store.history import LAST, past_run, run_names
from penstock.store.workspace import Workspace
from penstock_steps.manifest import MANIFEST_FILE
from penstock_steps.skipped import skipped_reason


class NoPackage(Struct, frozen=True):
    """A run that made none, as it was to: `reason` is what its step says."""

    reason: str


def package_of(workspace: Workspace, named: str) -> Path | NoPackage:
    """The folder of a package: the one that is named, or the one that the named run made.

    Raises:
        DefinitionError: there is neither such a folder nor such a run.
        RunError: the run failed, or has made no package, or several.
    """
    folder = Path(named)
    if folder.is_dir():
        return folder
    if named != LAST and named not in run_names(workspace):
        raise DefinitionError(f"there is neither a folder {named} nor a run of that name in {workspace.runs}")
    run = past_run(workspace, named)
    outputs = [Path(path) for node in run.nodes for path in node["outputs"].values()]
    packages = [path for path in outputs if (path / MANIFEST_FILE).is_file()]
    if len(packages) == 1:
        return packages[0]
    if packages:
        listed = ", ".join(map(str, packages))
        raise RunError(f"{run.name} has made {len(packages)} packages; name the folder of one: {listed}")
    if run.status != "completed":
        raise RunError(f"{run.name} has made no package: the run {run.status}")
    reasons = [reason for path in outputs if path.is_dir() and (reason := skipped_reason(path))]
    if not reasons:
        raise RunError(f"{run.name} has made no package: none of its steps is the step that does")
    return NoPackage(reasons[-1])
