"""What `penstock run` says at the end: the nodes, their metrics, the verdict, the outputs and how to go on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from penstock.cli.progress import duration_text
from penstock.run.result import NodeResult, RunResult


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def text_summary(result: RunResult, metrics: Mapping[str, Mapping[str, float]]) -> str:
    """The end of a run for a person."""
    head = ("NODE", "STATUS", "TIME", "")
    lines = table([head, *(_row(node) for node in result.nodes)])
    lines += _metric_lines(metrics)
    lines += [line for node in result.nodes for line in _verdict_lines(node)]
    if result.outputs:
        lines += ["", *table([("OUTPUT", "PATH"), *((name, _shown(path)) for name, path in result.outputs.items())])]
    lines += ["", f"run {result.run}: {result.status} in {duration_text(result.duration_s)}"]
    return "\n".join(lines)


def _row(node: NodeResult) -> tuple[str, ...]:
    return node.name, node.status, duration_text(node.duration_s) if node.attempts else "", node.reason or _idle(node)


def _idle(node: NodeResult) -> str:
    """Why a step of this repository's library did nothing, if it says so."""
    from penstock_steps.skipped import skipped_reason

    reasons = [skipped_reason(Path(path)) for path in node.outputs.values() if Path(path).is_dir()]
    return f"did nothing: {reasons[0]}" if reasons and reasons[0] is not None else ""


def _metric_lines(metrics: Mapping[str, Mapping[str, float]]) -> list[str]:
    rows = [(node, name, f"{value:.6g}") for node, values in metrics.items() for name, value in values.items()]
    return ["", *table([("NODE", "METRIC", "VALUE"), *rows])] if rows else []


def _verdict_lines(node: NodeResult) -> list[str]:
    """The verdict of a node that wrote a decision (the format of this repository's evaluate component)."""
    from penstock_steps.decision import DECISION_FILE, read_decision
    from penstock_steps.errors import StepError

    for path in node.outputs.values():
        if (Path(path) / DECISION_FILE).is_file():
            try:
                decision = read_decision(Path(path))
            except StepError:
                continue  # somebody else's decision.json
            return ["", f"VERDICT  {decision.verdict}", *(f"         {reason}" for reason in decision.reasons)]
    return []


def _shown(path: str) -> str:
    """A path as short as it can be written from here."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
