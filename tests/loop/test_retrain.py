"""What a person sees of the loop: accept, reject, a better candidate, a stale decision, two at once, cancel."""

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
from retraining import JOB, ROOT, STEPS, Registry, Retrained

pytestmark = pytest.mark.loop
PENSTOCK = Path(sys.executable).with_name("penstock")
BETTER = ("inputs.estimator=Ridge",)


def test_accept_then_reject_then_a_better_candidate(
    retrain: Callable[..., Retrained], registry: Registry, workspace: Path
) -> None:
    first = retrain()
    assert first.code == 0, first.stderr
    assert list(first.statuses) == STEPS
    assert set(first.statuses.values()) == {"completed"}
    assert first.decision["verdict"] == "accept"
    assert registry.champion("diabetes") == "1"
    package = Path(first.summary["outputs"]["package"])
    manifest = json.loads((package / "manifest.json").read_text())
    assert (package / "score.py").is_file()
    assert (package / "model").is_dir()
    assert manifest["model"] == {"name": "diabetes", "version": "1"}
    assert list(workspace.rglob("manifest.json")) == [package / "manifest.json"]

    second = retrain()
    assert second.code == 0, second.stderr
    assert second.statuses == dict.fromkeys(STEPS[:3], "reused") | dict.fromkeys(STEPS[3:], "completed")
    assert second.decision["verdict"] == "reject"
    assert second.decision["champion"] == {"name": "diabetes", "version": "1"}
    assert "champion" in " ".join(second.decision["reasons"])
    for node, port in (("register", "registration"), ("package", "package")):
        files = {path.name for path in second.output(node, port).iterdir()}
        assert files == {"skipped.json", "lineage.json"}
        reason = json.loads((second.output(node, port) / "skipped.json").read_text())["reason"]
        for sentence in second.decision["reasons"]:
            assert sentence in reason
            assert sentence in second.log(node)
    assert list(registry.versions("diabetes")) == ["1"]

    third = retrain(*BETTER, "jobs.register.inputs.git_commit=0123abcd")
    assert third.code == 0, third.stderr
    assert third.decision["verdict"] == "accept", third.decision
    tags = registry.versions("diabetes")
    assert set(tags) == {"1", "2"}
    assert registry.champion("diabetes") == "2"
    assert [number for number, found in tags.items() if found.get("role") == "champion"] == ["2"]
    check_lineage(third, tags["2"])
    assert tags["2"]["git_commit"] == "0123abcd"
    assert tags["2"]["suite_version"] == "1.0.0"


def check_lineage(run: Retrained, tags: dict[str, str]) -> None:
    """From the version back to everything that made it."""
    lineage = json.loads((run.output("register", "registration") / "lineage.json").read_text())
    assert list(lineage["steps"]) == sorted(["validate_data", "split_data", "train", "evaluate", "register"])
    report = json.loads((run.output("validate_data", "report") / "report.json").read_text())
    data = lineage["steps"]["validate_data"]["inputs"]["data"]
    assert data == lineage["steps"]["split_data"]["inputs"]["data"]
    text = json.dumps(tags)
    assert data in text, "the digest of the data"
    assert report["suite"]["digest"] in text
    made_in = {
        node["name"]: node["reason"].removeprefix("as in ") if node["status"] == "reused" else run.summary["run"]
        for node in run.summary["nodes"]
    }
    assert {name: step["root_run_id"] for name, step in lineage["steps"].items()}.items() <= made_in.items()
    assert len({step["run_id"] for step in lineage["steps"].values()}) == 5
    for name in ("validate_data", "split_data", "train", "evaluate"):
        version = yaml.safe_load((ROOT / "components" / name / "component.yml").read_text())["version"]
        assert lineage["steps"][name]["version"] == version
        assert name in text


def test_text_ends_in_a_table_metrics_verdict_and_the_package(penstock: Callable[..., Any]) -> None:
    ended = penstock("run", JOB)
    assert ended.code == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:7]] == STEPS
    assert all(line.split()[1] == "completed" and line.split()[3] == "s" for line in lines[1:7])
    assert any("rmse" in line for line in lines)
    assert any(line.startswith("VERDICT") and "accept" in line for line in lines)
    assert any(line.startswith("package ") for line in lines)


REGISTER_AGAIN = """
type: pipeline
jobs:
  register:
    type: command
    component: {component}
    inputs:
      model: {{type: mlflow_model, path: {model}}}
      decision: {{type: uri_folder, path: {decision}}}
      model_name: diabetes
"""


