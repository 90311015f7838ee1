"""The pipelines of this repository: what they promise to people, and that Azure's client takes them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml import load_job
from azure.ai.ml.entities._load_functions import load_schedule

from penstock.compile.client import quiet
from penstock.compile.files import compile_pipeline
from penstock.compile.rest import body, differences

REPOSITORY = Path(__file__).parents[2]
PIPELINES = sorted((REPOSITORY / "pipelines").glob("*.py"))
RETRAIN = REPOSITORY / "pipelines" / "retrain_diabetes.yml"
PENSTOCK = Path(sys.executable).with_name("penstock")


@pytest.fixture(params=PIPELINES, ids=lambda path: path.stem)
def source(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def retrain() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(RETRAIN.read_text(encoding="utf-8"))
    return document


def test_azure_s_client_accepts_it(source: Path) -> None:
    with quiet():
        job = load_job(source.with_suffix(".yml"))
        assert job._validate().error_messages == {}
        sent = job._to_rest_object()
    assert sent.properties.jobs


def test_the_client_sends_the_same_for_the_python_and_the_yaml(source: Path) -> None:
    compiled = compile_pipeline(source, REPOSITORY, source.name)
    with quiet():
        sent = body(load_job(source.with_suffix(".yml")), source.parent)
    assert list(differences(compiled.body, sent)) == []


def test_the_committed_yaml_is_current_and_a_stale_one_is_told(tmp_path: Path) -> None:
    done = subprocess.run([PENSTOCK, "compile", "--check"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "".join(f"pipelines/{path.stem}.yml is current\n" for path in PIPELINES)

    for folder in ("pipelines", "environments", "data_checks", "components"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / ".git").mkdir()
    copy = tmp_path / "pipelines" / RETRAIN.name
    copy.write_text(copy.read_text().replace("seed: 0\n", "seed: 1\n", 1))
    done = subprocess.run([PENSTOCK, "compile", "--check"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pipelines/retrain_diabetes.yml is stale" in done.stderr
    assert "-  seed: 1\n+  seed: 0\n" in done.stderr
    assert done.stderr.endswith("Write it anew: penstock compile pipelines/retrain_diabetes.py\n")


def test_retraining_has_the_steps_of_the_loop(retrain: dict[str, Any]) -> None:
    steps = ["validate_data", "split_data", "train", "evaluate", "register", "package"]
    assert list(retrain["jobs"]) == steps
    assert [node["component"] for node in retrain["jobs"].values()] == [
        f"../components/{step}/component.yml" for step in steps
    ]


def test_retraining_asks_for_data_and_what_a_person_turns(retrain: dict[str, Any]) -> None:
    assert retrain["inputs"]["data"] == {"type": "uri_file", "path": "../data_checks/diabetes/diabetes.csv"}
    assert retrain["inputs"]["suite"] == {"type": "uri_file", "path": "../data_checks/diabetes/suite.json"}
    for name in ("data", "suite"):
        assert (RETRAIN.parent / retrain["inputs"][name]["path"]).is_file()
    kinds = {name: type(value) for name, value in retrain["inputs"].items() if name not in ("data", "suite")}
    assert kinds == {
        "target": str,
        "estimator": str,
        "parameters": str,
        "test_fraction": float,
        "seed": int,
        "model_name": str,
        "metrics": str,
        "confidence": float,
    }
    assert retrain["settings"] == {"default_compute": "azureml:serverless"}
    assert set(retrain["outputs"]) == {"report", "model", "decision", "package"}


def test_what_retraining_asks_of_a_model_is_well_formed(retrain: dict[str, Any]) -> None:
    metrics = json.loads(retrain["inputs"]["metrics"])
    assert list(metrics) == ["rmse", "mae", "r2"]
    assert metrics["rmse"]["min_improvement"] > 0
    assert all(set(asked) <= {"goal", "floor", "min_improvement", "max_worsening"} for asked in metrics.values())
    assert json.loads(retrain["inputs"]["parameters"]) == {}


def test_every_input_reaches_a_step_and_the_commit_is_register_s_alone(retrain: dict[str, Any]) -> None:
    """A commit in any other step's inputs would change its reuse key at each commit."""
    bound = {str(value) for node in retrain["jobs"].values() for value in node["inputs"].values()}
    assert {f"${{{{parent.inputs.{name}}}}}" for name in retrain["inputs"]} <= bound
    assert "git_commit" not in retrain["inputs"]
    with quiet():
        job = load_job(RETRAIN, params_override=[{"jobs.register.inputs.git_commit": "0a1b2c3"}])
        sent = job._to_rest_object().properties.jobs
    assert sent["register"]["inputs"]["git_commit"]["value"] == "0a1b2c3"
    assert [name for name, node in sent.items() if "git_commit" in node["inputs"]] == ["register"]


def test_nothing_after_the_gate_can_start_before_it(retrain: dict[str, Any]) -> None:
    """Each step hangs, over however many others, on validate_data; register and package on the decision."""
    upstream = {
        name: {
            str(value).split(".")[2] for value in node["inputs"].values() if str(value).startswith("${{parent.jobs.")
        }
        for name, node in retrain["jobs"].items()
    }

    def reached(name: str) -> set[str]:
        return upstream[name] | {further for near in upstream[name] for further in reached(near)}

    for name in ("split_data", "train", "evaluate", "register", "package"):
        assert "validate_data" in reached(name)
    for name in ("register", "package"):
        assert "evaluate" in upstream[name]


# --- schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted((REPOSITORY / "pipelines").glob("*.schedule.yml")), ids=lambda file: file.name)
def test_a_schedule_is_accepted_and_reads_what_is_there_at_its_fires(file: Path) -> None:
    with quiet():
        schedule = load_schedule(file)
        assert schedule._validate().error_messages == {}
        sent = schedule._to_rest_object().properties
    data = [given for given in sent.action.job_definition["inputs"].values() if given["jobInputType"] == "uri_folder"]
    assert [given["uri"] for given in data] == ["azureml://datastores/workspaceblobstore/paths/diabetes"]
    first, *others = sent.action.job_definition["jobs"]
    assert first == "newest_data"
    assert set(others) > {"validate_data", "train", "register"}
    done = subprocess.run([PENSTOCK, "check", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
