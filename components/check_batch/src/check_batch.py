"""Checks that every row of a batch was scored in its place or set aside, once, and that no value was touched."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from compare import FileCounts, check_file, stray_files
from penstock_steps import lineage
from penstock_steps.digests import content_digest
from penstock_steps.errors import StepError, run_step
from penstock_steps.lineage import Component
from penstock_steps.tables import table_files

COMPONENT = Component("check_batch", "1.0.1")


def main() -> None:
    arguments = _arguments()
    tables = [path.relative_to(arguments.data) for path in table_files(arguments.data)]
    if not tables:
        raise StepError(
            f"{arguments.data} holds no table, so nothing was scored; give a folder of CSV or Parquet files"
        )
    stray = stray_files(tables, arguments.scored, arguments.set_aside)
    if stray:
        raise StepError(
            f"{', '.join(stray)}: no file of {arguments.data} is named so; was it cleared between two runs?"
        )
    files = [check_file(file, arguments.data, arguments.scored, arguments.set_aside) for file in tables]
    report = _report(files)
    _tell(report)
    share = report["set_aside"] / max(1, report["rows"])
    if share > arguments.max_set_aside:
        raise StepError(
            f"{report['set_aside']} of {report['rows']} rows were set aside ({share:.1%}), at most "
            f"{arguments.max_set_aside:.1%} may be (--max-set-aside); their reasons are above"
        )
    _write(arguments, report)


def _report(files: list[FileCounts]) -> dict[str, Any]:
    reasons: dict[str, int] = {}
    for file in files:
        for column in file.columns:
            reasons[column] = reasons.get(column, 0) + 1
    return {
        "rows": sum(file.rows for file in files),
        "scored": sum(file.scored for file in files),
        "set_aside": sum(file.set_aside for file in files),
        "set_aside_by_column": dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        "files": [
            {"file": file.name, "rows": file.rows, "scored": file.scored, "set_aside": file.set_aside} for file in files
        ],
    }


def _tell(report: dict[str, Any]) -> None:
    print(f"{report['rows']} rows = {report['scored']} scored + {report['set_aside']} set aside")
    for column, count in report["set_aside_by_column"].items():
        print(f"  set aside because of {column}: {count}")


def _write(arguments: argparse.Namespace, report: dict[str, Any]) -> None:
    arguments.report.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2, ensure_ascii=False)
    (arguments.report / "report.json").write_text(text + "\n", encoding="utf-8")
    inputs = {name: content_digest(getattr(arguments, name)) for name in ("data", "scored", "set_aside")}
    counts = {name: report[name] for name in ("rows", "scored", "set_aside")}
    own = lineage.record(COMPONENT, inputs=inputs, parameters={"max_set_aside": arguments.max_set_aside}, facts=counts)
    lineage.write(arguments.report, "report", own)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="what batch_score was given")
    parser.add_argument("--scored", type=Path, required=True, help="its output scored")
    parser.add_argument("--set-aside", type=Path, required=True, help="its output set_aside")
    parser.add_argument("--max-set-aside", type=float, default=1.0, help="the share of rows that may be set aside")
    parser.add_argument("--report", type=Path, required=True, help="the output folder")
    return parser.parse_args()


if __name__ == "__main__":
    run_step(main)
