"""Real processes: siblings at once, cancel that leaves nothing behind, runs side by side."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from penstock.store.runs import is_held
from penstock.store.workspace import RunFolder

PENSTOCK = Path(sys.executable).with_name("penstock")
DEADLINE_S = 60


def wait_for(what: Callable[[], Any]) -> Any:
    """Poll until `what()` is true; a bound on a broken engine, not a measurement."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def write_job(folder: Path, jobs: dict[str, str], needs: dict[str, str] | None = None, settings: str = "") -> Path:
    """A pipeline of inline commands; `needs` maps a node to the one whose output it takes."""
    lines = ["type: pipeline", settings, "jobs:"]
    for name, command in jobs.items():
        lines += [f"  {name}:", f"    command: {json.dumps(command)}", "    environment: azureml:any:1"]
        lines += ["    outputs: {out: {type: uri_folder}}"]
        if needs and name in needs:
            lines += ["    inputs:", f"      before: ${{{{parent.jobs.{needs[name]}.outputs.out}}}}"]
    path = folder / "job.yml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def start(workspace: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def call(job: Path, *more: str) -> subprocess.Popen[str]:
        line = [str(PENSTOCK), "run", str(job), "--workspace", str(workspace), "--format", "json", *more]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield call
    for process in started:
        process.kill()
        process.communicate()


def pids(folder: Path, names: list[str]) -> list[int]:
    """The process ids that steps wrote into `folder`, once all are there."""
    return wait_for(lambda: all((folder / n).exists() and (folder / n).read_text().strip() for n in names)) and [
        int((folder / name).read_text()) for name in names
    ]


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_siblings_run_at_the_same_time(tmp_path: Path, start: Callable[..., Any]) -> None:
    """Each waits for the other, so that one after the other would never end."""
    meet = "touch {t}/{me}; for i in $(seq 600); do [ -e {t}/{other} ] && exit 0; sleep 0.05; done; exit 1"
    jobs = {me: meet.format(t=tmp_path, me=me, other=other) for me, other in (("a", "b"), ("b", "a"))}
    process = start(write_job(tmp_path, jobs), "--jobs", "2")
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, err
    assert {node["status"] for node in json.loads(out)["nodes"]} == {"completed"}


def test_jobs_limits_how_many_run_at_once(tmp_path: Path, start: Callable[..., Any]) -> None:
    command = f"[ ! -e {tmp_path}/busy ] && touch {tmp_path}/busy && sleep 0.1 && rm {tmp_path}/busy"
    process = start(write_job(tmp_path, dict.fromkeys("abc", command)), "--jobs", "1")
    assert process.wait(DEADLINE_S) == 0


STUBBORN = "trap '' TERM INT; echo $$ > {t}/stubborn; while true; do sleep 1; done"
FAMILY = (
    "echo $$ > {t}/step; sleep 1000 & echo $! > {t}/child; "
    "setsid sh -c 'echo $$ > {t}/escaped; exec sleep 1000' & "
    "(sh -c 'echo $$ > {t}/grandchild; exec sleep 1000'); wait"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_cancel_leaves_no_process_and_is_told(tmp_path: Path, start: Callable[..., Any], number: int) -> None:
    job = write_job(tmp_path, {"train": FAMILY.format(t=tmp_path), "after": "true"}, {"after": "train"})
    process = start(job)
    family = pids(tmp_path, ["step", "child", "grandchild", "escaped"])
    process.send_signal(number)
    out, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    result = json.loads(out)
    assert result["status"] == "canceled"
    assert [(node["name"], node["status"]) for node in result["nodes"]] == [
        ("train", "canceled"),
        ("after", "canceled"),
    ]
    assert [pid for pid in family if not gone(pid)] == []
    run = Path(result["nodes"][0]["log"]).parents[3]
    assert json.loads((run / "run.json").read_text())["status"] == "canceled"


def test_the_next_run_is_not_confused_by_a_cancelled_one(tmp_path: Path, start: Callable[..., Any]) -> None:
    job = write_job(tmp_path, {"once": f"echo $$ > {tmp_path}/step; [ -e {tmp_path}/go ] || exec sleep 1000"})
    process = start(job)
    pids(tmp_path, ["step"])
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE_S) == 130
    (tmp_path / "go").touch()
    again = start(job)
    out, err = again.communicate(timeout=DEADLINE_S)
    assert again.returncode == 0, err
    assert json.loads(out)["status"] == "completed"


