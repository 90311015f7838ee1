"""Hands on the newest file of a folder, as the folder is when the step runs."""

from __future__ import annotations

import argparse
import shutil
from datetime import UTC, datetime
from pathlib import Path

from newest import Selection, select, write_selection
from penstock_steps import lineage
from penstock_steps.errors import run_step
from penstock_steps.lineage import Component

COMPONENT = Component("newest_data", "1.0.0")


def main(arguments: list[str] | None = None) -> None:
    """Choose, copy, say what was chosen; StepError if there is no newest file."""
    args = _parser().parse_args(arguments)
    chosen_at = datetime.now(UTC).isoformat(timespec="seconds")
    newest = select(args.folder, args.pattern, args.date_format)
    args.data.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(args.folder / newest.file, args.data)
    selection = write_selection(args.selection, newest, args.data)
    lineage.write(args.selection, "selection", _record(args, selection, chosen_at))
    dated = f", of {selection.date}" if selection.date else ""
    before = f"; before it: {selection.before}" if selection.before else ""
    print(f"Newest: {selection.file}{dated}, {selection.bytes} bytes, {selection.digest}")
    print(f"Chosen from {selection.files} files that {args.pattern} matches{before}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--pattern", required=True)
    parser.add_argument("--date-format")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--selection", type=Path, required=True)
    return parser


def _record(args: argparse.Namespace, selection: Selection, chosen_at: str) -> lineage.StepRecord:
    """When it was chosen stands here and not in selection.json: that would differ each time."""
    parameters = {"pattern": args.pattern, "date_format": args.date_format}
    facts = {"file": selection.file, "date": selection.date, "files": selection.files, "chosen_at": chosen_at}
    return lineage.record(
        COMPONENT,
        inputs={"data": selection.digest},
        parameters={name: value for name, value in parameters.items() if value is not None},
        facts=facts,
    )


if __name__ == "__main__":
    run_step(main)
