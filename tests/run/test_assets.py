"""Runs with what a workspace has under names: reuse sees its content, maps have their order, outputs are delivered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.definition import catalog_of, load_plan
from penstock.cli.environments import declared
from penstock.errors import DefinitionError
from penstock.store.files import Disk

JOB = """
type: pipeline
jobs:
  a:
    command: cat ${{inputs.f}}
    environment: azureml:lab@latest
    inputs:
      f: {type: uri_file, path: "%s"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "x.csv").write_text("x\n")
    (folder / "lab.yml").write_text("name: lab\nimage: python:3.11-slim\nconda_file: conda.yml\n")
    (folder / "conda.yml").write_text("dependencies: [python=3.11, {pip: [tabulate==0.9.0]}]\n")
    return folder


@pytest.fixture
def run(project: Path, penstock: Callable[..., Any], workspace: Path) -> Callable[..., Any]:
    def call(*arguments: str, verb: str = "run") -> dict[str, Any]:
        line = [verb, "job.yml", "--format", "json", "--workspace", str(workspace), *arguments]
        ended = penstock(*line, cwd=project)
        assert ended.code == 0, ended.stderr
        (node,) = ended.json["nodes"]
        return {**node, "stderr": ended.stderr}

    return call


def test_a_map_of_the_command_line_wins_and_its_content_counts(
    project: Path, run: Callable[..., Any], workspace: Path
) -> None:
    (project / "job.yml").write_text(JOB % "https://host.example/data/x.csv")
    (project / "penstock.toml").write_text('[map]\n"https://host.example/data/x.csv" = "nowhere.csv"\n')
    (project / "other").mkdir()
    (project / "other" / "x.csv").write_text("x\n")
    first = run("--map", "https://host.example/data=data")
    assert Path(first["log"]).read_text() == "x\n"
    assert run("--map", "https://host.example=.", verb="explain")["verdict"] == "reuse"
    assert run("--map", "https://host.example/data=other")["status"] == "reused", "equal content, wherever it lies"
    (project / "other" / "x.csv").write_text("y\n")
    explained = run("--map", "https://host.example/data=other", verb="explain")
    assert explained["changed"] == ["input f", "uri https://host.example/data/x.csv"]
    assert run("--map", "https://host.example/data=other")["status"] == "completed"


@pytest.mark.parametrize("option", ["https://host.example", "=data", "https://host.example="])
def test_a_map_that_is_none_is_told(project: Path, penstock: Callable[..., Any], option: str) -> None:
    (project / "job.yml").write_text(JOB % "data/x.csv")
    ended = penstock("run", "job.yml", "--map", option, cwd=project)
    assert ended.code == 2
    assert f"--map {option}: write it as URI=PATH" in ended.stderr


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[map\n", r"penstock.toml:1:\d+: this is not TOML"),
        ("\n[map]\nx = \n", r"penstock.toml:3:\d+: this is not TOML"),
        ("\n[datastores]\na = 'b'\nc = ['d']\n", r"penstock.toml:4:1: 'c' needs a path"),
        ("map = 3\n", r"penstock.toml:1:1: 'map' is a table"),
        ("\n\n[datastore]\na = 'b'\n", r"penstock.toml:3:1: there is no table 'datastore'. Did you mean 'datastores'"),
    ],
)
def test_settings_that_are_none_are_told(
    project: Path, toml: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "penstock.toml").write_text(toml)
    with pytest.raises(DefinitionError, match=message):
        catalog_of(Path("job.yml"), None)


@pytest.mark.parametrize("form", ["file://{}", "file:{}", "{}", "file://localhost{}"])
def test_addresses_of_files_of_this_machine(project: Path, run: Callable[..., Any], form: str) -> None:
    (project / "job.yml").write_text(JOB % form.format(project / "data" / "x.csv"))
    assert Path(run()["log"]).read_text() == "x\n"


def test_reuse_sees_what_a_registered_environment_holds(
    project: Path, run: Callable[..., Any], penstock: Callable[..., Any], workspace: Path
) -> None:
    (project / "job.yml").write_text(JOB % "data/x.csv")
    assert "azureml:lab@latest is Azure's" in run()["stderr"]
    penstock("asset", "create", project / "lab.yml", "--workspace", workspace)
    assert run(verb="explain")["changed"] == ["environment"]
    assert run()["status"] == "completed"
    (project / "conda.yml").write_text("dependencies: [python=3.11, {pip: [tabulate==0.8.0]}]\n")
    assert run()["status"] == "reused", "what is registered has not changed"
    penstock("asset", "create", project / "lab.yml", "--workspace", workspace)
    assert run(verb="explain")["changed"] == ["environment"]