def test_a_step_that_ignores_sigterm_is_killed(tmp_path: Path, start: Callable[..., Any]) -> None:
    process = start(write_job(tmp_path, {"deaf": STUBBORN.format(t=tmp_path)}))
    [pid] = pids(tmp_path, ["stubborn"])
    process.send_signal(signal.SIGINT)
    wait_for(lambda: "cancelled" in process.stderr.readline())
    assert not gone(pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE_S) == 130
    assert gone(pid)


def test_what_a_step_leaves_in_the_background_ends_with_it(tmp_path: Path, start: Callable[..., Any]) -> None:
    job = write_job(
        tmp_path,
        {
            "leaves": f"sleep 1000 & echo $! > {tmp_path}/left",
            "looks": f"for i in $(seq 200); do kill -0 $(cat {tmp_path}/left) 2>/dev/null || exit 0; "
            "sleep 0.05; done; exit 1",
        },
        {"looks": "leaves"},
    )
    process = start(job)
    assert process.wait(DEADLINE_S) == 0, process.stderr.read()


def test_a_daemon_of_a_completed_run_is_ended(tmp_path: Path, start: Callable[..., Any]) -> None:
    pid = f"{tmp_path}/daemon"
    daemon = f"setsid sh -c 'echo $$ > {pid}; exec sleep 1000' & until [ -s {pid} ]; do sleep 0.02; done"
    process = start(write_job(tmp_path, {"a": daemon}))
    assert process.wait(DEADLINE_S) == 0
    assert gone(int(Path(pid).read_text()))


def test_a_failure_stops_what_runs_beside_it(tmp_path: Path, start: Callable[..., Any]) -> None:
    jobs = {
        "long": f"echo $$ > {tmp_path}/long; exec sleep 1000",
        "bad": f"until [ -s {tmp_path}/long ]; do sleep 0.02; done; exit 7",
    }
    process = start(write_job(tmp_path, jobs), "--jobs", "2")
    out, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    nodes = {node["name"]: node for node in json.loads(out)["nodes"]}
    assert (nodes["bad"]["status"], nodes["bad"]["reason"]) == ("failed", "exit code 7")
    assert (nodes["long"]["status"], nodes["long"]["reason"]) == ("canceled", "'bad' failed")
    assert gone(int((tmp_path / "long").read_text()))


def test_outputs_appear_only_when_the_step_has_succeeded(
    tmp_path: Path, start: Callable[..., Any], workspace: Path
) -> None:
    command = (
        f"echo half > ${{{{outputs.out}}}}/file; touch {tmp_path}/half; until [ -e {tmp_path}/go ]; do sleep 0.02; done"
    )
    process = start(write_job(tmp_path, {"a": command}))
    wait_for((tmp_path / "half").exists)
    [run] = (workspace / "runs").iterdir()
    assert not (run / "nodes" / "a" / "outputs").exists()
    (tmp_path / "go").touch()
    assert process.wait(DEADLINE_S) == 0
    assert (run / "nodes" / "a" / "outputs" / "out" / "file").read_text() == "half\n"


