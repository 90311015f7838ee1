"""Predicts the rows of files with a package. Rows that the package refuses are set aside, and told with the reason.

Azure's parallel runtime calls init() once in each worker and run() with the files of each mini-batch, again if it has
failed. What is written for a file has that file's name and replaces at once what an earlier attempt left, so that no
row is written twice, whichever worker tries how often.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from batch_files import open_table, written
from package_model import PackageModel, load_package
from penstock_steps.batches import set_aside_file
from penstock_steps.errors import StepError
from penstock_steps.lineage import Component
from penstock_steps.tables import may_be_table
from score_rows import score_table

COMPONENT = Component("batch_score", "1.0.1")


@dataclass(frozen=True)
class Work:
    """What a worker needs for each file."""

    data: Path
    scored: Path
    set_aside: Path
    prediction_column: str
    model: PackageModel


_work: list[Work] = []


def init() -> None:
    """Verify the package and load its model. Raises StepError if it is not what its manifest and the digest say."""
    arguments = _arguments()
    model = load_package(arguments.package, arguments.package_digest)
    print(f"{COMPONENT.name} {COMPONENT.version}: {model.name}, package {model.digest}", flush=True)
    _work[:] = [Work(arguments.data, arguments.scored, arguments.set_aside, arguments.prediction_column, model)]


def run(mini_batch: list[str]) -> list[str]:
    """Score the files of a mini-batch; returns for each of them a line of JSON with its counts.

    Raises StepError, naming the file, if one is no table or lacks a column that the model takes.
    """
    return [json.dumps(score_file(Path(file), _work[0]), ensure_ascii=False) for file in mini_batch]


def score_file(path: Path, work: Work) -> dict[str, str | int]:
    """Score one file; returns `{file, rows, scored, set_aside}`."""
    try:
        file = path.relative_to(work.data)
    except ValueError:
        raise StepError(
            f"{path} does not lie in {work.data}; give the folder that is split to --data as well"
        ) from None
    if not may_be_table(file):
        print(f"{file}: no table, left out", flush=True)
        return {"file": file.as_posix(), "rows": 0, "scored": 0, "set_aside": 0}
    table = open_table(path)
    with (
        written(work.set_aside / set_aside_file(file)) as aside,
        written(work.scored / file) as scored,
        aside.open("w", encoding="utf-8") as lines,
        table.writer(scored, work.prediction_column) as writer,
    ):
        counts = score_table(table, file.as_posix(), work.model, writer, lines)
    print(f"{file}: {counts.rows} rows, {counts.scored} scored, {counts.set_aside} set aside", flush=True)
    return {"file": file.as_posix(), "rows": counts.rows, "scored": counts.scored, "set_aside": counts.set_aside}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder whose files are scored")
    parser.add_argument("--package", type=Path, required=True, help="the package")
    parser.add_argument("--package-digest", help="the digest of the package's manifest, kept outside of it")
    parser.add_argument("--prediction-column", default="prediction", help="the column that is added")
    parser.add_argument("--scored", type=Path, required=True, help="the output folder of the rows with predictions")
    parser.add_argument("--set-aside", type=Path, required=True, help="the output folder of the rows without")
    return parser.parse_known_args()[0]  # Azure's runtime has arguments of its own on the same line