def test_a_decision_gone_stale_is_refused(
    retrain: Callable[..., Retrained], registry: Registry, tmp_path: Path
) -> None:
    """Between evaluate and register another run has put its own model in the champion's place."""
    first = retrain()
    registry.client.set_registered_model_tag("diabetes", "champion", "7")
    job = tmp_path / "again.yml"
    job.write_text(
        REGISTER_AGAIN.format(
            component=ROOT / "components" / "register" / "component.yml",
            model=first.output("train", "model"),
            decision=first.output("evaluate", "decision"),
        )
    )
    again = retrain(job=job)
    assert again.code == 1
    assert again.statuses == {"register": "failed"}
    assert "the decision is stale" in again.stderr
    assert "evaluate again" in again.stderr
    assert list(registry.versions("diabetes")) == ["1"]
    assert registry.champion("diabetes") == "7"


@pytest.mark.long
def test_two_runs_at_once_leave_one_champion(workspace: Path, registry: Registry) -> None:
    line = [str(PENSTOCK), "run", str(JOB), "--workspace", str(workspace), "--format", "json"]
    processes = [
        subprocess.Popen([*line, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for more in ([], ["--set", BETTER[0]])
    ]
    ended = [process.communicate(timeout=300) for process in processes]
    runs = [Retrained(p.returncode, err, json.loads(out)) for p, (out, err) in zip(processes, ended, strict=True)]
    tags = registry.versions("diabetes")
    holder = registry.champion("diabetes")
    assert [number for number, found in tags.items() if found.get("role") == "champion"] == [holder]
    made = 0
    for run in runs:
        if run.code == 0:
            made += run.decision["verdict"] == "accept"
            continue
        assert run.code == 1
        assert run.statuses["register"] == "failed"
        assert "the decision is stale" in run.stderr
    assert made == len(tags) >= 1


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_cancel_in_the_middle_of_train(
    workspace: Path, registry: Registry, retrain: Callable[..., Retrained], number: int
) -> None:
    slow = ["--set", "inputs.estimator=RandomForestRegressor", "--set", 'inputs.parameters={"n_estimators": 1000000}']
    line = [str(PENSTOCK), "run", str(JOB), "--workspace", str(workspace), "--format", "json", *slow]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "train: started" not in process.stderr.readline():
        assert process.poll() is None
    [run] = (workspace / "runs").iterdir()
    time.sleep(1)  # somewhere in the middle; where exactly must not matter
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    os.kill(process.pid, number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    cancelled = Retrained(130, "", json.loads(out))
    assert cancelled.summary["status"] == "canceled"
    assert cancelled.statuses == {
        "validate_data": "completed",
        "split_data": "completed",
        **dict.fromkeys(["train", "evaluate", "register", "package"], "canceled"),
    }
    assert [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    assert not (run / "nodes" / "train" / "outputs").exists()
    assert registry.models() == []
    after = retrain()
    assert after.code == 0, after.stderr
    assert registry.champion("diabetes") == "1"


@pytest.mark.long
def test_a_run_that_ended_before_its_package_is_finished_by_the_next(
    retrain: Callable[..., Retrained], registry: Registry, tmp_path: Path
) -> None:
    """Registered and champion, but interrupted before package: the same candidate again makes the package."""
    job = yaml.safe_load(JOB.read_text())
    del job["jobs"]["package"], job["outputs"]["package"]
    for node in job["jobs"].values():
        node["component"] = str((JOB.parent / node["component"]).resolve())
    for name in ("data", "suite"):
        job["inputs"][name]["path"] = str((JOB.parent / job["inputs"][name]["path"]).resolve())
    (tmp_path / "interrupted.yml").write_text(yaml.safe_dump(job, sort_keys=False))
    assert retrain(job=tmp_path / "interrupted.yml").code == 0
    assert "package_digest" not in registry.versions("diabetes")["1"]
    again = retrain()
    assert again.code == 0, again.stderr
    assert "which a run that was interrupted has left without a package" in again.decision["reasons"][0]
    assert json.loads((again.output("package", "package") / "manifest.json").read_text())["model"]["version"] == "1"
    tags = registry.versions("diabetes")
    assert list(tags) == ["1"]
    assert (tags["1"]["role"], registry.champion("diabetes")) == ("champion", "1")
    assert "package_digest" in tags["1"]
    assert retrain().decision["verdict"] == "reject"