def test_killed_penstock_leaves_no_process_and_no_half_truth(
    tmp_path: Path, start: Callable[..., Any], workspace: Path
) -> None:
    """SIGKILL at the engine: the steps end, also one that left their group, and the run is told as what it is."""
    escapes = FAMILY.format(t=tmp_path) + "; echo never > ${{outputs.out}}/never"
    jobs = {"first": "echo 1 > ${{outputs.out}}/1", "train": f"echo half > ${{{{outputs.out}}}}/file; {escapes}"}
    process = start(write_job(tmp_path, jobs, {"train": "first"}))
    family = pids(tmp_path, ["step", "child", "grandchild", "escaped"])
    [run] = (workspace / "runs").iterdir()
    wait_for((run / "nodes" / "first" / "node.json").exists)  # what waits for a node starts before that is written down
    process.kill()
    out, err = process.communicate(timeout=DEADLINE_S)  # nobody holds its streams open
    assert out == ""
    wait_for(lambda: all(gone(pid) for pid in family))
    wait_for(lambda: not is_held(RunFolder(run)))
    summary = json.loads((run / "run.json").read_text())
    assert (summary["status"], summary["reason"]) == ("failed", "penstock was killed while it ran")
    assert {node["name"]: node["status"] for node in summary["nodes"]} == {"first": "completed", "train": "canceled"}
    assert not (run / "nodes" / "train" / "outputs").exists()
    with closing(sqlite3.connect(workspace / "mlflow.db")) as db:
        rows = dict(db.execute("SELECT name, status FROM runs").fetchall())
    assert rows == {run.name: "FAILED", "first": "FINISHED", "train": "KILLED"}
    assert start(job_of_one(tmp_path)).wait(DEADLINE_S) == 0, err


def job_of_one(folder: Path) -> Path:
    (folder / "next").mkdir()
    return write_job(folder / "next", {"a": "true"})


def test_many_runs_at_once_in_a_fresh_workspace(tmp_path: Path, start: Callable[..., Any]) -> None:
    job = write_job(tmp_path, {"a": "echo $MLFLOW_RUN_ID > ${{outputs.out}}/id", "b": "true"}, {"b": "a"})
    processes = [start(job, "--force") for _ in range(6)]
    ended = [process.communicate(timeout=DEADLINE_S) for process in processes]
    assert [process.returncode for process in processes] == [0] * 6, [err for _, err in ended]
    results = [json.loads(out) for out, _ in ended]
    assert len({result["run"] for result in results}) == 6
    ids = {(Path(result["nodes"][0]["outputs"]["out"]) / "id").read_text() for result in results}
    assert len(ids) == 6


WARM = """
import numpy, os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
if os.fork() == 0:
    os.setsid()
    (folder / "escaped").write_text(str(os.getpid()))
    time.sleep(1000)
(folder / "step").write_text(str(os.getpid()))
time.sleep(float(sys.argv[2]))
"""


def warm_job(folder: Path, seconds: str) -> Path:
    """Two steps that import a large library, forked without an exec."""
    (folder / "src").mkdir()
    (folder / "src" / "step.py").write_text(WARM)
    job = write_job(folder, {"a": f"python step.py {folder} {seconds}", "b": "python step.py"}, {"b": "a"})
    job.write_text(job.read_text().replace("    environment:", "    code: ./src\n    environment:"))
    return job


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_warm_steps_do_not_outlive_the_run(tmp_path: Path, start: Callable[..., Any], number: int) -> None:
    process = start(warm_job(tmp_path, "1000"))
    family = pids(tmp_path, ["step", "escaped"])
    zygote = psutil.Process(family[0]).parent()
    assert zygote is not None
    assert "zygote.py" in " ".join(zygote.cmdline())
    process.send_signal(number)
    process.communicate(timeout=DEADLINE_S)
    wait_for(lambda: all(gone(pid) for pid in [*family, zygote.pid]))


def test_a_fork_of_a_warm_step_ends_with_the_run(tmp_path: Path, start: Callable[..., Any]) -> None:
    process = start(warm_job(tmp_path, "0.1"))
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1, "b is called without arguments"
    assert gone(int((tmp_path / "escaped").read_text()))


def test_a_cancelled_step_that_was_not_forked_yet_never_starts(tmp_path: Path, start: Callable[..., Any]) -> None:
    job = warm_job(tmp_path, "1000")
    (tmp_path / "src" / "step.py").write_text("import great_expectations, sklearn.ensemble\n" + WARM)
    process = start(job)
    wait_for(lambda: "started" in process.stderr.readline())
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert not (tmp_path / "step").exists()
