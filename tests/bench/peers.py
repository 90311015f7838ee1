"""`make bench-peers`: the chain of twenty trivial Python steps, by penstock and by what a user would pick instead.

Each tool comes from an environment of its own (`.tools/peers/<name>`), gets a fresh folder in each round, runs the
chain cold, one step at a time, and then again with nothing changed. The tools take turns within a round, so that a busy
machine shows in all; medians are told. Steps run in the interpreter of this process, except kfp's, which has to
use its own.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import engine
from figures import PEERS, ROOT, Report

NODES = 20
KFP_CHAIN = ROOT / "tests" / "bench" / "peers" / "kfp_chain.py"
PYTHON_PEERS = ("kfp", "snakemake", "dvc")
QUIET = {"DVC_NO_ANALYTICS": "1"}


def peer(name: str, program: str) -> str:
    """A program of a peer's environment."""
    return str(ROOT / ".tools" / "peers" / name / "bin" / program)


def called(line: list[str | Path], folder: Path) -> str:
    """What a program says on stdout."""
    return subprocess.run(line, cwd=folder, check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Tool:
    """How a tool runs the chain in a folder that `engine.project` has made.

    `checks` is what its cache looks at, `last` where it leaves the last output, `version` what tells its version.
    """

    name: str
    checks: str
    line: list[str | Path]
    last: str
    version: list[str | Path]
    prepare: Callable[[Path], None] = lambda folder: None


def snakefile(folder: Path) -> None:
    rules = [f"rule all:\n    input: 'o{NODES - 1}'\n"]
    for number in range(NODES):
        before = f"o{number - 1}" if number else "in.txt"
        shell = f"{sys.executable} src/step.py {{input}} {number} {{output}}"
        rules.append(f"rule s{number}:\n    input: '{before}'\n    output: 'o{number}'\n    shell: '{shell}'\n")
    (folder / "Snakefile").write_text("\n".join(rules))


def dvc_stages(folder: Path) -> None:
    stages = ["stages:"]
    for number in range(NODES):
        before = f"o{number - 1}" if number else "in.txt"
        stages += [f"  s{number}:", f"    cmd: {sys.executable} src/step.py {before} {number} o{number}"]
        stages += [f"    deps: [src/step.py, {before}]", f"    outs: [o{number}]"]
    (folder / "dvc.yaml").write_text("\n".join(stages) + "\n")
    called([peer("dvc", "dvc"), "init", "--no-scm", "--quiet"], folder)


def kfp_pipeline(folder: Path) -> None:
    script = str(folder / "src" / "step.py")
    called([peer("kfp", "python"), KFP_CHAIN, "compile", "chain.yaml", script, str(NODES)], folder)


TOOLS = (
    Tool("GNU make", "times of files", ["make", "-s", "-j1"], f"o{NODES - 1}", ["make", "--version"]),
    Tool(
        "penstock",
        "content of inputs, code and outputs",
        [engine.PENSTOCK, "run", "job.yml", "--workspace", "ws", "--jobs", "1"],
        f"ws/runs/*/nodes/s{NODES - 1}/outputs/out",
        [engine.PENSTOCK, "--version"],
    ),
    Tool(
        "kfp",
        "names and arguments; that outputs exist",
        [peer("kfp", "python"), KFP_CHAIN, "run", "chain.yaml", "in.txt", "root"],
        f"root/chain-*/step-{NODES - 1}/out",
        [peer("kfp", "python"), "-c", "import kfp; print(kfp.__version__)"],
        kfp_pipeline,
    ),
    Tool(
        "snakemake",
        "times of files, then content of small ones; rules",
        [peer("snakemake", "snakemake"), "--cores", "1"],
        f"o{NODES - 1}",
        [peer("snakemake", "snakemake"), "--version"],
        snakefile,
    ),
    Tool(
        "dvc",
        "content of inputs, code and outputs",
        [peer("dvc", "dvc"), "repro"],
        f"o{NODES - 1}",
        [peer("dvc", "dvc"), "--version"],
        dvc_stages,
    ),
)


def round_of(tool: Tool, folder: Path) -> tuple[float, float]:
    """Seconds of a cold run and of one with nothing to do, in a fresh folder. Raises ValueError if it did not do so."""
    engine.project(folder, NODES, chain=True)
    tool.prepare(folder)
    first, _ = engine.timed(tool.line, folder)
    made = _last_outputs(tool, folder)
    if not made or any(file.read_text() != _EXPECTED for file in made):
        raise ValueError(f"{tool.name} has not run the chain: {tool.last} in {folder}")
    when = max(file.stat().st_mtime_ns for file in made)
    again, _ = engine.timed(tool.line, folder)
    if max(file.stat().st_mtime_ns for file in _last_outputs(tool, folder)) != when:
        raise ValueError(f"{tool.name} ran the last step again though nothing had changed")
    return first, again


_EXPECTED = "in\n" + "".join(f"{number}\n" for number in range(NODES))


def _last_outputs(tool: Tool, folder: Path) -> list[Path]:
    return list(folder.glob(tool.last))


def main(rounds: int = 3) -> int:
    os.environ.update(QUIET)
    report = Report("make bench-peers", PEERS)
    cold: dict[str, list[float]] = {tool.name: [] for tool in TOOLS}
    reused: dict[str, list[float]] = {tool.name: [] for tool in TOOLS}
    starts: dict[str, list[float]] = {"penstock --help": [], "penstock run --help": []}
    with engine.scratch() as name:
        os.environ["DVC_SITE_CACHE_DIR"] = f"{name}/dvc"
        for number in range(rounds + 1):
            for tool in TOOLS:
                first, again = round_of(tool, Path(name) / f"{tool.name}_{number}")
                if number:  # the first round warms the disk's cache
                    cold[tool.name].append(first)
                    reused[tool.name].append(again)
            for line, taken in starts.items():
                taken.append(engine.timed([engine.PENSTOCK, *line.split()[1:]], Path(name))[0])
    middle, middle_again = ({name: statistics.median(taken) for name, taken in all_.items()} for all_ in (cold, reused))
    own, own_again = middle["penstock"], middle_again["penstock"]
    report.told("cold : GNU make", own / middle["GNU make"], f"{own:.2f} s")
    report.told("fully reused, from the shell", own_again)
    for line, taken in starts.items():
        report.told(line, statistics.median(taken))
    for peer_name in PYTHON_PEERS:
        value = middle_again[peer_name] / own_again
        report.told(f"fully reused, {peer_name} : penstock", value, f"{middle_again[peer_name]:.2f} s")
    table = ["| tool | cold | : make | : penstock | nothing to do | : penstock | what its cache checks |"]
    table += ["|---|---|---|---|---|---|---|"]
    for tool in TOOLS:
        now, again = middle[tool.name], middle_again[tool.name]
        table.append(
            f"| {_version(tool)} | {now:.2f} s | {now / middle['GNU make']:.1f} | {now / own:.2f} "
            f"| {again:.3f} s | {again / own_again:.2f} | {tool.checks} |"
        )
    what = f"A chain of {NODES} trivial Python steps, one at a time, files in memory; medians of {rounds} rounds."
    text = "\n".join([what, "", *table])
    print(text)
    report.keep(text)
    return 0 if report.good else 1


def _version(tool: Tool) -> str:
    said = called(tool.version, ROOT).split("\n")[0].removeprefix("GNU Make ").strip()
    return f"{tool.name} {said}"


if __name__ == "__main__":
    sys.exit(main())
