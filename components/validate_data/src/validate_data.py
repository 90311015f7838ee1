"""The data gate: checks a table against a Great Expectations suite; exits 1, with reasons, if it is refused."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from penstock_steps import lineage
from penstock_steps.errors import StepError, run_step
from penstock_steps.gate import check, refusal, warnings
from penstock_steps.gate_page import write_page
from penstock_steps.gate_report import PAGE_FILE, SEVERITIES, Policy, Report, write_report
from penstock_steps.lineage import Component

COMPONENT = Component("validate_data", "1.0.0")


def main(arguments: list[str] | None = None) -> None:
    """Check, write the report whatever the verdict, and raise StepError if the data is refused."""
    args = _parser().parse_args(arguments)
    if args.min_rows < 1:
        raise StepError(f"min_rows is {args.min_rows}; it must be at least 1, for a table without rows proves nothing")
    parameters = _parameters(args.suite_parameters)
    report = check(args.data, args.suite, Policy(args.fail_on, args.min_rows), parameters)
    write_report(args.report, report)
    write_page(args.report, report)
    lineage.write(args.report, "report", _record(report, parameters))
    _print(report)
    if report.verdict == "failed":
        print(f"The whole report: {args.report / PAGE_FILE}")
        raise StepError(refusal(report))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--suite", type=Path, required=True)
    parser.add_argument("--fail-on", choices=SEVERITIES, required=True)
    parser.add_argument("--min-rows", type=int, required=True)
    parser.add_argument("--suite-parameters")
    parser.add_argument("--report", type=Path, required=True)
    return parser


def _parameters(text: str | None) -> dict[str, Any]:
    try:
        parameters = json.loads(text or "{}")
    except ValueError as error:
        raise StepError(f"suite_parameters is not JSON ({error}): {text}") from None
    if not isinstance(parameters, dict):
        raise StepError(f'suite_parameters must be a JSON object, as {{"name": value}}, not {text}')
    return parameters


def _record(report: Report, parameters: dict[str, Any]) -> lineage.StepRecord:
    return lineage.record(
        COMPONENT,
        inputs={"data": report.data_digest, "suite": report.suite_digest},
        parameters={
            "fail_on": report.policy.fail_on,
            "min_rows": report.policy.min_rows,
            "suite_parameters": parameters,
        },
        facts={
            "verdict": report.verdict,
            "rows": report.rows,
            "columns": len(report.columns),
            "suite": report.suite,
            "counts": report.counts,
            "great_expectations": report.great_expectations,
        },
    )


def _print(report: Report) -> None:
    if report.rows is not None:
        print(f"Data:  {report.rows} rows, {len(report.columns)} columns, {report.data_digest}")
    if report.suite_name:
        print(f"Suite: {report.suite_name}, {report.suite_digest}")
    for line in warnings(report):
        print(f"WARNING: {line}")
    if report.results:
        print(f"Passed: {report.counts['passed']} of {len(report.results)} checks")


if __name__ == "__main__":
    run_step(main)
