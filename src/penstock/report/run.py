"""What there is to tell of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from penstock.errors import RunError
from penstock.store.history import PastRun
from penstock.store.models import Models


def row(run: PastRun) -> dict[str, Any]:
    """A run in a list: `{run, job, status, started, duration_s, nodes: {status: how many}}`."""
    counts: dict[str, int] = {}
    for node in run.nodes:
        counts[node["status"]] = counts.get(node["status"], 0) + 1
    return {
        "run": run.name,
        "job": run.job_file,
        "status": run.status,
        "started": run.started.isoformat(),
        "duration_s": run.summary["duration_s"],
        "nodes": counts,
    }


def describe(run: PastRun, models: Models) -> dict[str, Any]:
    """A run with all that is known of it.

    `{run, job, status, reason, started, duration_s, outputs, nodes, decisions, metrics, models, notes}`; `nodes` as in
    run.json with `did_nothing`, why a step that completed had nothing to do, or null. Raises RunError.
    """
    return {
        **row(run),
        "reason": run.summary.get("reason", ""),
        "outputs": run.summary["outputs"],
        "nodes": [{**node, "did_nothing": _idle(node)} for node in run.nodes],
        "decisions": decisions(run),
        "metrics": models.metrics(run.name),
        "models": [_model(models, name, version) for name, version in models.made_in(run.name)],
        "notes": run.notes,
    }


def decisions(run: PastRun) -> list[dict[str, Any]]:
    """`{node, verdict, reasons}` of each node that wrote a decision (the format of the component evaluate)."""
    from penstock_steps.decision import read_decision
    from penstock_steps.errors import StepError

    found = []
    for node in run.nodes:
        for path in node["outputs"].values():
            try:
                decision = read_decision(Path(path))
            except (StepError, OSError):
                continue  # no decision, or somebody else's decision.json
            found.append({"node": node["name"], "verdict": decision.verdict, "reasons": decision.reasons})
    return found


def log_of(run: PastRun, node: str, attempt: int | None) -> Path:
    """The log of a node's last attempt, or of another one.

    Raises RunError if the node has not been started, the attempt was not made or the log is gone.
    """
    [found] = [each for each in run.nodes if each["name"] == node]
    if found["log"] is None:
        reason = f": {found['reason']}" if found["reason"] else ""
        raise RunError(f"'{node}' was not started in {run.name}, so it has no log; it is {found['status']}{reason}")
    log = Path(found["log"])
    if attempt is not None:
        folder = log.parent.parent
        log = folder / f"attempt-{attempt}" / log.name
        if not log.exists():
            made = len(list(folder.glob("attempt-*")))
            raise RunError(f"'{node}' has no attempt {attempt} in {run.name}; it made {made}")
    if not log.exists():
        raise RunError(f"the log {log} is not there any more")
    return log


def _idle(node: dict[str, Any]) -> str | None:
    from penstock_steps.skipped import skipped_reason

    for path in node["outputs"].values():
        if Path(path).is_dir():
            reason = skipped_reason(Path(path))
            if reason is not None:
                return reason
    return None


def _model(models: Models, name: str, version: str) -> dict[str, Any]:
    role = models.find(f"{name}:{version}").tags.get("role", "")
    return {"model": name, "version": version, "role": role, "is_champion": models.champion(name) == version}
