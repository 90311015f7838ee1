"""Scores the candidate and the champion on the same held-out rows and decides whether the candidate is accepted."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from criteria import Criterion, read_criteria
from interval import difference_interval
from penstock_steps import lineage, tracking
from penstock_steps.decision import Decision, write_decision
from penstock_steps.errors import StepError, run_step
from penstock_steps.lineage import Component, Lineage, StepRecord
from penstock_steps.metrics import Values
from scoring import Scored, UnscorableError, check_purpose, held_out, is_unfinished, score, score_champion
from verdict import judge, number

COMPONENT = Component("evaluate", "1.0.0")


def main() -> None:
    arguments = _arguments()
    criteria = read_criteria(arguments.metrics, arguments.task)
    candidate_origin, test_origin = origins(arguments.candidate, arguments.test_data)
    rows = held_out(arguments.test_data, arguments.target, arguments.task)
    check_purpose(candidate_origin.steps, rows, "the candidate")
    try:
        candidate = score(arguments.candidate, rows, criteria)
    except UnscorableError as error:
        raise StepError(f"the candidate cannot be scored on {arguments.test_data}: {error}") from None
    champion, against = score_champion(arguments.model_name, rows, criteria)
    verdict, reasons = judge(
        criteria, candidate.scores, champion, against.scores if isinstance(against, Scored) else against
    )
    if isinstance(against, Scored) and champion and is_unfinished(champion, candidate_origin.digest):
        verdict = "accept"
        reasons = [
            f"the candidate is the champion itself, version {champion.version}, which a run that was interrupted has "
            "left without a package; this run finishes it and adds no version"
        ]
    steps = lineage.merge([candidate_origin, test_origin])
    decision = Decision(
        verdict=verdict,
        reasons=reasons,
        metrics=compare(criteria, rows.truth, candidate, against if isinstance(against, Scored) else None),
        champion=champion.as_dict() if champion else None,
        candidate={"digest": candidate_origin.digest},
        data={
            "digest": test_origin.digest,
            "rows": len(rows.table),
            "rows_champion_trained_on": against.rows_trained_on if isinstance(against, Scored) else None,
        },
        suite=suite_of(steps),
    )
    _tell(decision, criteria, candidate, against)
    write_decision(arguments.decision, decision)
    _log(decision)
    own = lineage.record(
        COMPONENT,
        inputs={"candidate": candidate_origin.digest, "test_data": test_origin.digest},
        parameters={
            "target": arguments.target,
            "task": arguments.task,
            "model_name": arguments.model_name,
            "metrics": arguments.metrics,
        },
        facts={"verdict": verdict, "metrics": decision.metrics, "champion": decision.champion},
    )
    lineage.write(arguments.decision, "decision", own, [candidate_origin, test_origin])


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


def compare(criteria: Sequence[Criterion], truth: Values, candidate: Scored, champion: Scored | None) -> dict[str, Any]:
    """The `metrics` of decision.json; a value that does not exist is None."""
    chosen = [criterion.metric for criterion in criteria]
    mine = {metric.name: candidate.scores.values.get(metric.name) for metric in chosen}
    if champion is None:
        return {"candidate": mine, "champion": None, "difference": None, "interval": None}
    theirs = {metric.name: champion.scores.values.get(metric.name) for metric in chosen}
    differences: dict[str, float | None] = {}
    intervals: dict[str, list[float] | None] = {}
    for metric in chosen:
        left, right = mine[metric.name], theirs[metric.name]
        known = left is not None and right is not None
        differences[metric.name] = left - right if left is not None and right is not None else None
        ends = difference_interval(metric, truth, candidate.predictions, champion.predictions) if known else None
        intervals[metric.name] = list(ends) if ends else None
    return {"candidate": mine, "champion": theirs, "difference": differences, "interval": intervals}


def _log(decision: Decision) -> None:
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
    )


def _tell(decision: Decision, criteria: Sequence[Criterion], candidate: Scored, against: Scored | str | None) -> None:
    champion = f"champion {decision.champion['version']}" if decision.champion else "no champion"
    print(f"{decision.data['rows']} held-out rows; candidate against {champion}")
    print(f"  {'metric':<22}{'candidate':>12}{'champion':>12}{'difference':>12}  95 % interval")
    for criterion in criteria:
        print(_line(criterion.metric.name, decision.metrics))
    if candidate.rows_trained_on:
        print(f"note: the candidate was trained on rows equal to {candidate.rows_trained_on} of the held-out ones")
    if isinstance(against, Scored):
        for name, problem in against.scores.problems.items():
            print(f"note: {name} of the champion {problem}")
        seen = against.rows_trained_on
        print(f"the champion was trained on {'an unknown number' if seen is None else seen} of these rows")
    print(f"verdict: {decision.verdict}")
    for reason in decision.reasons:
        print(f"  - {reason}")


def _line(name: str, measured: Mapping[str, Any]) -> str:
    values = [(measured[who] or {}).get(name) for who in ("candidate", "champion", "difference")]
    ends = (measured["interval"] or {}).get(name)
    cells = "".join(f"{'-' if value is None else number(value):>12}" for value in values)
    return f"  {name:<22}{cells}  {f'{number(ends[0])} to {number(ends[1])}' if ends else '-'}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidate", type=Path, required=True, help="the newly trained model, an output of train")
    parser.add_argument("--test-data", type=Path, required=True, help="the held-out rows, an output of split_data")
    parser.add_argument("--target", required=True, help="the column that the model predicts")
    parser.add_argument("--task", choices=["regression", "classification"], required=True)
    parser.add_argument("--model-name", required=True, help="the registered model whose champion is to beat")
    parser.add_argument("--metrics", required=True, help="{metric: {goal, floor, min_improvement}} as JSON")
    parser.add_argument("--decision", type=Path, required=True, help="the output folder")
    return parser.parse_args()


if __name__ == "__main__":
    run_step(main)
