"""The schedule of this repository, carried out: each fire trains on the file that is the newest then."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from retraining import ROOT

pytestmark = pytest.mark.loop
PENSTOCK = Path(sys.executable).with_name("penstock")
PIPELINES = ROOT / "pipelines"
TABLE = (ROOT / "data_checks" / "diabetes" / "diabetes.csv").read_text().splitlines(keepends=True)


class Weekly:
    """retrain_diabetes.schedule.yml with its job up to train: what comes after takes long and is as in every loop."""

    def __init__(self, folder: Path) -> None:
        self.file, self.workspace = folder / "weekly.yml", folder / "workspace"
        job = yaml.safe_load((PIPELINES / "retrain_diabetes_newest.yml").read_text())
        steps = ("newest_data", "validate_data", "split_data", "train")
        job["jobs"] = {name: job["jobs"][name] for name in steps}
        job["outputs"] = {name: job["outputs"][name] for name in ("report", "model")}
        for name in ("model_name", "metrics", "confidence"):
            del job["inputs"][name]
        for step in steps:
            job["jobs"][step]["component"] = str(ROOT / "components" / step / "component.yml")
        job["inputs"]["suite"]["path"] = str(ROOT / "data_checks" / "diabetes" / "suite.json")
        schedule = (PIPELINES / "retrain_diabetes.schedule.yml").read_text()
        (folder / "retrain_diabetes_newest.yml").write_text(yaml.safe_dump(job))
        self.file.write_text(schedule)

    @property
    def data(self) -> Path:
        return self.workspace / "datastores" / "workspaceblobstore" / "diabetes"

    def fire(self) -> dict[str, dict[str, Any]]:
        """Carry out what is due, as cron would; the nodes of the run, none if nothing is due."""
        line = [PENSTOCK, "schedule", self.file, "--once", "--workspace", self.workspace, "--format", "json"]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        fires = json.loads(done.stdout)
        runs = [json.loads((self.workspace / "runs" / fire["run"] / "run.json").read_text()) for fire in fires]
        return {node["name"]: node for run in runs for node in run["nodes"]}

    def a_week_later(self) -> None:
        """As if the last fires that were dealt with had come a week earlier."""
        record = self.workspace / "schedules" / "retrain_diabetes_weekly.json"
        week = (datetime.now(UTC) - timedelta(days=7)).isoformat()
        record.write_text(json.dumps(json.loads(record.read_text()) | {"handled": week}))


def selected(nodes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (Path(nodes["newest_data"]["outputs"]["selection"]) / "selection.json").read_text()
    )
    return found


def test_each_fire_trains_on_what_is_newest_then(tmp_path: Path, empty_store: Path) -> None:
    weekly = Weekly(tmp_path)
    weekly.data.mkdir(parents=True)
    shutil.copyfile(empty_store, weekly.workspace / "mlflow.db")
    (weekly.data / "2026-04.csv").write_text("".join(TABLE[:350]))
    assert weekly.fire() == {}, "it begins when it is made; what came before is not made up for"

    weekly.a_week_later()
    first = weekly.fire()
    assert {node["status"] for node in first.values()} == {"completed"}
    assert selected(first)["file"] == "2026-04.csv"

    weekly.a_week_later()
    same = weekly.fire()
    assert {name: node["status"] for name, node in same.items()} == {
        "newest_data": "completed",
        "validate_data": "reused",
        "split_data": "reused",
        "train": "reused",
    }

    (weekly.data / "2026-05.csv").write_text("".join(TABLE))
    weekly.a_week_later()
    newer = weekly.fire()
    assert {node["status"] for node in newer.values()} == {"completed"}
    assert (selected(newer)["file"], selected(newer)["before"]) == ("2026-05.csv", "2026-04.csv")
    lineage = json.loads((Path(newer["train"]["outputs"]["model"]) / "lineage.json").read_text())
    assert lineage["steps"]["validate_data"]["inputs"]["data"] == selected(newer)["digest"]
