"""Puts every row of a validated table into train or test, so that a row keeps its side as the data grows."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

import splits
from penstock_steps import lineage
from penstock_steps.digests import content_digest
from penstock_steps.errors import StepError, run_step
from penstock_steps.gate_report import read_report
from penstock_steps.lineage import Component
from penstock_steps.tables import read_table, write_table

COMPONENT = Component("split_data", "1.0.0")


def main(arguments: list[str] | None = None) -> None:
    """Split and write both sides; StepError if the data is not what the gate passed, or a side would be empty."""
    args = _parser().parse_args(arguments)
    _check(args)
    report = _passed(args.data, args.validation_report)
    frame = read_table(args.data)
    held_out = _held_out(frame, args)
    sides = {"train": frame[~held_out], "test": frame[held_out]}
    for name, rows in sides.items():
        if rows.empty:
            raise StepError(
                f"no row of {len(frame)} would be in {name} (method {args.method}, "
                f"test_fraction {args.test_fraction}); use more data or another test_fraction"
            )
    counts = {f"{name}_rows": len(rows) for name, rows in sides.items()}
    own = _record(args, report, {"rows": len(frame), **counts})
    for name, rows in sides.items():
        folder: Path = getattr(args, name)
        write_table(rows, folder)
        lineage.write(folder, name, own, [report])
    share = counts["test_rows"] / len(frame)
    print(f"Rows:  {len(frame)}, split by {args.method}")
    print(f"Train: {counts['train_rows']} rows")
    print(f"Test:  {counts['test_rows']} rows ({share:.1%}; asked for {args.test_fraction:.1%})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--validation-report", type=Path, required=True)
    parser.add_argument("--method", choices=("hash", "stratified", "time"), required=True)
    parser.add_argument("--test-fraction", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--key-columns", type=_names)
    parser.add_argument("--stratify-column")
    parser.add_argument("--time-column")
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    return parser


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _check(args: argparse.Namespace) -> None:
    """Raise StepError for parameters that contradict each other or would be ignored."""
    if not 0 < args.test_fraction < 1:
        raise StepError(f"test_fraction is {args.test_fraction}; it must be between 0 and 1, or a side would be empty")
    if args.key_columns == []:
        raise StepError("key_columns names no column; leave it out to use the whole row")
    for method, option in (("stratified", "stratify_column"), ("time", "time_column")):
        given = getattr(args, option) is not None
        if args.method == method and not given:
            raise StepError(f"the method {method} needs {option}")
        if args.method != method and given:
            raise StepError(f"{option} is given, but the method is {args.method}; use method {method} or leave it out")
    if args.method == "time" and args.key_columns:
        raise StepError("key_columns is given, but the method time looks at the time alone; leave it out")


def _passed(data: Path, report_folder: Path) -> lineage.Lineage:
    """The lineage of a report that says that this very data passed the gate."""
    verified = lineage.verify(report_folder, component="validate_data")
    report = read_report(report_folder)
    if report.verdict != "passed":
        raise StepError(f"the validation report says that the data is refused ({report_folder}); see its report.html")
    if not data.exists():
        raise StepError(f"{data} does not exist; give the data that validate_data checked")
    found = content_digest(data)
    if found != report.data_digest:
        raise StepError(
            f"{data} is not the data that validate_data checked: its content digest is {found}, the report's is "
            f"{report.data_digest}. Connect both steps to the same data and run them again"
        )
    return verified


def _held_out(frame: pd.DataFrame, args: argparse.Namespace) -> splits.Side:
    if args.method == "time":
        return splits.newest(frame, args.test_fraction, args.time_column)
    if args.method == "stratified":
        return splits.stratified(frame, args.test_fraction, args.key_columns, args.seed, args.stratify_column)
    return splits.by_hash(frame, args.test_fraction, args.key_columns, args.seed)


def _record(args: argparse.Namespace, report: lineage.Lineage, facts: dict[str, int]) -> lineage.StepRecord:
    options = ("method", "test_fraction", "seed", "key_columns", "stratify_column", "time_column")
    return lineage.record(
        COMPONENT,
        inputs={"data": report.steps["validate_data"].inputs["data"], "validation_report": report.digest},
        parameters={name: getattr(args, name) for name in options if getattr(args, name) is not None},
        facts=facts,
    )


if __name__ == "__main__":
    run_step(main)
