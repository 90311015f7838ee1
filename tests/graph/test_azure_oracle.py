"""Values and data paths, with azure-ai-ml as the oracle: a step is run with what its client would send."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import load_job

from penstock.cli.definition import load_plan
from penstock.graph.model import Data, Literal
from penstock.store.files import Disk

COMPONENT = """
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: c
version: 1.0.0
inputs:
  x: {type: TYPE}
environment: azureml:e:1
command: echo "${{inputs.x}}"
"""
JOB = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
settings: {default_compute: azureml:serverless}
inputs:
  top: VALUE
jobs:
  a:
    type: command
    component: ./c.yml
    inputs: {x: "${{parent.inputs.top}}"}
  b:
    type: command
    component: ./c.yml
    inputs: {x: VALUE}
"""


def write(folder: Path, value: str, kind: str) -> Path:
    (folder / "c.yml").write_text(COMPONENT.replace("TYPE", kind))
    (folder / "job.yml").write_text(JOB.replace("VALUE", value))
    return folder / "job.yml"


def rest(job: Path, overrides: list[dict[str, Any]] | None = None) -> Any:
    return load_job(job, params_override=overrides)._to_rest_object().properties


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        *((value, "integer") for value in ("3", "-7", "0x1F", "1_000", "'5'")),
        *((value, "number") for value in ("3", "0.5", "1.0e-5", "1e-5", "1e+20", "3.0", "'0.10'", "100000.0e+15")),
        *((value, "boolean") for value in ("true", "False", "yes", "'true'")),
        *((value, "string") for value in ("plain", "'3'", "'true'", "a b", "'{\"alpha\": 1.0}'", "'it''s'", "é")),
    ],
)
def test_literals_become_the_text_that_azure_sends(value: str, kind: str, tmp_path: Path) -> None:
    job = write(tmp_path, value, kind)
    plan, _ = load_plan(job, (), Disk())
    body = rest(job)
    [top, own] = [planned.node.inputs["x"] for planned in plan.nodes]
    assert isinstance(top, Literal)
    assert isinstance(own, Literal)
    assert top.text == body.inputs["top"].value
    assert own.text == str(body.jobs["b"]["inputs"]["x"]["value"])


def test_set_paths_count_from_the_folder_of_the_job_as_in_azure(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "data").mkdir()
    for name in ("one", "two"):
        (tmp_path / "data" / f"{name}.csv").write_text(name)
    job = write(tmp_path / "pipelines", "{type: uri_file, path: ../data/one.csv}", "uri_file")
    plan, _ = load_plan(job, ("inputs.top.path=../data/two.csv",), Disk())
    value = plan.nodes[0].node.inputs["x"]
    assert isinstance(value, Data)
    assert os.path.normpath(value.path) == str(tmp_path / "data" / "two.csv")
    loaded = load_job(job, params_override=[{"inputs.top.path": "../data/two.csv"}])
    sent = loaded.inputs["top"]._data.path
    assert os.path.normpath(tmp_path / "pipelines" / sent) == str(tmp_path / "data" / "two.csv")
