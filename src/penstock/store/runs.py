"""Runs that are over or go on: whose engine lives, and what becomes of those whose engine was killed."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from penstock.errors import RunError
from penstock.spec.finding import did_you_mean
from penstock.store.workspace import RUN_SUFFIX, RunFolder, run_prefix

KILLED = "penstock was killed while it ran"


@contextmanager
def held(folder: RunFolder) -> Iterator[int]:
    """Hold the run's lock; the descriptor may be shared with a fork, and the lock lasts as long as either."""
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(folder: RunFolder) -> bool:
    """Whether a process holds the run's lock: the run goes on."""
    try:
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def settle(folder: RunFolder) -> dict[str, Any]:
    """Write into run.json how a run ended whose engine was killed, and return it.

    The nodes that had ended keep their results; those that ran then were canceled. Raises OSError.
    """
    summary = read_summary(folder)
    if summary["status"] != "running":
        return summary
    summary = as_killed(folder, summary)
    for result in summary["nodes"]:
        if result["reason"] == KILLED:
            folder.node(result["name"]).write_result(result)
    folder.write_summary(summary)
    return summary


def read_summary(folder: RunFolder) -> dict[str, Any]:
    """What run.json says, or would say of a run that was killed before it had written any. Raises OSError."""
    try:
        summary: dict[str, Any] = json.loads((folder.path / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        summary = {"run": folder.name, "status": "running", "duration_s": 0.0, "outputs": {}, "nodes": []}
    return summary


def as_killed(folder: RunFolder, summary: dict[str, Any]) -> dict[str, Any]:
    """The summary of a run that nobody ended."""
    nodes = [ended_node(path) or _killed(folder, path.name) for path in node_folders(folder)]
    return {**summary, "status": "failed", "reason": KILLED, "nodes": nodes}


def node_folders(folder: RunFolder) -> list[Path]:
    """The folders of the nodes that have begun or ended, in the order in which they last changed."""
    return sorted((folder.path / "nodes").glob("*"), key=lambda path: path.stat().st_mtime)


def ended_node(path: Path) -> dict[str, Any] | None:
    """What node.json in a node's folder says; None as long as the node has not ended."""
    with suppress(FileNotFoundError):
        result: dict[str, Any] = json.loads((path / "node.json").read_text(encoding="utf-8"))
        return result
    return None


def _killed(folder: RunFolder, name: str) -> dict[str, Any]:
    attempts = folder.node(name).attempts()
    log = folder.node(name).attempt(attempts).log
    return {
        "name": name,
        "status": "canceled",
        "reason": KILLED,
        "attempts": attempts,
        "duration_s": 0.0,
        "outputs": {},
        "log": str(log) if log.exists() else None,
    }


def find_run(runs: Path, name: str, job: str) -> RunFolder:
    """The run `name`, or the last one of a job if that is `last`. Raises RunError if there is none."""
    if name == "last":
        names = runs_of(runs, job)
        if not names:
            raise RunError(f"there is no run of {job} in {runs}")
        return RunFolder(runs / names[0])
    if Path(name).name != name or not (runs / name / "run.json").exists():
        known = [path.name for path in runs.iterdir()] if runs.is_dir() else []
        raise RunError(f"there is no run {name} in {runs}. {did_you_mean(name, known)}".strip())
    return RunFolder(runs / name)


def runs_of(runs: Path, job: str) -> list[str]:
    """The names of a job's runs, the last one first."""
    own = re.compile(re.escape(run_prefix(job)) + RUN_SUFFIX)
    names = [path.name for path in runs.iterdir() if own.fullmatch(path.name)] if runs.is_dir() else []
    return sorted(names, reverse=True)


def previous_key(runs: Path, job: str, node: str) -> Mapping[str, str] | None:
    """The key's parts that a node had in the last run of a job in which it had one."""
    for name in runs_of(runs, job):
        with suppress(OSError, ValueError, KeyError):
            key = json.loads((runs / name / "nodes" / node / "node.json").read_text(encoding="utf-8"))["key"]
            if key is not None:
                parts: dict[str, str] = key
                return parts
    return None
