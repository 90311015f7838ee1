"""copy_data: what is copied, what gets a second name, and when it is done again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMPONENT = """\
type: data_transfer
name: gather
version: 1.0.0
task: copy_data
data_copy_mode: merge_with_overwrite
inputs:
  made: {type: uri_folder}
  given: {type: uri_folder}
outputs:
  all: {type: uri_folder}
"""
JOB = """\
type: pipeline
jobs:
  make:
    command: echo made > ${{outputs.o}}/made.txt
    environment: azureml:any:1
    outputs: {o: {type: uri_folder}}
  gather:
    type: data_transfer
    task: copy_data
    component: ./gather.yml
    data_copy_mode: merge_with_overwrite
    inputs:
      made: ${{parent.jobs.make.outputs.o}}
      given: {type: uri_folder, path: ./given}
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "given" / "deep").mkdir(parents=True)
    (tmp_path / "given" / "deep" / "given.txt").write_text("given\n")
    (tmp_path / "gather.yml").write_text(COMPONENT)
    (tmp_path / "job.yml").write_text(JOB)
    return tmp_path / "job.yml"


def run(penstock: Callable[..., Any], job: Path) -> dict[str, Any]:
    ended = penstock("run", job, "--format", "json")
    return {node["name"]: node for node in ended.json["nodes"]}


def test_what_a_step_made_is_not_copied_and_what_is_outside_is(penstock: Callable[..., Any], job: Path) -> None:
    nodes = run(penstock, job)
    all_, made = (Path(nodes[node]["outputs"][port]) for node, port in (("gather", "all"), ("make", "o")))
    assert (all_ / "made.txt").samefile(made / "made.txt")
    given = job.parent / "given" / "deep" / "given.txt"
    assert not (all_ / "deep" / "given.txt").samefile(given)
    assert os.access(given, os.W_OK)
    assert given.stat().st_mode & 0o200, "what is outside keeps its rights"
    with given.open("a") as stream:
        stream.write("more\n")
    assert (all_ / "deep" / "given.txt").read_text() == "given\n"


def test_it_is_reused_until_the_data_or_the_mode_changes(penstock: Callable[..., Any], job: Path) -> None:
    assert run(penstock, job)["gather"]["status"] == "completed"
    assert run(penstock, job)["gather"]["status"] == "reused"
    (job.parent / "given" / "deep" / "given.txt").write_text("other\n")
    gather = run(penstock, job)["gather"]
    assert gather["status"] == "completed"
    assert (Path(gather["outputs"]["all"]) / "deep" / "given.txt").read_text() == "other\n"
    (job.parent / "given" / "made.txt").write_text("mine\n")
    assert run(penstock, job)["gather"]["status"] == "completed"
    # the component's own mode counts, also where the node names another
    (job.parent / "gather.yml").write_text(COMPONENT.replace("merge_with_overwrite", "fail_if_conflict"))
    gather = run(penstock, job)["gather"]
    assert gather["status"] == "failed"
    assert "made.txt: in 'made' and in 'given'" in Path(gather["log"]).read_text()


def test_links_in_the_data_are_followed_and_one_that_goes_round_is_told(
    penstock: Callable[..., Any], job: Path
) -> None:
    given = job.parent / "given"
    (given / "linked.txt").symlink_to(given / "deep" / "given.txt")
    copied = Path(run(penstock, job)["gather"]["outputs"]["all"]) / "linked.txt"
    assert not copied.is_symlink()
    assert copied.read_text() == "given\n"
    (given / "deep" / "round").symlink_to(given)
    gather = run(penstock, job)["gather"]
    assert gather["status"] == "failed"
