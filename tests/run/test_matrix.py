"""Every shape of a pipeline through everything that can happen to a run: nothing half-trusted, lost or left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

PENSTOCK = Path(sys.executable).with_name("penstock")
DEADLINE_S = 120
Needs = dict[str, list[str]]

SHAPES: dict[str, Needs] = {
    "chain": {"a": [], "b": ["a"], "c": ["b"], "d": ["c"]},
    "fork": {"a": [], "b": ["a"], "c": ["a"], "d": ["a"]},
    "join": {"a": [], "b": [], "c": [], "d": ["a", "b", "c"]},
    "diamond": {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]},
    "nested": {"a": [], "b": ["a"], "inner.c": ["b"], "inner.d": ["inner.c"], "e": ["inner.d"]},
    "fan": {"a": [], **{f"n{number}": ["a"] for number in range(98)}, "z": [f"n{number}" for number in range(98)]},
}
VICTIMS = {"chain": "b", "fork": "c", "join": "b", "diamond": "c", "nested": "inner.c", "fan": "n50"}


def text_of(needs: Needs, node: str) -> str:
    """What a node writes: its own name and, sorted, what it takes."""
    return node + "(" + ",".join(sorted(text_of(needs, before) for before in needs[node])) + ")"


def below(needs: Needs, victim: str) -> set[str]:
    found: set[str] = set()
    while more := {node for node, before in needs.items() if {victim, *found} & {*before}} - found:
        found |= more
    return found


@dataclass
class Pipeline:
    """A shape as a file. `special` commands come before the usual one of their nodes; `limits` are timeouts."""

    folder: Path
    needs: Needs
    special: dict[str, str] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def write(self) -> Path:
        jobs = {name: self._node(name) for name in self.needs if "." not in name}
        inner = {name.partition(".")[2]: self._node(name) for name in self.needs if "." in name}
        if inner:
            component = {"type": "pipeline", "name": "inner", "version": "1.0.0"}
            component |= {"inputs": {"before": {"type": "uri_file"}}, "outputs": {"made": {"type": "uri_file"}}}
            (self.folder / "inner.yml").write_text(yaml.safe_dump({**component, "jobs": inner}))
            given = {"before": "${{parent.jobs.b.outputs.out}}"}
            jobs["inner"] = {"type": "pipeline", "component": "./inner.yml", "inputs": given}
        path = self.folder / "job.yml"
        path.write_text(yaml.safe_dump({"type": "pipeline", "settings": self.settings, "jobs": jobs}, sort_keys=False))
        return path

    def _node(self, name: str) -> dict[str, Any]:
        own = name.rpartition(".")[2]
        inputs = {f"i{number}": self._binding(name, before) for number, before in enumerate(self.needs[name])}
        taken = " ".join(f"${{{{inputs.{key}}}}}" for key in inputs)
        command = (
            f"{self.special.get(name, ':')}; "
            f"printf '%s(%s)' {name} \"$(cat {taken or '/dev/null'} | sort | paste -sd,)\" > ${{{{outputs.out}}}}; "
            "echo >> ${{outputs.out}}"
        )
        node: dict[str, Any] = {"type": "command", "command": command, "environment": "azureml:any:1"}
        node |= {"inputs": inputs, "outputs": {"out": {"type": "uri_file"}}, "compute": "azureml:cpu"}
        if own == "d" and "." in name:
            node["outputs"] = {"out": {"type": "uri_file", "path": "${{parent.outputs.made}}"}}
        if name in self.limits:
            node["limits"] = {"timeout": self.limits[name]}
        return node

    def _binding(self, name: str, before: str) -> str:
        if "." in name and "." not in before:
            return "${{parent.inputs.before}}"
        if "." in before and "." not in name:
            return "${{parent.jobs.inner.outputs.made}}"
        source = before.rpartition(".")[2]
        return f"${{{{parent.jobs.{source}.outputs.out}}}}"


@dataclass
class Engine:
    workspace: Path
    folder: Path

    def start(self, job: Path, *more: str) -> subprocess.Popen[str]:
        line = [str(PENSTOCK), "run", str(job), "--workspace", str(self.workspace), "--format", "json", *more]
        return subprocess.Popen(
            line,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "MATRIX": str(self.folder)},
        )

    def run(self, job: Path, *more: str) -> dict[str, Any]:
        process = self.start(job, *more)
        out, err = process.communicate(timeout=DEADLINE_S)
        assert "Traceback" not in err, err
        result: dict[str, Any] = json.loads(out)
        return result

    def runs(self) -> list[Path]:
        return sorted((self.workspace / "runs").iterdir(), key=lambda path: path.stat().st_mtime)


@pytest.fixture
def engine(tmp_path: Path, workspace: Path) -> Iterator[Engine]:
    yield Engine(workspace, tmp_path)
    left = [process for process in psutil.process_iter() if belongs(process, tmp_path)]
    for process in left:
        process.kill()
    assert left == []


def belongs(process: psutil.Process, folder: Path) -> bool:
    """Whether a process that lives is of one of this test's runs."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("MATRIX") == str(folder)
    except psutil.Error:
        return False


def statuses(result: dict[str, Any]) -> dict[str, str]:
    return {node["name"]: node["status"] for node in result["nodes"]}


def assert_whole(result: dict[str, Any], needs: Needs) -> None:
    """Every node has made what it makes when nothing happens."""
    assert result["status"] == "completed"
    made = {node["name"]: Path(node["outputs"]["out"]).read_text().strip() for node in result["nodes"]}
    assert made == {node: text_of(needs, node) for node in needs}


def wait_for(what: Callable[[], Any]) -> None:
    """Poll until `what()` is true; a bound on a broken engine, not a measurement."""
    end = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


