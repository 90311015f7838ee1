"""The engine's part of `make bench`: chains against GNU make, reuse, a thousand nodes, hashing.

Every figure is compared with a floor measured in the same run: make running the same commands with the same
interpreter, a plain read of the same bytes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import OWN, Report

ROOT = Path(__file__).parents[2]
PENSTOCK = Path(sys.executable).with_name("penstock")
COMPONENT = """
type: command
name: step
inputs: {before: {type: uri_file}, number: {type: integer}}
outputs: {out: {type: uri_file}}
environment: azureml:any:1
code: ./src
command: python step.py ${{inputs.before}} ${{inputs.number}} ${{outputs.out}}
"""
SCRIPT = "import sys\na, n, b = sys.argv[1:]\nopen(b, 'w').write(open(a).read()[-100:] + n + '\\n')\n"


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory where there is one.

    What is compared is programs: ext4 looks for a free inode among those deleted in the last minutes, so that whoever
    makes more files pays for the folders that earlier runs have left behind.
    """
    memory = "/dev/shm"
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


def timed(line: list[str | Path], folder: Path) -> tuple[float, float]:
    """Seconds and the largest resident memory (MB) of a process and those that it has waited for."""
    began = time.perf_counter()
    process = subprocess.Popen(line, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, [str(word) for word in line])
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def project(folder: Path, nodes: int, *, chain: bool) -> None:
    """A pipeline of trivial Python steps, and a Makefile of the same commands."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "step.py").write_text(SCRIPT)
    (folder / "step.yml").write_text(COMPONENT)
    (folder / "in.txt").write_text("in\n")
    pipeline = ["type: pipeline", "jobs:"]
    make = [f"all: {' '.join(f'o{n}' for n in range(nodes))}"]
    for number in range(nodes):
        linked = chain and number
        before = f"${{{{parent.jobs.s{number - 1}.outputs.out}}}}" if linked else "{type: uri_file, path: ./in.txt}"
        pipeline += [f"  s{number}:", "    type: command", "    component: ./step.yml"]
        pipeline += ["    inputs:", f"      before: {before}", f"      number: {number}"]
        source = f"o{number - 1}" if linked else "in.txt"
        make += [f"o{number}: {source}", f"\t@{sys.executable} src/step.py {source} {number} o{number}"]
    (folder / "job.yml").write_text("\n".join(pipeline))
    (folder / "Makefile").write_text("\n".join(make) + "\n")


def cold(folder: Path, jobs: int = 1) -> tuple[float, float, float]:
    """One fresh run by make and one by penstock: seconds of both, memory of penstock's."""
    for path in folder.glob("o[0-9]*"):
        path.unlink()
    make, _ = timed(["make", "-s", f"-j{jobs}"], folder)
    with tempfile.TemporaryDirectory(dir=folder.parent) as workspace:
        own, memory = timed([PENSTOCK, "run", "job.yml", "--workspace", workspace, "--jobs", str(jobs)], folder)
    return make, own, memory


def chains(root: Path, report: Report, runs: int = 5) -> None:
    """Twenty nodes, the slope to 220, everything reused, and a thousand nodes in a row and side by side."""
    for nodes in (20, 220, 1000):
        project(root / f"chain_{nodes}", nodes, chain=True)
    project(root / "fan_1000", 1000, chain=False)
    small = [cold(root / "chain_20") for _ in range(runs)]
    large = [cold(root / "chain_220") for _ in range(3)]
    make_20, own_20 = (statistics.median(pair[i] for pair in small) for i in (0, 1))
    make_220, own_220 = (statistics.median(pair[i] for pair in large) for i in (0, 1))
    slope = (own_220 - own_20) / (make_220 - make_20)
    each = (own_220 - own_20) / 200
    report.told("20-node chain : GNU make", own_20 / make_20, f"{own_20:.2f} s, make {make_20:.2f} s")
    report.told("each further node : GNU make", slope, f"{each * 1000:.1f} ms a node")
    with tempfile.TemporaryDirectory(dir=root) as workspace:
        line: list[str | Path] = [PENSTOCK, "run", "job.yml", "--workspace", workspace]
        timed(line, root / "chain_20")
        again = statistics.median(timed(line, root / "chain_20")[0] for _ in range(runs))
    report.told("20-node chain, all reused", again, "from the shell")
    for name in ("chain_1000", "fan_1000"):
        jobs = 1 if name.startswith("chain") else os.cpu_count() or 1
        make, own, memory = cold(root / name, jobs)
        per_node = own / 1000 / (own_20 / 20)
        report.told(f"{name}, a node : one of 20", per_node, f"{own:.1f} s, make {make:.1f} s")
        report.told(f"{name}, memory", memory, "penstock's largest")


def hashing(root: Path, report: Report, size: int = 2 << 30) -> None:
    """Two gigabytes of inputs: known to the index, and read anew."""
    from penstock.store.digests import Digests

    data = root / "data"
    data.mkdir()
    block = os.urandom(1 << 20)
    for number in range(8):
        with (data / f"{number}.bin").open("wb") as stream:
            for _ in range(size // 8 // len(block)):
                stream.write(block)
    time.sleep(0.1)  # older than a tick, so that the index trusts them

    def digest() -> float:
        began = time.perf_counter()
        index = Digests(root / "index.db")
        index.of(data)
        index.close()
        return time.perf_counter() - began

    first, again = digest(), statistics.median(digest() for _ in range(5))
    began = time.perf_counter()
    for path in sorted(data.iterdir()):
        with path.open("rb", buffering=0) as raw:
            while raw.read(1 << 20):
                pass
    plain = time.perf_counter() - began
    allowed = max(size / 1e9, 1.5 * plain)
    report.told("2 GB of inputs, unchanged", again)
    pace = f"{first:.2f} s, {size / first / 1e9:.1f} GB/s; allowed 1 GB/s or 1.5 plain reads of {plain:.2f} s"
    report.told("2 GB of inputs, read, of what is allowed", first / allowed, pace)


def measure(report: Report) -> None:
    """Take all of it into the report."""
    with scratch() as name:
        chains(Path(name), report)
    with tempfile.TemporaryDirectory() as name:
        hashing(Path(name), report)


if __name__ == "__main__":
    own = Report("make bench", OWN)
    measure(own)
    sys.exit(0 if own.good else 1)
