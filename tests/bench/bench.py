"""`make bench`: how long things take, as whole processes, with a floor from the same run.

Each command is run several times in turn with a bare interpreter (`python -c pass`), so that a busy machine shows in
both; medians are printed. The retraining loop runs in fresh workspaces (first run: accepted and packaged; then again
in the same one: rejected), and in one process. `tests/bench/generated.py` makes the repositories that are checked.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import engine
import generated
import serving
from figures import OWN, Report

ROOT = Path(__file__).parents[2]
PENSTOCK = Path(sys.executable).with_name("penstock")
JOB = ROOT / "pipelines" / "retrain_diabetes.yml"
BARE = [sys.executable, "-c", "pass"]


def seconds(*line: str | Path) -> float:
    """The wall time of one process. Raises CalledProcessError if it fails."""
    began = time.perf_counter()
    subprocess.run(line, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def compare(report: Report, name: str, line: list[str | Path], runs: int = 9) -> None:
    """Take in the median of `line`, beside that of a bare interpreter."""
    pairs = [(seconds(*line), seconds(*BARE)) for _ in range(runs + 1)][1:]  # the first warms the disk's cache
    own, bare = (statistics.median(values) for values in zip(*pairs, strict=True))
    report.told(name, own, f"bare python {bare:.3f} s, ratio {own / bare:.1f}")


def checks(report: Report, runs: int = 5) -> None:
    """`penstock check`: a repository, one file, and pipelines of one and two thousand nodes."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        generated.repository(root / "repository", 500)
        one, two = (generated.big_pipeline(root / f"nodes_{nodes}", nodes) for nodes in (1000, 2000))
        component = one.parent / "components/step_1/component.yml"
        compare(report, "penstock check, one component", [PENSTOCK, "check", component])
        compare(report, "penstock check, the loop's job", [PENSTOCK, "check", JOB])
        compare(report, "penstock check, 500 files", [PENSTOCK, "check", root / "repository"], runs)
        compare(report, "penstock check, 1,000 nodes", [PENSTOCK, "check", one], runs)
        pairs = [(seconds(PENSTOCK, "check", one), seconds(PENSTOCK, "check", two)) for _ in range(runs)]
        report.told("2,000 nodes : 1,000 nodes", statistics.median(second / first for first, second in pairs))


def loop(report: Report, runs: int = 3) -> None:
    """The retraining loop in a fresh workspace (accepted) and again (rejected), and the same steps in one process."""
    first, second, plain = [], [], []
    script = Path(__file__).with_name("one_process.py")
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as workspace:
            line: list[str | Path] = [PENSTOCK, "run", JOB, "--workspace", workspace]
            first.append(seconds(*line))
            second.append(seconds(*line))
        with tempfile.TemporaryDirectory() as workspace:
            plain.append(seconds(sys.executable, script, JOB, workspace))
    own, alone = statistics.median(first), statistics.median(plain)
    report.told("make run, fresh workspace", own)
    report.told("make run, second (rejected)", statistics.median(second))
    report.told("retraining loop : one process", own / alone, f"{own:.1f} s, one process {alone:.1f} s")


def main() -> int:
    report = Report("make bench", OWN)
    for verb in ("", "run ", "compile ", "check "):
        compare(report, f"penstock {verb}--help", [PENSTOCK, *verb.split(), "--help"])
    checks(report)
    loop(report)
    engine.measure(report)
    serving.measure(report)
    report.keep()
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