shapes = pytest.mark.parametrize("shape", SHAPES)


@shapes
def test_nothing_happens_and_then_all_is_reused(shape: str, tmp_path: Path, engine: Engine) -> None:
    needs, victim = SHAPES[shape], VICTIMS[shape]
    pipeline = Pipeline(tmp_path, needs)
    assert_whole(engine.run(pipeline.write()), needs)
    again = engine.run(pipeline.write())
    assert set(statuses(again).values()) == {"reused"}
    assert_whole(again, needs)
    pipeline.special = {victim: "echo changed, with the same outcome"}
    assert [name for name, status in statuses(engine.run(pipeline.write())).items() if status != "reused"] == [victim]


@shapes
@pytest.mark.parametrize("go_on", [False, True])
def test_a_step_fails(shape: str, go_on: bool, tmp_path: Path, engine: Engine) -> None:
    needs, victim = SHAPES[shape], VICTIMS[shape]
    settings = {"continue_on_step_failure": go_on}
    result = engine.run(Pipeline(tmp_path, needs, {victim: "exit 3"}, settings=settings).write())
    found = statuses(result)
    assert result["status"] == "failed"
    assert found[victim] == "failed"
    assert {found[name] for name in below(needs, victim)} <= {"skipped"}
    if go_on:
        assert {found[name] for name in needs} - {"failed", "skipped"} <= {"completed"}
        assert {name for name in found if found[name] == "skipped"} == below(needs, victim)
    for node in result["nodes"]:
        expected = {"out"} if node["status"] == "completed" else set()
        assert set(node["outputs"]) == expected


@shapes
def test_a_step_fails_once_and_is_tried_again(shape: str, tmp_path: Path, engine: Engine) -> None:
    needs, victim = SHAPES[shape], VICTIMS[shape]
    once = "case $PWD in */attempt-1/*) echo half > ${{outputs.out}}; exit 3;; esac"
    result = engine.run(Pipeline(tmp_path, needs, {victim: once}).write(), "--retries", "1")
    assert_whole(result, needs)
    assert {node["name"]: node["attempts"] for node in result["nodes"]} == {**dict.fromkeys(needs, 1), victim: 2}


@shapes
def test_a_step_takes_too_long(shape: str, tmp_path: Path, engine: Engine) -> None:
    needs, victim = SHAPES[shape], VICTIMS[shape]
    hangs = "echo half > ${{outputs.out}}; sleep 1000"
    result = engine.run(Pipeline(tmp_path, needs, {victim: hangs}, limits={victim: 1}).write())
    found = {node["name"]: node for node in result["nodes"]}
    assert "limits: timeout" in found[victim]["reason"]
    assert found[victim]["outputs"] == {}
    assert {found[name]["status"] for name in below(needs, victim)} <= {"skipped"}


@shapes
def test_cancel(shape: str, tmp_path: Path, engine: Engine) -> None:
    needs, victim = SHAPES[shape], VICTIMS[shape]
    process = engine.start(Pipeline(tmp_path, needs, {victim: "touch $MATRIX/on; sleep 1000 & wait"}).write())
    wait_for((tmp_path / "on").exists)
    process.send_signal(signal.SIGINT)
    result = json.loads(process.communicate(timeout=DEADLINE_S)[0])
    assert process.returncode == 130
    found = statuses(result)
    assert found[victim] == "canceled"
    assert set(found) == set(needs)
    assert set(found.values()) <= {"completed", "canceled"}


@shapes
def test_resume(shape: str, tmp_path: Path, engine: Engine) -> None:
    """What had completed is reused by the same command; the rest runs."""
    needs, victim = SHAPES[shape], VICTIMS[shape]
    pipeline = Pipeline(tmp_path, needs, {victim: "test -e $MATRIX/mended || exit 3"})
    first = statuses(engine.run(pipeline.write()))
    (tmp_path / "mended").touch()
    second = engine.run(pipeline.write())
    assert_whole(second, needs)
    reused = {name for name, status in statuses(second).items() if status == "reused"}
    assert reused == {name for name, status in first.items() if status == "completed"}


@shapes
@pytest.mark.parametrize("seed", range(3))
def test_kill_9_at_a_random_moment(shape: str, seed: int, tmp_path: Path, engine: Engine) -> None:
    """After as many nodes as chance says have ended, and some more microseconds."""
    needs = SHAPES[shape]
    chance = random.Random(f"{shape} {seed}")
    job = Pipeline(tmp_path, needs).write()
    process = engine.start(job, "--jobs", "2")
    enough = chance.randrange(len(needs))
    wait_for(lambda: len(list(engine.workspace.glob("runs/*/nodes/*/node.json"))) >= enough or process.poll())
    time.sleep(chance.random() * 0.02)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(belongs(other, tmp_path) for other in psutil.process_iter()))
    after = settled(engine)
    result = engine.run(job)
    assert_whole(result, needs)
    ended = {node["name"] for node in after.get("nodes", []) if node["status"] == "completed"}
    assert ended <= {name for name, status in statuses(result).items() if status == "reused"}
    with closing(sqlite3.connect(engine.workspace / "mlflow.db")) as db:
        assert db.execute("SELECT count(*) FROM runs WHERE status IN ('RUNNING', 'SCHEDULED')").fetchone() == (0,)


def settled(engine: Engine) -> dict[str, Any]:
    """What the killed run's summary says; {} if it was killed before it had one."""
    if not (engine.workspace / "runs").exists():
        return {}
    for run in engine.runs():
        if (run / "run.json").exists():
            summary: dict[str, Any] = json.loads((run / "run.json").read_text())
            assert summary["status"] in ("failed", "completed"), summary
            return summary
    return {}
