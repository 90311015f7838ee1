"""Whether a node's turn comes: the conditions of if_else and do_while."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.graph.model import Guard
from penstock.run.ports import truth, written_value
from penstock.run.result import NodeResult, Status
from penstock.store.workspace import RunFolder


def judged(guard: Guard, results: Mapping[str, NodeResult], run: RunFolder) -> tuple[Status, str] | None:
    """How a node ends that does not run, and why; None if it runs.

    A condition that is neither true nor false is a failure, never a no.
    """
    if isinstance(guard.condition, bool):
        return None if guard.condition == guard.wanted else _against(guard, guard.condition)
    node, port = guard.condition.node, guard.condition.port
    if results[node].status not in ("completed", "reused"):
        return "skipped", f"'{node}' {results[node].status}"
    try:
        text = written_value(run.node(node).output(port))
    except OSError:
        return "failed", f"the condition of '{guard.by}' is not there: '{node}' wrote nothing to its output '{port}'"
    value = truth(text)
    if value is None:
        told = text if len(text) <= 60 else text[:60] + "..."
        return "failed", f"the condition of '{guard.by}' is {told!r}, not true or false (output '{port}' of '{node}')"
    return None if value == guard.wanted else _against(guard, value)


def _against(guard: Guard, value: bool) -> tuple[Status, str]:
    return "skipped", f"the condition of '{guard.by}' is {str(value).lower()}"