def test_a_registered_environment_can_be_made(project: Path, penstock: Callable[..., Any], workspace: Path) -> None:
    (project / "job.yml").write_text(JOB % "data/x.csv")
    penstock("asset", "create", project / "lab.yml", "--workspace", workspace)
    disk = Disk()
    plan, _ = load_plan(project / "job.yml", (), disk, catalog_of(project / "job.yml", workspace))
    assert declared(plan, disk)["a"].lines == ("tabulate==0.9.0",)


OUTPUT = """
type: pipeline
jobs:
  a:
    command: echo a > ${{outputs.o}}/a.txt
    environment: azureml:any:1
    outputs: {o: {type: uri_folder, name: made, path: azureml://datastores/box/paths/o}}
  b:
    command: cat ${{inputs.o}}/a.txt
    environment: azureml:any:1
    inputs: {o: "${{parent.jobs.a.outputs.o}}"}
"""


def test_a_node_that_is_only_taken_from_is_not_delivered_again(
    project: Path, penstock: Callable[..., Any], workspace: Path
) -> None:
    (project / "job.yml").write_text(OUTPUT)
    assert penstock("run", project / "job.yml").code == 0
    ended = penstock("run", project / "job.yml", "--only", "b", "--inputs-from", "last")
    assert ended.code == 0, ended.stderr
    assert [path.name for path in (workspace / "assets" / "data" / "made").iterdir()] == ["1"]
    assert penstock("run", project / "job.yml", "--only", "a", "--inputs-from", "last").code == 0
    assert sorted(path.name for path in (workspace / "assets" / "data" / "made").iterdir()) == ["1", "2"]


def test_what_cannot_be_delivered_fails_its_node(project: Path, penstock: Callable[..., Any], workspace: Path) -> None:
    (project / "job.yml").write_text(OUTPUT)
    (workspace / "datastores" / "box").mkdir(parents=True)
    (workspace / "datastores" / "box" / "o").write_text("a file")
    ended = penstock("run", project / "job.yml", "--format", "json", "--retries", "2")
    assert ended.code == 1
    nodes = {node["name"]: node for node in ended.json["nodes"]}
    assert "its output 'o' could not be delivered: it is a folder, and" in nodes["a"]["reason"]
    assert nodes["a"]["attempts"] == 1, "what is written would be the same"
    assert nodes["b"]["status"] == "skipped"
    (workspace / "datastores" / "box" / "o").unlink()
    again = penstock("run", project / "job.yml", "--format", "json")
    assert [node["status"] for node in again.json["nodes"]] == ["reused", "completed"]
    assert (workspace / "datastores" / "box" / "o" / "a.txt").read_text() == "a\n"


def test_a_file_goes_into_a_folder_by_its_ports_name(
    project: Path, penstock: Callable[..., Any], workspace: Path
) -> None:
    text = OUTPUT.replace("uri_folder", "uri_file").replace("/a.txt", "").replace("paths/o}", "paths/deep/}")
    (project / "job.yml").write_text(text)
    ended = penstock("run", project / "job.yml")
    assert ended.code == 0, ended.stderr
    assert (workspace / "datastores" / "box" / "deep" / "o").read_text() == "a\n"
    assert (workspace / "assets" / "data" / "made" / "1" / "files" / "o").read_text() == "a\n"


def test_a_model_of_the_local_mlflow_registry(
    project: Path, penstock: Callable[..., Any], workspace: Path, tmp_path: Path
) -> None:
    client = pytest.importorskip("mlflow").MlflowClient
    (project / "job.yml").write_text(JOB.replace("uri_file", "mlflow_model") % "azureml:net@latest")
    job = (project / "job.yml").read_text().replace("cat ${{inputs.f}}", "cat ${{inputs.f}}/MLmodel")
    (project / "job.yml").write_text(job)
    workspace.mkdir()
    registry = client(f"sqlite:///{workspace}/mlflow.db", f"sqlite:///{workspace}/mlflow.db")
    registry.create_registered_model("net")
    for number in range(1, 3):
        model = tmp_path / f"model {number}"
        model.mkdir()
        (model / "MLmodel").write_text(f"number: {number}\n")
        registry.create_model_version("net", model.as_uri())
    registry._get_registry_client().store.engine.dispose()
    ended = penstock("run", project / "job.yml", "--format", "json")
    assert ended.code == 0, ended.stderr
    assert Path(ended.json["nodes"][0]["log"]).read_text() == "number: 2\n"
    refused = penstock("run", project / "job.yml", "--set", "jobs.a.inputs.f.path=azureml:net:7")
    assert "there are the versions 1, 2 of 'net'" in refused.stderr
