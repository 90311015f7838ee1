"""Reuse: what is the same is not run again, what has changed in any way is, and nobody is fooled."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMPONENT = """
type: command
name: count
version: "1"
inputs:
  table: {type: uri_file}
  factor: {type: integer, default: 1}
outputs:
  out: {type: uri_folder}
environment: file:environment.yml
environment_variables: {MOOD: good}
code: ./src
command: >-
  python count.py ${{inputs.table}} ${{inputs.factor}} ${{outputs.out}}
"""
SCRIPT = """
import os, pathlib, sys
table, factor, out = sys.argv[1:]
lines = len(pathlib.Path(table).read_text().splitlines()) * int(factor)
pathlib.Path(out, "count.txt").write_text(f"{lines}\\n")
open(os.environ["RAN"], "a").write("count\\n")
"""
JOB = """
type: pipeline
jobs:
  count:
    type: command
    component: ./component.yml
    inputs:
      table: {type: uri_file, path: ./table.csv}
      factor: 2
  show:
    type: command
    command: cp -r ${{inputs.counted}}/. ${{outputs.out}}; echo show >> $RAN
    environment: azureml:any:1
    inputs: {counted: "${{parent.jobs.count.outputs.out}}"}
    outputs: {out: {type: uri_folder}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "component.yml").write_text(COMPONENT)
    (folder / "src" / "count.py").write_text(SCRIPT)
    (folder / "environment.yml").write_text("name: e\nversion: 1\nimage: python\nconda_file: conda.yml\n")
    (folder / "conda.yml").write_text("dependencies: [python=3.11]\n")
    (folder / "table.csv").write_text("a\nb\n")
    (folder / "job.yml").write_text(JOB)
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    return folder


