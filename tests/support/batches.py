"""Tables to score with the package of `made`, and the two steps in this process."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from model_side import command_line
from packaged import Made

import batch_score
import check_batch

COLUMNS = ["area", "rooms", "town", "balcony", "lift", "built", "seen", "floor"]


@dataclass
class Batch:
    """A folder of files, and what becomes of it."""

    folder: Path
    made: Made

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def scored(self) -> Path:
        return self.folder / "scored"

    @property
    def set_aside(self) -> Path:
        return self.folder / "set_aside"

    def add(self, name: str, text: str) -> Path:
        """A file of the folder."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        return path

    def init(self, **options: Any) -> None:
        """Start a worker."""
        given = {
            "data": self.data,
            "package": self.made.package,
            "scored": self.scored,
            "set_aside": self.set_aside,
            **options,
        }
        # Azure's runtime has arguments of its own
        line = ["batch_score.py", *command_line(given), "--task_overhead_timeout", "60"]
        with patch.object(sys, "argv", line):
            batch_score.init()

    def score(self, *names: str) -> list[dict[str, Any]]:
        """What run() returns for a mini-batch, for that of all files if none is named."""
        files = [self.data / name for name in names] or [
            Path(here, f) for here, _, fs in os.walk(self.data) for f in fs
        ]
        return [json.loads(line) for line in batch_score.run([str(file) for file in sorted(files)])]

    def aside(self, name: str) -> list[dict[str, Any]]:
        """The rows of a file that were set aside."""
        lines = (self.set_aside / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line]

    def check(self, **options: Any) -> dict[str, Any]:
        """The report of check_batch."""
        report = self.folder / "report"
        given = {"data": self.data, "scored": self.scored, "set_aside": self.set_aside, "report": report, **options}
        with patch.object(sys, "argv", ["check_batch.py", *command_line(given)]):
            check_batch.main()
        found: dict[str, Any] = json.loads((report / "report.json").read_text(encoding="utf-8"))
        return found


def row(**values: str) -> str:
    """A line of a CSV file with the columns of `COLUMNS`."""
    usual = {
        "area": "80.5",
        "rooms": "3",
        "town": "Oslo",
        "balcony": "True",
        "lift": "True",
        "built": "1990-05-01",
        "seen": "2024-03-01 10:00",
        "floor": "2",
    }
    return ",".join({**usual, **values}[column] for column in COLUMNS)


def table(*rows: str) -> str:
    """A CSV file."""
    return "\n".join([",".join(COLUMNS), *rows, ""])
