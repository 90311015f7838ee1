"""The runs of a workspace, for whoever looks at them: read, never written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.errors import DefinitionError
from penstock.spec.finding import close_match
from penstock.store.runs import as_killed, ended_node, is_held, node_folders, read_summary
from penstock.store.workspace import RUN_SUFFIX, RunFolder, Workspace

LAST = "last"
_NAME = re.compile(rf"(?P<job>.+)-(?P<stamp>{RUN_SUFFIX})")


class PastRun(Struct, frozen=True):
    """A run as it stands now. `status` is `running` only while its engine lives."""

    folder: RunFolder
    summary: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def status(self) -> str:
        return str(self.summary["status"])

    @property
    def started(self) -> datetime:
        """As its name has it, in UTC."""
        return _stamp(self.name)

    @property
    def nodes(self) -> list[dict[str, Any]]:
        return list(self.summary["nodes"])

    @property
    def job_file(self) -> str | None:
        """The file that was run; None if an older penstock did not note it."""
        return _json(self.folder.path / "job.json").get("file")

    @property
    def notes(self) -> list[str]:
        """What Azure would do differently, as the run told at its start."""
        return list(_json(self.folder.path / "fidelity.json").get("notes", []))

    def data(self, node: str, port: str) -> str | None:
        """Where the data lay that an input of a node read from outside the pipeline; None if it did not."""
        found: str | None = _json(self.folder.path / "job.json").get("data", {}).get(node, {}).get(port)
        return found

    def key(self, node: str) -> Mapping[str, str]:
        """The parts of a node's reuse key; none if it has none."""
        return (ended_node(self.folder.node(node).path) or {}).get("key") or {}


def past_runs(workspace: Workspace, limit: int | None = None) -> list[PastRun]:
    """The runs of the workspace, the last one first, at most `limit` of them. Raises OSError."""
    return [_read(RunFolder(workspace.runs / name)) for name in run_names(workspace)[:limit]]


def run_names(workspace: Workspace) -> list[str]:
    """The names of all runs, the last one first."""
    if not workspace.runs.is_dir():
        return []
    names = [path.name for path in workspace.runs.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(names, key=lambda name: (_stamp(name), name), reverse=True)


def past_run(workspace: Workspace, name: str) -> PastRun:
    """The run of that name, or the last one of all for `last`.

    Raises DefinitionError, naming what is spelled nearly so, if there is none.
    """
    names = run_names(workspace)
    if name == LAST and names:
        name = names[0]
    if name not in names:
        raise DefinitionError(f"there is no run {name} in {workspace.runs}. {hint(name, names)}".rstrip())
    return _read(RunFolder(workspace.runs / name))


def hint(name: str, names: list[str]) -> str:
    """What to write instead of a name that there is not."""
    close = close_match(name, names)
    if close:
        return f"Did you mean '{close}'?"
    return f"The last one is {names[0]}; penstock runs lists them" if names else "Nothing has been run in it"


def _read(folder: RunFolder) -> PastRun:
    held = is_held(folder)  # before run.json is read: a run that ends in between is not taken for a killed one
    summary = read_summary(folder)
    if summary["status"] == "running":
        summary = _going_on(folder, summary) if held else as_killed(folder, summary)
    return PastRun(folder, summary)


def _going_on(folder: RunFolder, summary: dict[str, Any]) -> dict[str, Any]:
    """With the nodes that run.json, which is not written at each of their ends, does not have yet."""
    nodes = [ended_node(path) or _running(folder, path.name) for path in node_folders(folder)]
    took = (datetime.now(UTC) - _stamp(folder.name)).total_seconds()
    return {**summary, "nodes": nodes, "duration_s": max(0.0, round(took, 3))}


def _running(folder: RunFolder, name: str) -> dict[str, Any]:
    attempts = folder.node(name).attempts()
    log = str(folder.node(name).attempt(attempts).log)
    ended = {"attempts": attempts, "duration_s": 0.0, "outputs": {}, "log": log}
    return {"name": name, "status": "running", "reason": "", **ended}


def _stamp(name: str) -> datetime:
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no run's name")
    return datetime.strptime(found["stamp"][:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def _json(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return document
    return {}
