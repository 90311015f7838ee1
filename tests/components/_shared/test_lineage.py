from __future__ import annotations

import json
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from penstock_steps import lineage
from penstock_steps.errors import StepError
from penstock_steps.lineage import Component

SPLIT = Component("split_data", "1.0.0")
TRAIN = Component("train", "2.1.0")


def record(component: Component = SPLIT, **inputs: str) -> lineage.StepRecord:
    return lineage.record(component, inputs=inputs, parameters={"seed": 0}, facts={"rows": 3})


def written(folder: Path, content: str = "x", **inputs: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").write_text(content)
    lineage.write(folder, "train", record(**inputs))
    return folder


def test_what_is_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "run-1")
    monkeypatch.setenv("AZUREML_ROOT_RUN_ID", "root-1")
    read = lineage.verify(written(tmp_path, data="sha256:1"), component="split_data")
    assert (read.component, read.port) == ("split_data", "train")
    step = read.steps["split_data"]
    assert (step.version, step.inputs, step.parameters, step.facts) == (
        "1.0.0",
        {"data": "sha256:1"},
        {"seed": 0},
        {"rows": 3},
    )
    assert (step.run_id, step.root_run_id) == ("run-1", "root-1")
    assert step.environment["python"] == platform.python_version()
    assert step.environment["distributions"].startswith("sha256:")


def test_outside_a_job_there_are_no_run_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.delenv("AZUREML_ROOT_RUN_ID", raising=False)
    assert (record().run_id, record().root_run_id) == ("", "")


def test_upstream_steps_are_carried_along(tmp_path: Path) -> None:
    upstream = lineage.read(written(tmp_path / "split"))
    (tmp_path / "model").mkdir()
    lineage.write(tmp_path / "model", "model", record(TRAIN), [upstream])
    assert set(lineage.read(tmp_path / "model").steps) == {"split_data", "train"}


def test_changed_content_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "data").write_text("y")
    with pytest.raises(
        StepError, match=r"is not what split_data wrote: its content digest is sha256:.*Something changed it"
    ):
        lineage.verify(folder)
    assert lineage.read(folder).component == "split_data", "reading alone does not check"


def test_an_added_file_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "more").write_text("y")
    with pytest.raises(StepError, match="is not what split_data wrote"):
        lineage.verify(folder)


def test_another_steps_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        StepError, match="was written by split_data, not by validate_data; connect the port to validate_data"
    ):
        lineage.verify(written(tmp_path), component="validate_data")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"output": {}, "steps": {"a": {"surprise": 1}}}'])
def test_what_is_no_lineage_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "lineage.json").write_text(text)
    with pytest.raises(StepError, match=r"lineage\.json is not a lineage file"):
        lineage.read(tmp_path)


def test_no_lineage_is_told(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"has no lineage\.json.*connect the port to the output of a step"):
        lineage.read(tmp_path)


def test_another_format_is_told(tmp_path: Path) -> None:
    path = written(tmp_path) / "lineage.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(StepError, match="has format 99, this step reads format 1"):
        lineage.read(tmp_path)


def test_outputs_of_different_runs_do_not_mix(tmp_path: Path) -> None:
    one = lineage.read(written(tmp_path / "one", data="sha256:1"))
    other = lineage.read(written(tmp_path / "other", data="sha256:2"))
    with pytest.raises(StepError, match=r"one and .*other come from different runs of split_data"):
        lineage.merge([one, other])


def test_run_ids_and_environment_do_not_tell_runs_apart(tmp_path: Path) -> None:
    """A step that was reused in one run and executed in the other did the same thing in both."""
    one = lineage.read(written(tmp_path))
    again = {name: replace(step, run_id="other", environment={}) for name, step in one.steps.items()}
    assert lineage.merge([one, replace(one, steps=again)]) == one.steps