@pytest.fixture
def run(project: Path, penstock: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    def call(*arguments: str) -> dict[str, Any]:
        (project.parent / "ran").unlink(missing_ok=True)
        ended = penstock("run", project / "job.yml", "--format", "json", *arguments)
        assert ended.code == 0, ended.stderr
        nodes = {node["name"]: node for node in ended.json["nodes"]}
        ran = project.parent / "ran"
        log = ran.read_text().split() if ran.exists() else []
        assert {name for name, node in nodes.items() if node["status"] == "completed"} == set(log)
        return nodes

    return call


def statuses(nodes: dict[str, Any]) -> list[str]:
    return [nodes["count"]["status"], nodes["show"]["status"]]


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_same_again_is_reused_with_its_outputs(run: Callable[..., Any]) -> None:
    first, second = run(), run()
    assert statuses(first) == ["completed", "completed"]
    assert statuses(second) == ["reused", "reused"]
    path = Path(second["show"]["outputs"]["out"])
    assert path != Path(first["show"]["outputs"]["out"])
    assert (path / "count.txt").read_text() == "4\n"
    assert not path.is_symlink()
    assert not (path / "count.txt").is_symlink()
    assert second["show"]["reason"].startswith("as in job-")
    assert second["show"]["log"] == first["show"]["log"]


def test_force_runs_all_and_keeps_all(run: Callable[..., Any], project: Path) -> None:
    run()
    assert statuses(run("--force")) == ["completed", "completed"]
    assert statuses(run()) == ["reused", "reused"]
    replace(project / "job.yml", "type: pipeline", "type: pipeline\nsettings: {force_rerun: true}")
    assert statuses(run()) == ["completed", "completed"]


CHANGES: dict[str, Callable[[Path], None]] = {
    "data in place": lambda p: (p / "table.csv").write_text("a\nc\n"),
    "a value": lambda p: replace(p / "job.yml", "factor: 2", "factor: 3"),
    "the script": lambda p: replace(p / "src" / "count.py", "import os", "import  os"),
    "a new file of the snapshot": lambda p: (p / "src" / "helper.py").write_text(""),
    "the command": lambda p: replace(p / "component.yml", "python count.py", "python  count.py"),
    "the conda file": lambda p: replace(p / "conda.yml", "3.11", "3.12"),
    "the environment": lambda p: replace(p / "environment.yml", "image: python", "image: other"),
    "a variable": lambda p: replace(p / "component.yml", "MOOD: good", "MOOD: bad"),
    "a node's variable": lambda p: replace(
        p / "job.yml",
        "    component: ./component.yml",
        "    component: ./component.yml\n    environment_variables: {X: y}",
    ),
    "an output's type": lambda p: replace(p / "component.yml", "out: {type: uri_folder}", "out: {type: mltable}"),
    "a mode": lambda p: replace(p / "job.yml", "path: ./table.csv", "path: ./table.csv, mode: download"),
    "the resources": lambda p: replace(
        p / "component.yml", "code: ./src", "code: ./src\nresources: {instance_count: 2}"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_may_change_the_outputs_runs_the_node(change: str, run: Callable[..., Any], project: Path) -> None:
    run()
    CHANGES[change](project)
    assert run()["count"]["status"] == "completed"
    assert run()["count"]["status"] == "reused"


SAME: dict[str, Callable[[Path], None]] = {
    "a description": lambda p: replace(p / "component.yml", "name: count", "name: count\ndescription: counts lines"),
    "a component's version": lambda p: replace(p / "component.yml", 'version: "1"', 'version: "2"'),
    "the compute": lambda p: replace(p / "job.yml", "type: pipeline", "type: pipeline\ncompute: azureml:other"),
    "an ignored file": lambda p: ((p / "src" / ".amlignore").write_text("*.md\n.amlignore\n"),
                                  (p / "src" / "notes.md").write_text("x"))[0] and None,
    "the order of keys": lambda p: replace(p / "component.yml", "MOOD: good", "MOOD: 'good'"),
    "a node's name": lambda p: (replace(p / "job.yml", "  count:\n", "  counting:\n"),
                                replace(p / "job.yml", "jobs.count.", "jobs.counting."))[0],
}  # fmt: skip


@pytest.mark.parametrize("change", SAME)
def test_what_changes_nothing_of_the_outputs_reuses_them(
    change: str, run: Callable[..., Any], project: Path, penstock: Callable[..., Any]
) -> None:
    run()
    SAME[change](project)
    ended = penstock("run", project / "job.yml", "--format", "json")
    assert [node["status"] for node in ended.json["nodes"]] == ["reused", "reused"], ended.stderr


def test_equal_outputs_stop_what_follows(run: Callable[..., Any], project: Path) -> None:
    """The data differ, their number of lines does not: what takes the count has nothing new to do."""
    run()
    (project / "table.csv").write_text("c\nd\n")
    assert statuses(run()) == ["completed", "reused"]


def test_kept_outputs_that_were_edited_are_not_trusted(run: Callable[..., Any], project: Path) -> None:
    first = run()
    path = Path(first["count"]["outputs"]["out"]) / "count.txt"
    path.chmod(0o644)
    path.write_text("5\n")
    again = run()
    assert again["count"]["status"] == "completed"
    assert (Path(again["count"]["outputs"]["out"]) / "count.txt").read_text() == "4\n"


def test_what_is_not_deterministic_runs_every_time(run: Callable[..., Any], project: Path) -> None:
    replace(project / "component.yml", 'version: "1"', 'version: "1"\nis_deterministic: false')
    run()
    assert statuses(run()) == ["completed", "reused"]


def test_a_failed_node_is_not_reused_and_what_was_done_before_it_is(
    project: Path, penstock: Callable[..., Any]
) -> None:
    replace(project / "job.yml", "echo show >> $RAN", "test -e $RAN.go")
    failed = penstock("run", project / "job.yml", "--format", "json")
    assert [node["status"] for node in failed.json["nodes"]] == ["completed", "failed"]
    (project.parent / "ran.go").touch()
    resumed = penstock("run", project / "job.yml", "--format", "json")
    assert [node["status"] for node in resumed.json["nodes"]] == ["reused", "completed"]


def test_outputs_of_a_killed_attempt_are_never_reused(run: Callable[..., Any], workspace: Path) -> None:
    """A torn entry is none."""
    run()
    for entry in (workspace / "cache" / "entries").iterdir():
        entry.write_text(entry.read_text()[:40])
    assert statuses(run()) == ["completed", "completed"]
    assert all(json.loads(e.read_text()) for e in (workspace / "cache" / "entries").iterdir())


def test_equal_nodes_of_one_run_both_run(project: Path, run: Callable[..., Any], penstock: Callable[..., Any]) -> None:
    text = (project / "job.yml").read_text().replace("  show:", "  twin:")
    (project / "job.yml").write_text(
        JOB + text.partition("jobs:\n")[2].partition("  count:")[0] + text[text.index("  twin:") :]
    )
    ended = penstock("run", project / "job.yml", "--format", "json", "--jobs", "1")
    assert [node["status"] for node in ended.json["nodes"]] == ["completed"] * 3, ended.stderr


@pytest.fixture
def explain(project: Path, workspace: Path, penstock: Callable[..., Any]) -> Callable[[], dict[str, Any]]:
    def call() -> dict[str, Any]:
        ended = penstock("explain", project / "job.yml", "--workspace", workspace, "--format", "json")
        assert ended.code == 0, ended.stderr
        return {node["name"]: node for node in ended.json["nodes"]}

    return call


def test_explain_says_what_a_run_then_does(run: Callable[..., Any], explain: Callable[[], Any], project: Path) -> None:
    before = explain()
    assert (before["count"]["verdict"], before["count"]["reason"]) == ("run", "it has not run yet")
    assert (before["show"]["verdict"], before["show"]["reason"]) == ("unknown", "until 'count' has run")
    assert not (project.parent / "workspace").exists(), "explaining leaves nothing behind"
    run()
    assert [node["verdict"] for node in explain().values()] == ["reuse", "reuse"]


PARTS = {
    "data in place": ["input table"],
    "a value": ["input factor"],
    "the script": ["code"],
    "the command": ["command"],
    "the conda file": ["environment"],
    "a variable": ["environment_variables"],
    "an output's type": ["output out"],
    "the resources": ["definition"],
}


@pytest.mark.parametrize("change", PARTS)
def test_explain_names_the_part_that_has_changed(
    change: str, run: Callable[..., Any], explain: Callable[[], Any], project: Path
) -> None:
    run()
    CHANGES[change](project)
    assert (explain()["count"]["verdict"], explain()["count"]["changed"]) == ("run", PARTS[change])


def test_explain_shows_short_values(run: Callable[..., Any], explain: Callable[[], Any], project: Path) -> None:
    run()
    CHANGES["a value"](project)
    assert explain()["count"]["reason"] == "input factor has changed from 2 to 3"


def test_explain_refuses_what_run_refuses(project: Path, penstock: Callable[..., Any]) -> None:
    replace(project / "job.yml", "factor: 2", "factor: two")
    ended = penstock("explain", project / "job.yml")
    assert ended.code == 2
    assert "PS203" in ended.stderr


def test_only_one_node_on_what_a_run_made(project: Path, run: Callable[..., Any], penstock: Callable[..., Any]) -> None:
    run()
    (project / "table.csv").write_text("a\nb\nc\n")
    replace(
        project / "job.yml", "out}}; echo show >> $RAN", "out}}; echo more > ${{outputs.out}}/more; echo show >> $RAN"
    )
    for name in ("last", None):
        runs = sorted(path.name for path in (project.parent / "workspace" / "runs").iterdir())
        ended = penstock(
            "run", project / "job.yml", "--format", "json", "--only", "show", "--inputs-from", name or runs[0]
        )
        assert ended.code == 0, ended.stderr
        nodes = {node["name"]: node for node in ended.json["nodes"]}
        assert statuses(nodes) == ["reused", "completed"]
        out = Path(nodes["show"]["outputs"]["out"])
        assert {path.name: path.read_text() for path in out.iterdir()} == {"count.txt": "4\n", "more": "more\n"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "shows", "--inputs-from", "last"), "there is no node 'shows'. Did you mean 'show'?"),
        (("--only", "show", "--inputs-from", "job-1"), "there is no run job-1"),
        (("--only", "show"), "--only NODE and --inputs-from RUN go together"),
        (("--inputs-from", "last"), "--only NODE and --inputs-from RUN go together"),
    ],
)
def test_what_only_cannot_do_is_told(
    arguments: tuple[str, ...], message: str, project: Path, run: Callable[..., Any], penstock: Callable[..., Any]
) -> None:
    run()
    ended = penstock("run", project / "job.yml", *arguments)
    assert ended.code in (1, 2)
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_only_needs_a_run_that_made_something(project: Path, penstock: Callable[..., Any], workspace: Path) -> None:
    replace(project / "component.yml", "python count.py", "false")
    assert penstock("run", project / "job.yml").code == 1
    ended = penstock("run", project / "job.yml", "--only", "show", "--inputs-from", "last")
    assert ended.code == 1
    assert "'count' has no outputs in the run" in ended.stderr
    assert len(list((workspace / "runs").iterdir())) == 1, "nothing was begun"
