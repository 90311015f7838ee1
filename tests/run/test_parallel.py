"""Parallel nodes: no process is left of them, what is reused, what is kept of their logs, and how much they append."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

PENSTOCK = Path(sys.executable).with_name("penstock")
DEADLINE_S = 60
JOB = """
type: pipeline
jobs:
  p:
    type: parallel
    inputs:
      data: {{type: {kind}, path: ./data}}
      word: hello
    outputs:
      rows: {{type: uri_file}}
    input_data: ${{{{inputs.data}}}}
    {settings}
    task:
      type: run_function
      code: ./src
      entry_script: entry.py
      environment: azureml:any:1
      program_arguments: --word ${{{{inputs.word}}}}
      append_row_to: ${{{{outputs.rows}}}}
"""
HANGS = """
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path("{folder}")


def init():
    pass


def run(mini_batch):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    (HERE / "pids.tmp").write_text(f"{{os.getpid()}} {{child.pid}} {{os.getppid()}}")
    (HERE / "pids.tmp").rename(HERE / "pids")
    time.sleep(1000)
"""
NAMES = """
from pathlib import Path


def init():
    pass


def run(mini_batch):
    print("from run")
    return [Path(path).name for path in mini_batch]
"""


def write(
    folder: Path, script: str, files: dict[str, str], settings: str = "mini_batch_size: '1'", kind: str = "uri_folder"
) -> Path:
    for name, text in {"src/entry.py": script, **{f"data/{name}": text for name, text in files.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "job.yml").write_text(JOB.format(settings=settings, kind=kind))
    return folder / "job.yml"


@pytest.fixture
def start(workspace: Path) -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def call(job: Path) -> subprocess.Popen[str]:
        line = [str(PENSTOCK), "run", str(job), "--workspace", str(workspace), "--format", "json"]
        started.append(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield call
    for process in started:
        process.kill()
        process.communicate()


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left(tmp_path: Path, start: Callable[[Path], Any], number: int) -> None:
    """Neither of a cancelled run nor of one whose engine was killed: worker, its child and the driver."""
    process = start(write(tmp_path, HANGS.format(folder=tmp_path), {"a": ""}))
    wait_for((tmp_path / "pids").exists)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert not any(map(gone, pids))
    process.send_signal(number)
    assert process.wait(DEADLINE_S) == (130 if number != signal.SIGKILL else -signal.SIGKILL)
    wait_for(lambda: all(map(gone, pids)))


def test_a_dead_driver_fails_the_step_and_takes_the_workers_along(tmp_path: Path, start: Callable[[Path], Any]) -> None:
    process = start(write(tmp_path, HANGS.format(folder=tmp_path), {"a": ""}))
    wait_for((tmp_path / "pids").exists)
    *below, driver = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    psutil.Process(driver).kill()
    out, _ = process.communicate(timeout=DEADLINE_S)
    assert json.loads(out)["nodes"][0]["status"] == "failed"
    wait_for(lambda: all(map(gone, below)))


def verdict(penstock: Callable[..., Any], job: Path, *more: str) -> str:
    ended = penstock("run", job, "--format", "json", *more)
    assert ended.code == 0, ended.stderr
    return str(ended.json["nodes"][0]["status"])


def test_what_is_the_same_is_reused_and_what_is_not_runs(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    job = write(tmp_path, NAMES, {"a": "", "b": ""})
    assert verdict(penstock, job) == "completed"
    assert verdict(penstock, job) == "reused"
    assert verdict(penstock, job, "--set", "jobs.p.inputs.word=bye") == "completed"
    assert verdict(penstock, job, "--set", "jobs.p.error_threshold=3") == "completed"
    (tmp_path / "src" / "entry.py").write_text(NAMES.replace(".name", ".stem"))
    assert verdict(penstock, job) == "completed"
    (tmp_path / "data" / "c").touch()
    assert verdict(penstock, job) == "completed"
    assert verdict(penstock, job) == "reused"


def test_files_that_an_mltable_names_elsewhere_count(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    job = write(tmp_path, NAMES, {"MLTable": "paths: [{pattern: '../more/*.txt'}]\n"}, kind="mltable")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.txt").write_text("1")
    assert verdict(penstock, job) == "completed"
    assert verdict(penstock, job) == "reused"
    (tmp_path / "more" / "x.txt").write_text("2")
    assert verdict(penstock, job) == "completed"


def test_explain_tells_the_part_that_changed(tmp_path: Path, penstock: Callable[..., Any], workspace: Path) -> None:
    job = write(tmp_path, NAMES, {"a": ""})
    verdict(penstock, job)
    same = penstock("explain", job, "--workspace", workspace)
    assert "reuse" in same.stdout
    changed = penstock("explain", job, "--workspace", workspace, "--set", "jobs.p.error_threshold=3")
    assert "definition" in changed.stdout


def test_each_worker_has_its_own_files(tmp_path: Path, penstock: Callable[..., Any], workspace: Path) -> None:
    verdict(penstock, write(tmp_path, NAMES, {"a": ""}))
    [attempt] = workspace.glob("runs/*/nodes/p/attempt-1")
    assert (attempt / "logs/user/stdout/0/process000.stdout.txt").read_text() == "from run\n"
    assert (attempt / "logs/user/stderr/0/process000.stderr.txt").read_text() == ""
    assert not (attempt / "mini_batches").exists()


def test_many_files_many_rows_and_none_lost(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    """Two workers at once, an output larger than any buffer."""
    script = NAMES.replace("Path(path).name", "Path(path).name + 'x' * 20000")
    settings = "mini_batch_size: '3'\n    error_threshold: 0\n    max_concurrency_per_instance: 2"
    ended = penstock("run", write(tmp_path, script, {f"{i:03}": "" for i in range(200)}, settings), "--format", "json")
    assert ended.code == 0, ended.stderr
    rows = Path(ended.json["nodes"][0]["outputs"]["rows"]).read_text().splitlines()
    assert sorted(rows) == [f"{i:03}" + "x" * 20000 for i in range(200)]
