"""The corners that the nearest tools for running a pipeline on one machine cut.

Each was seen in one of them: siblings one after another or never more than two at once, a process that vanished taken
for success, caches keyed by a step's name, a file edited in place not noticed, no log of an earlier attempt. Others
stand elsewhere: children left alive at SIGTERM in test_processes, a condition that fails counted as a no in
tests/cases/if_else_*, resume in test_matrix.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

PENSTOCK = Path(sys.executable).with_name("penstock")
DEADLINE_S = 60


def write(folder: Path, jobs: dict[str, dict[str, Any]]) -> Path:
    nodes = {name: {"environment": "azureml:any:1", **job} for name, job in jobs.items()}
    path = folder / "job.yml"
    path.write_text(yaml.safe_dump({"type": "pipeline", "jobs": nodes}, sort_keys=False))
    return path


def test_as_many_steps_run_at_once_as_jobs_says(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    """Six wait for each other: with five at a time none would ever end."""
    all_here = f"until [ $(ls {tmp_path} | grep -c '^here') = 6 ]; do sleep 0.02; done"
    commands = [f"touch {tmp_path}/here{n}; {all_here}" for n in range(6)]
    jobs = {f"s{n}": {"command": command, "limits": {"timeout": 30}} for n, command in enumerate(commands)}
    assert penstock("run", write(tmp_path, jobs), "--jobs", "6").code == 0


@pytest.mark.parametrize("way", [[], ["--no-warm"]], ids=["warm", "fresh"])
def test_a_process_that_vanishes_is_a_failure(way: list[str], tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "step.py").write_text(
        "import os, time\nimport numpy\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)\n"
    )
    step = {"command": "python step.py", "code": "./src"}
    jobs = {"gone": step, "after": {**step, "inputs": {"x": 1}, "command": "python step.py --x ${{inputs.x}}"}}
    line = [PENSTOCK, "run", write(tmp_path, jobs), "--workspace", workspace, "--jobs", "1", "--format", "json", *way]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    end = time.monotonic() + DEADLINE_S
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    result = json.loads(process.communicate(timeout=DEADLINE_S)[0])
    assert process.returncode == 1
    assert [(node["status"], node["reason"]) for node in result["nodes"]] == [
        ("failed", "ended by SIGKILL"),
        ("skipped", "'gone' failed"),
    ]


def test_what_is_kept_is_found_by_content_not_by_name(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    one = {"command": "echo one > ${{outputs.out}}/said", "outputs": {"out": {"type": "uri_folder"}}}
    two = {**one, "command": "echo two > ${{outputs.out}}/said"}

    def run(jobs: dict[str, Any]) -> dict[str, tuple[str, str]]:
        ended = penstock("run", write(tmp_path, jobs), "--format", "json")
        nodes = ended.json["nodes"]
        return {node["name"]: (node["status"], Path(node["outputs"]["out"], "said").read_text()) for node in nodes}

    assert run({"a": one}) == {"a": ("completed", "one\n")}
    assert run({"renamed": one, "a": two}) == {"renamed": ("reused", "one\n"), "a": ("completed", "two\n")}


def test_a_file_edited_in_place_is_noticed_even_with_its_old_time(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    data = tmp_path / "data.txt"
    data.write_text("old")
    before = data.stat()
    copy = {
        "command": "cat ${{inputs.data}} > ${{outputs.out}}/data",
        "inputs": {"data": {"type": "uri_file", "path": "data.txt"}},
        "outputs": {"out": {"type": "uri_folder"}},
    }
    job = write(tmp_path, {"copy": copy})
    assert penstock("run", job, "--format", "json").json["nodes"][0]["status"] == "completed"
    data.write_text("new")
    os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns))
    [node] = penstock("run", job, "--format", "json").json["nodes"]
    assert node["status"] == "completed"
    assert (Path(node["outputs"]["out"]) / "data").read_text() == "new"


def test_every_attempt_keeps_its_log_and_its_folder(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    flaky = {"command": "echo in $PWD; touch mine; case $PWD in */attempt-3/*) ;; *) exit 1;; esac"}
    [node] = penstock("run", write(tmp_path, {"flaky": flaky}), "--retries", "2", "--format", "json").json["nodes"]
    folder = Path(node["log"]).parents[1]
    for number in (1, 2, 3):
        attempt = folder / f"attempt-{number}"
        assert f"attempt-{number}/wd" in (attempt / "std_log.txt").read_text()
        assert (attempt / "wd" / "mine").exists()


def test_no_process_of_the_tool_itself_is_left(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    """Not the keeper, not the process that warm steps are forked from."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "step.py").write_text("import numpy\n")
    step = {"command": "python step.py", "code": "./src"}
    run = penstock("run", write(tmp_path, {"a": step, "b": step, "c": step}), "--format", "json").json["run"]
    left = [process for process in psutil.process_iter(["cmdline"]) if run in str(process.info["cmdline"])]
    named = [process for process in psutil.process_iter() if _belongs(process, run)]
    assert left + named == []


def _belongs(process: psutil.Process, run: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and run in process.environ().values()
    except psutil.Error:
        return False
