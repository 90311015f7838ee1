"""Two runs side by side: what went into their nodes, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.plan.key import Key, changed_part
from penstock.report.run import decisions
from penstock.store.history import PastRun
from penstock.store.models import Models


def differences(first: PastRun, second: PastRun, models: Models) -> dict[str, Any]:
    """What of two runs is not the same.

    `{runs: [first, second], status, nodes: [{name, only_in, status, duration_s, changed}], metrics, decisions}`. A pair
    holds the value in the first and in the second run. `changed` names the parts of a node's reuse key that differ, in
    words; it is null if one of the runs did not get as far as to have a key. Only nodes and metrics that differ are
    there. Raises RunError if the store cannot be read.
    """
    return {
        "runs": [first.name, second.name],
        "status": [first.status, second.status],
        "duration_s": [first.summary["duration_s"], second.summary["duration_s"]],
        "nodes": [node for node in _nodes(first, second) if node],
        "metrics": _metrics(models.metrics(first.name), models.metrics(second.name)),
        "decisions": _decisions(first, second),
    }


def _nodes(first: PastRun, second: PastRun) -> list[dict[str, Any]]:
    one, two = ({node["name"]: node for node in run.nodes} for run in (first, second))
    found = []
    for name in dict.fromkeys([*one, *two]):
        if name not in one or name not in two:
            found.append({"name": name, "only_in": (first if name in one else second).name})
            continue
        statuses = [one[name]["status"], two[name]["status"]]
        durations = [one[name]["duration_s"], two[name]["duration_s"]]
        changed = _changed(first.key(name), second.key(name))
        if changed or len(set(map(_as_done, statuses))) > 1:
            found.append({"name": name, "status": statuses, "duration_s": durations, "changed": changed})
    return found


def _as_done(status: str) -> str:
    """Reused is as good as completed."""
    return "completed" if status == "reused" else status


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str] | None:
    if not before or not now:
        return None
    return [changed_part(name, before.get(name), now.get(name)) for name in Key(now).differs_from(before)]


def _metrics(one: Mapping[str, Mapping[str, float]], two: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Those that both or one of them logged, if they differ; a reused node logs none."""
    found = []
    for node in dict.fromkeys([*one, *two]):
        if node not in one or node not in two:
            continue
        for name in dict.fromkeys([*one[node], *two[node]]):
            values = [one[node].get(name), two[node].get(name)]
            if values[0] != values[1]:
                found.append({"node": node, "metric": name, "values": values})
    return found


def _decisions(first: PastRun, second: PastRun) -> list[dict[str, Any]]:
    one, two = ({each["node"]: each for each in decisions(run)} for run in (first, second))
    return [
        {"node": node, "verdicts": [one[node]["verdict"], two[node]["verdict"]]}
        for node in one
        if node in two and one[node]["verdict"] != two[node]["verdict"]
    ]
