"""The batch pipeline on a package of the loop: every row is accounted for, whatever dies on the way."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from retraining import ROOT, Retrained, Twice

from penstock_steps.digests import file_digest

pytestmark = pytest.mark.loop
JOB = ROOT / "pipelines" / "batch_score_diabetes.yml"


def test_the_pipeline_scores_files_with_a_package_of_the_loop(
    retrain: Callable[..., Retrained], twice: Twice, tmp_path: Path
) -> None:
    package = Path(twice.second["outputs"]["package"])
    data = tmp_path / "patients"
    shutil.copytree(ROOT / "data_checks" / "diabetes" / "patients", data)
    digest = file_digest(package / "manifest.json")
    sets = (
        f"inputs.package.path={package}",
        f"inputs.data.path={data}",
        f"jobs.batch_score.inputs.package_digest={digest}",
    )
    ended = retrain(*sets, job=JOB)
    assert ended.code == 0, ended.stderr
    report = json.loads((ended.output("check_batch", "report") / "report.json").read_text())
    counts = {each["file"]: (each["rows"], each["scored"], each["set_aside"]) for each in report["files"]}
    assert counts == {"clinic_a.csv": (40, 39, 1), "clinic_b.csv": (30, 29, 1)}
    with (ended.output("batch_score", "scored") / "clinic_a.csv").open(newline="") as stream:
        predictions = [float(each["prediction"]) for each in csv.DictReader(stream)]
    assert all(25 < value < 346 for value in predictions)
    lines = (ended.output("batch_score", "set_aside") / "clinic_a.csv.jsonl").read_text().splitlines()
    assert [(each["row"], each["column"]) for each in map(json.loads, lines)] == [(8, "s6")]
    assert package.joinpath("manifest.json").is_file()
    assert not list(package.rglob("*.pyc"))

    again = retrain(*sets, job=JOB)
    assert set(again.statuses.values()) == {"reused"}

    wrong = retrain(*sets[:2], f"jobs.batch_score.inputs.package_digest=sha256:{'0' * 64}", job=JOB)
    assert wrong.statuses == {"batch_score": "failed", "check_batch": "skipped"}
    assert "manifest.json" in wrong.log("batch_score")

    strict = retrain(*sets, "inputs.max_set_aside=0.01", job=JOB)
    assert strict.statuses == {"batch_score": "reused", "check_batch": "failed"}
    assert "2 of 70 rows were set aside (2.9%), at most 1.0% may be" in strict.log("check_batch")
