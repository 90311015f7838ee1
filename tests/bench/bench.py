"""`make bench`: how long things take, as whole processes, with a floor from the same run.

Each command is run several times in turn with a bare interpreter (`python -c pass`), so that a busy machine shows in
both; medians are printed. The retraining loop runs in fresh workspaces (first run: accepted and packaged; then again
in the same one: rejected). `tests/bench/generated.py` makes the repositories that are checked.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import engine
import generated

ROOT = Path(__file__).parents[2]
PENSTOCK = Path(sys.executable).with_name("penstock")
JOB = ROOT / "pipelines" / "retrain_diabetes.yml"
BARE = [sys.executable, "-c", "pass"]


def seconds(*line: str | Path) -> float:
    """The wall time of one process. Raises CalledProcessError if it fails."""
    began = time.perf_counter()
    subprocess.run(line, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def compare(name: str, line: list[str | Path], bound: float, runs: int = 9) -> bool:
    """Print the median of `line` beside that of a bare interpreter; returns whether it is within `bound` seconds."""
    pairs = [(seconds(*line), seconds(*BARE)) for _ in range(runs + 1)][1:]  # the first warms the disk's cache
    own, bare = (statistics.median(values) for values in zip(*pairs, strict=True))
    return show(name, own, bound, f"bare python {bare:.3f} s, ratio {own / bare:.1f}")


def show(name: str, value: float, bound: float, note: str) -> bool:
    good = value <= bound
    print(f"{name:34} {value:8.3f} s   bound {bound:5.2f} s   {'ok  ' if good else 'OVER'}   {note}")
    return good


def checks(runs: int = 5) -> bool:
    """`penstock check`: a repository, one file, and pipelines of one and two thousand nodes."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        generated.repository(root / "repository", 500)
        one, two = (generated.big_pipeline(root / f"nodes_{nodes}", nodes) for nodes in (1000, 2000))
        good = [
            compare(
                "penstock check, one component",
                [PENSTOCK, "check", one.parent / "components/step_1/component.yml"],
                0.25,
            ),
            compare("penstock check, the loop's job", [PENSTOCK, "check", JOB], 0.25),
            compare("penstock check, 500 files", [PENSTOCK, "check", root / "repository"], 2, runs),
            compare("penstock check, 1,000 nodes", [PENSTOCK, "check", one], 1, runs),
        ]
        pairs = [(seconds(PENSTOCK, "check", one), seconds(PENSTOCK, "check", two)) for _ in range(runs)]
        ratio = statistics.median(second / first for first, second in pairs)
        fits = ratio < 2.6
        print(f"{'2,000 nodes : 1,000 nodes':34} {ratio:8.2f}     bound  2.60     {'ok' if fits else 'OVER'}")
    return all(good) and fits


def loop(runs: int = 3) -> bool:
    """The retraining loop: accepted in a fresh workspace, then rejected in the same one."""
    first, second = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as workspace:
            line = [PENSTOCK, "run", JOB, "--workspace", workspace]
            first.append(seconds(*line))
            second.append(seconds(*line))
    imports = seconds(sys.executable, "-c", "import great_expectations, mlflow, pandas, sklearn.linear_model")
    good = show(
        "make run, fresh workspace", statistics.median(first), 30, f"the libraries' own imports once {imports:.1f} s"
    )
    return show("make run, second (rejected)", statistics.median(second), 30, "") and good


def main() -> int:
    print(f"{platform.machine()}, Python {platform.python_version()}; medians of whole processes")
    good = [
        compare("penstock --help", [PENSTOCK, "--help"], 0.25),
        compare("penstock run --help", [PENSTOCK, "run", "--help"], 0.25),
        compare("penstock compile --help", [PENSTOCK, "compile", "--help"], 0.25),
        compare("penstock check --help", [PENSTOCK, "check", "--help"], 0.25),
        checks(),
        loop(),
        engine.measure(),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
