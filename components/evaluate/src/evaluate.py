"""Scores the candidate and the champion on the same held-out rows and decides whether the candidate is accepted."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from criteria import Criterion
from interval import difference_interval
from page import PAGE_FILE, Seen, write_page
from penstock_steps import lineage, tracking
from penstock_steps.decision import Decision, write_decision
from penstock_steps.errors import StepError, run_step
from penstock_steps.lineage import Component, Lineage, StepRecord
from penstock_steps.metrics import Values
from rule import Rule, number, read_rule, values_of
from scoring import (
    HeldOut,
    Rival,
    Scored,
    UnscorableError,
    check_purpose,
    held_out,
    is_unfinished,
    new_columns,
    score,
    score_champion,
)
from slices import SliceScore, check_columns, slice_scores
from verdict import Against, judge

COMPONENT = Component("evaluate", "1.1.1")


def main() -> None:
    arguments = _arguments()
    rule = read_rule(arguments, arguments.task)
    candidate_origin, test_origin = origins(arguments.candidate, arguments.test_data)
    rows = held_out(arguments.test_data, arguments.target, arguments.task)
    check_columns(rule.slices, rows.table)
    check_purpose(candidate_origin.steps, rows, "the candidate")
    try:
        candidate = score(arguments.candidate, rows, rule.criteria)
    except UnscorableError as error:
        raise StepError(f"the candidate cannot be scored on {arguments.test_data}: {error}") from None
    rival = score_champion(arguments.model_name, rows, rule.criteria)
    scored = rival.scored if rival is not None and isinstance(rival.scored, Scored) else None
    measured = compare(rule, rows.truth, candidate, scored)
    against = _against(rule, rows, candidate, rival, measured)
    verdict, reasons = judge(rule, candidate.scores, len(rows.table), against)
    if scored is not None and rival is not None and is_unfinished(rival.champion, candidate_origin.digest):
        verdict = "accept"
        reasons = [
            f"the candidate is the champion itself, version {rival.champion.version}, which a run that was interrupted "
            "has left without a package; this run finishes it and adds no version"
        ]
    decision = Decision(
        verdict=verdict,
        reasons=reasons,
        metrics=measured,
        champion=rival.champion.as_dict() if rival else None,
        candidate={"digest": candidate_origin.digest},
        data={
            "digest": test_origin.digest,
            "rows": len(rows.table),
            "rows_champion_trained_on": scored.rows_trained_on if scored else None,
        },
        suite=suite_of(lineage.merge([candidate_origin, test_origin])),
        rule=rule.sentences(),
        slices=[one.as_dict() for one in against.slices] if against else [],
    )
    _tell(decision, rule, candidate, rival)
    write_decision(arguments.decision, decision)
    seen = Seen(
        decision, rule, rows, candidate.predictions, scored.predictions if scored else None, arguments.model_name
    )
    write_page(arguments.decision, seen)
    _log(decision, arguments.decision / PAGE_FILE)
    own = lineage.record(
        COMPONENT,
        inputs={"candidate": candidate_origin.digest, "test_data": test_origin.digest},
        parameters={
            name: value
            for name, value in vars(arguments).items()
            if name not in ("candidate", "test_data", "decision") and value is not None
        },
        facts={"verdict": verdict, "metrics": decision.metrics, "champion": decision.champion},
    )
    lineage.write(arguments.decision, "decision", own, [candidate_origin, test_origin])


def _against(
    rule: Rule, rows: HeldOut, candidate: Scored, rival: Rival | None, measured: Mapping[str, Any]
) -> Against | None:
    """How the champion stands to the candidate; None without a champion."""
    if rival is None:
        return None
    new = new_columns(candidate.columns, rival.columns) if rival.columns else []
    if isinstance(rival.scored, str):
        return Against(rival.champion, rival.scored, new_columns=new)
    slices: list[SliceScore] = []
    if rule.slices:
        models = (candidate.predictions, rival.scored.predictions)
        slices = slice_scores(rule.slices, rule.primary.metric, rows.table, rows.truth, models)
    ends = values_of(measured["interval"], rule.primary.metric.name)
    return Against(
        rival.champion,
        rival.scored.scores,
        interval=(ends[0], ends[1]) if ends else None,
        trained_on=rival.scored.rows_trained_on,
        new_columns=new,
        slices=slices,
    )


def origins(candidate: Path, test_data: Path) -> tuple[Lineage, Lineage]:
    """The lineage of the candidate and of the held-out rows.

    Raises StepError unless both are as they were written, by train and as the test output of split_data, and the
    candidate was trained on the other side of that very split.
    """
    model, rows = lineage.verify(candidate, component="train"), lineage.verify(test_data, component="split_data")
    if rows.port != "test":
        raise StepError(f"{test_data} is the {rows.port} output of split_data; connect test_data to its test output")
    if "split_data" not in model.steps:
        raise StepError(
            f"{candidate} was trained on rows that do not come from split_data, so nothing tells that the rows in "
            f"{test_data} were held out; train on the train output of the same split"
        )
    lineage.merge([model, rows])
    return model, rows


def suite_of(steps: Mapping[str, StepRecord]) -> dict[str, str] | None:
    """The name, version and digest of the suite that the data passed, as validate_data recorded them; None without."""
    gate = steps.get("validate_data")
    suite = gate.facts.get("suite") if gate else None
    return {str(key): str(value) for key, value in suite.items()} if suite else None


def compare(rule: Rule, truth: Values, candidate: Scored, champion: Scored | None) -> dict[str, Any]:
    """The `metrics` of decision.json; a value that does not exist is None.

    The primary metric's interval is at the rule's confidence, the others' at 95 %.
    """
    chosen = [criterion.metric for criterion in rule.criteria]
    mine = {metric.name: candidate.scores.values.get(metric.name) for metric in chosen}
    if champion is None:
        return {"candidate": mine, "champion": None, "difference": None, "interval": None}
    theirs = {metric.name: champion.scores.values.get(metric.name) for metric in chosen}
    differences: dict[str, float | None] = {}
    intervals: dict[str, list[float] | None] = {}
    for metric in chosen:
        left, right = mine[metric.name], theirs[metric.name]
        differences[metric.name] = left - right if left is not None and right is not None else None
        ends = None
        if left is not None and right is not None:
            decides = rule.confidence is not None and metric is rule.primary.metric
            options: dict[str, Any] = {"confidence": rule.confidence, "decides": True} if decides else {}
            ends = difference_interval(metric, truth, candidate.predictions, champion.predictions, **options)
        intervals[metric.name] = list(ends) if ends else None
    return {"candidate": mine, "champion": theirs, "difference": differences, "interval": intervals}


def _log(decision: Decision, page: Path) -> None:
    measured = {
        f"{who}.{name}": value
        for who in ("candidate", "champion")
        for name, value in (decision.metrics[who] or {}).items()
        if value is not None
    }
    champion = decision.champion["version"] if decision.champion else "none"
    tracking.log(
        metrics=measured,
        tags={"verdict": decision.verdict, "reasons": decision.sentence, "champion_version": champion},
        artifacts=[page],
    )


def _tell(decision: Decision, rule: Rule, candidate: Scored, rival: Rival | None) -> None:
    champion = f"champion {decision.champion['version']}" if decision.champion else "no champion"
    print(f"{decision.data['rows']} held-out rows; candidate against {champion}")
    print(f"  {'metric':<22}{'candidate':>12}{'champion':>12}{'difference':>12}  interval")
    for criterion in rule.criteria:
        print(_line(criterion, rule, decision.metrics))
    for one in decision.slices:
        print(f"  {one['column']} {one['slice']}: {one['rows']} rows, {one['verdict']}")
    if candidate.rows_trained_on:
        print(f"note: the candidate was trained on rows equal to {candidate.rows_trained_on} of the held-out ones")
    if rival is not None and isinstance(rival.scored, Scored):
        for name, problem in rival.scored.scores.problems.items():
            print(f"note: {name} of the champion {problem}")
        seen = rival.scored.rows_trained_on
        print(f"the champion was trained on {'an unknown number' if seen is None else seen} of these rows")
    print(f"verdict: {decision.verdict}")
    for reason in decision.reasons:
        print(f"  - {reason}")


def _line(criterion: Criterion, rule: Rule, measured: Mapping[str, Any]) -> str:
    name = criterion.metric.name
    cells = (values_of(measured[who], name) for who in ("candidate", "champion", "difference"))
    ends = values_of(measured["interval"], name)
    shown = f"{number(ends[0])} to {number(ends[1])} ({rule.confidence_of(criterion)})" if ends else "-"
    return f"  {name:<22}{''.join(f'{_cell(value):>12}' for value in cells)}  {shown}"


def _cell(value: float | None) -> str:
    return "-" if value is None else number(value)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidate", type=Path, required=True, help="the newly trained model, an output of train")
    parser.add_argument("--test-data", type=Path, required=True, help="the held-out rows, an output of split_data")
    parser.add_argument("--target", required=True, help="the column that the model predicts")
    parser.add_argument("--task", choices=["regression", "classification"], required=True)
    parser.add_argument("--model-name", required=True, help="the registered model whose champion is to beat")
    parser.add_argument("--metrics", required=True, help="{metric: {goal, floor, min_improvement, ...}} as JSON")
    parser.add_argument("--primary-metric", help="the metric whose improvement must be beyond chance")
    parser.add_argument("--confidence", type=float, help="of the interval of that improvement, such as 0.9")
    parser.add_argument("--min-rows", type=int, default=1, help="how many held-out rows it takes to judge")
    parser.add_argument("--max-trained-on", type=float, help="share of the rows that the champion may have trained on")
    parser.add_argument("--schema-change", choices=["accept", "reject"], default="reject")
    parser.add_argument("--slices", help="{column: {max_worsening, min_rows}} as JSON")
    parser.add_argument("--decision", type=Path, required=True, help="the output folder")
    return parser.parse_args()


if __name__ == "__main__":
    run_step(main)
