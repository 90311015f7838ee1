"""The bounds of the benches, and the file that keeps what was measured: docs/benchmarks.md, a section per bench."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "benchmarks.md"
_HEAD = """# How long things take

Written by `make bench` and `make bench-peers`, each its own section: medians of whole processes,
compared within one run.
"""


@dataclass(frozen=True)
class Bound:
    """What a figure may be: at most `limit`, or at least."""

    limit: float
    unit: str = "s"
    at_least: bool = False

    def allows(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g} {self.unit}"


OWN = {
    "penstock --help": Bound(0.25),
    "penstock run --help": Bound(0.25),
    "penstock compile --help": Bound(0.25),
    "penstock check --help": Bound(0.25),
    "penstock check, one component": Bound(0.25),
    "penstock check, the loop's job": Bound(0.25),
    "penstock check, 500 files": Bound(2),
    "penstock check, 1,000 nodes": Bound(1),
    "2,000 nodes : 1,000 nodes": Bound(2.6, "x"),
    "make run, fresh workspace": Bound(30),
    "make run, second (rejected)": Bound(30),
    "retraining loop : one process": Bound(1.5, "x"),
    "20-node chain : GNU make": Bound(2.5, "x"),
    "each further node : GNU make": Bound(2, "x"),
    "20-node chain, all reused": Bound(0.35),
    "chain_1000, a node : one of 20": Bound(1.5, "x"),
    "chain_1000, memory": Bound(150, "MB"),
    "fan_1000, a node : one of 20": Bound(1.5, "x"),
    "fan_1000, memory": Bound(150, "MB"),
    "2 GB of inputs, unchanged": Bound(0.2),
    "2 GB of inputs, read, of what is allowed": Bound(1, "x"),
    "make run, to prod": Bound(45),
    "requests/s, penstock : mlflow": Bound(8, "x", at_least=True),
    "requests/s, penstock : FastAPI": Bound(1, "x", at_least=True),
    "p50, mlflow : penstock": Bound(8, "x", at_least=True),
    "start, mlflow : penstock": Bound(3, "x", at_least=True),
}
PEERS = {
    "cold : GNU make": Bound(2.5, "x"),
    "fully reused, from the shell": Bound(0.35),
    "penstock --help": Bound(0.25),
    "penstock run --help": Bound(0.25),
    "fully reused, kfp : penstock": Bound(3, "x", at_least=True),
    "fully reused, snakemake : penstock": Bound(3, "x", at_least=True),
    "fully reused, dvc : penstock": Bound(3, "x", at_least=True),
}


class Report:
    """The figures of one bench: printed as they come, kept in its section of the file at the end."""

    def __init__(self, command: str, bounds: dict[str, Bound]) -> None:
        self._command = command
        self._bounds = bounds
        self._rows: list[str] = []
        self.good = True

    def told(self, name: str, value: float, note: str = "") -> None:
        """Take in a figure, whose bound must be among those of the bench."""
        bound = self._bounds[name]
        verdict = "ok" if bound.allows(value) else "OVER"
        self.good &= bound.allows(value)
        print(f"{name:42} {value:8.3f} {bound.unit:2}  bound {bound!s:10} {verdict:4}  {note}", flush=True)
        self._rows.append(f"| {name} | {value:.3g} {bound.unit} | {bound} | {verdict} | {note} |")

    def keep(self, more: str = "") -> None:
        """Write the section; the other sections stay. `more` is text below the table."""
        table = ["| what | median | bound | | beside it |", "|---|---|---|---|---|", *self._rows]
        write(FILE, self._command, "\n".join([where(), "", *table, *(["", more] if more else [])]))


def write(file: Path, heading: str, section: str) -> None:
    """Put a section into the file, in the place of that of the same heading."""
    text = file.read_text() if file.exists() else _HEAD
    head, *sections = text.split("\n## ")
    kept = {part.splitlines()[0]: part.rstrip("\n") for part in sections}
    kept[heading] = f"{heading}\n\n{section}"
    file.write_text(head.rstrip("\n") + "\n" + "".join(f"\n## {kept[name]}\n" for name in sorted(kept)))


def where() -> str:
    """The day, the revision, the machine."""
    line = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    said = subprocess.run(line, capture_output=True, text=True, check=False)  # nothing where there is no git
    revision = said.stdout.strip() or "no revision"
    load = os.getloadavg()[0]
    return (
        f"{time.strftime('%Y-%m-%d')}, revision {revision}; {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, load {load:.1f} at the end, Python {platform.python_version()}."
    )
