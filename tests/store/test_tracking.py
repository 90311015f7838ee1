"""The MLflow store that the engine writes is one that MLflow reads, and continues."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

JOB = """
type: pipeline
experiment_name: trial
jobs:
  logs:
    command: >-
      python -c "import mlflow;
      run = mlflow.start_run(); mlflow.log_metric('loss', 0.25); mlflow.log_param('p', 1);
      mlflow.log_text('hello', 'note.txt')"
    environment: azureml:any:1
  breaks:
    command: exit 1
    environment: azureml:any:1
    inputs: {after: "${{parent.jobs.logs.outputs.out}}"}
    outputs: {out: }
  never:
    command: echo
    environment: azureml:any:1
    inputs: {after: "${{parent.jobs.breaks.outputs.out}}"}
"""


def test_runs_are_continued_by_steps_and_read_by_mlflow(
    tmp_path: Path, penstock: Callable[..., Any], workspace: Path
) -> None:
    job = tmp_path / "job.yml"
    job.write_text(JOB.replace("  breaks:", "    outputs: {out: }\n  breaks:"))
    text = penstock("run", job)
    assert text.code == 1, text.stderr
    assert "loss    0.25" in text.stdout
    client = MlflowClient(f"sqlite:///{workspace}/mlflow.db")
    experiment = client.get_experiment_by_name("trial")
    assert experiment is not None
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    [summary] = (workspace / "runs").glob("*/run.json")
    name = json.loads(summary.read_text())["run"]
    assert set(runs) == {name, "logs", "breaks"}, "a node that never started has no run"
    assert runs["logs"].data.metrics == {"loss": 0.25}
    assert runs["logs"].data.params == {"p": "1"}
    assert runs["logs"].data.tags["mlflow.parentRunId"] == runs[name].info.run_id
    assert {key: run.info.status for key, run in runs.items()} == {
        name: "FAILED",
        "logs": "FINISHED",
        "breaks": "FAILED",
    }
    assert [file.path for file in client.list_artifacts(runs["logs"].info.run_id)] == ["note.txt"]
    assert (
        workspace / "mlartifacts" / experiment.experiment_id / runs["logs"].info.run_id / "artifacts/note.txt"
    ).exists()
    default = client.get_experiment("0")
    assert default.artifact_location == f"file://{workspace}/mlartifacts/0"


def test_what_a_run_imports_leaves_mlflow_out(tmp_path: Path) -> None:
    """The engine writes the store without importing MLflow, which takes seconds."""
    import subprocess

    job = tmp_path / "job.yml"
    job.write_text("type: pipeline\njobs:\n  a:\n    command: echo\n    environment: azureml:any:1\n")
    code = (
        "import sys; from penstock.cli.main import cli\n"
        f"cli.main(['run', {str(job)!r}, '--workspace', {str(tmp_path / 'ws')!r}], standalone_mode=False)\n"
        "print(sorted(n for n in ('mlflow', 'pandas', 'azure', 'sklearn', 'great_expectations') if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
