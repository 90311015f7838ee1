"""The loop with training as a sweep: what is evaluated and registered is the trial with the best validation metric."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from retraining import ROOT, STEPS, Registry, Retrained

pytestmark = pytest.mark.loop
JOB = ROOT / "pipelines" / "retrain_diabetes_sweep.yml"


def test_the_best_trial_becomes_the_champion(retrain: Callable[..., Retrained], registry: Registry) -> None:
    two = 'jobs.train.search_space.parameters.values=["{\\"alpha\\": 1000.0}", "{\\"alpha\\": 0.1}"]'
    ended = retrain("jobs.train.search_space.estimator.values=[Ridge]", two, job=JOB)
    assert ended.code == 0, ended.stderr
    assert ended.statuses == dict.fromkeys(STEPS, "completed")
    assert "the best: trial_1  completed  validation.rmse=" in ended.log("train")
    lineage = json.loads((ended.output("train", "model") / "lineage.json").read_text())
    assert '"alpha": 0.1' in json.dumps(lineage)
    assert ended.decision["verdict"] == "accept"
    assert registry.champion("diabetes") == "1"
    run = Path(ended.summary["outputs"]["model"]).parents[3].name
    of_run = f"tags.`penstock.run` = '{run}' and tags.`penstock.node`"
    [node] = registry.client.search_runs(["1"], f"{of_run} = 'train'")
    [best] = registry.client.search_runs(["1"], f"{of_run} = 'train.trial_1'")
    assert node.data.tags["best_child_run_id"] == best.info.run_id
    assert node.data.metrics["validation.rmse"] == best.data.metrics["validation.rmse"]
    assert best.data.tags["mlflow.parentRunId"] == node.info.run_id
