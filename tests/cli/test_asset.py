"""`penstock asset`: what is created of a YAML file, and that it runs when its source has changed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PENSTOCK

COMPONENT = """
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: shout
inputs:
  text: {type: string}
outputs:
  out: {type: uri_folder}
code: ./src
additional_includes: [../shared/loud]
environment: file:../lab/environment.yml
command: python shout.py "${{inputs.text}}" ${{outputs.out}}
"""
JOB = """
type: pipeline
outputs: {said: {type: uri_folder}}
jobs:
  a:
    component: azureml:shout@latest
    inputs: {text: word}
    outputs: {out: "${{parent.outputs.said}}"}
"""
FILES = {
    "parts/component.yml": COMPONENT,
    "parts/src/shout.py": "import pathlib, sys\nfrom loud import of\n"
    "pathlib.Path(sys.argv[2], 'text').write_text(of(sys.argv[1]))\n",
    "parts/src/.amlignore": "secret.txt\n",
    "parts/src/secret.txt": "secret",
    "shared/loud/__init__.py": "def of(text):\n    return text.upper()\n",
    "lab/environment.yml": "name: lab\nversion: 1\nimage: python:3.11-slim\nconda_file: conda.yml\n",
    "lab/conda.yml": "dependencies: [python=3.11, {pip: [tabulate]}]\n",
    "words.yml": "name: words\ntype: uri_folder\npath: ./data\n",
    "data/a.txt": "a",
    "job.yml": JOB,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "empty").mkdir()
    (root / "round").mkdir()
    (root / "round" / "back").symlink_to("..")
    return root


@pytest.fixture
def asset(penstock: Callable[..., Any], project: Path, workspace: Path) -> Callable[..., Any]:
    def call(*arguments: str, code: int = 0) -> Any:
        ended = penstock("asset", *arguments, "--workspace", workspace, cwd=project)
        assert ended.code == code, ended.stderr
        assert "Traceback" not in ended.stderr
        return ended

    return call


def test_what_is_created_runs_when_its_source_has_changed(
    asset: Callable[..., Any], penstock: Callable[..., Any], project: Path
) -> None:
    asset("create", "parts/component.yml")
    for name in FILES:
        if name != "job.yml":
            (project / name).unlink()
    ended = penstock("run", project / "job.yml", "--format", "json")
    assert ended.code == 0, ended.stderr
    assert (Path(ended.json["outputs"]["said"]) / "text").read_text() == "WORD"


def test_a_component_has_all_that_it_names(asset: Callable[..., Any], workspace: Path) -> None:
    created = asset("create", "parts/component.yml", "--format", "json")
    folder = workspace / "assets" / "component" / "shout" / "1"
    assert created.json == {
        "type": "component",
        "name": "shout",
        "version": "1",
        "path": str(folder),
        "created": True,
    }
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "code/.amlignore",
        "code/loud/__init__.py",
        "code/shout.py",
        "component.yml",
        "environment/conda.yml",
        "environment/environment.yml",
    ]
    assert "left out, as .amlignore or .gitignore says" in created.stderr
    assert all(path.stat().st_mode & 0o222 == 0 for path in folder.rglob("*") if path.is_file())


def test_what_was_created_can_be_checked_and_created_again(
    asset: Callable[..., Any], penstock: Callable[..., Any], workspace: Path
) -> None:
    asset("create", "parts/component.yml")
    file = workspace / "assets" / "component" / "shout" / "1" / "component.yml"
    assert penstock("check", file).code == 0
    again = asset("create", str(file), "--version", "1")
    assert "is there already, and the same" in again.stdout


def test_a_version_never_changes(asset: Callable[..., Any], project: Path) -> None:
    asset("create", "words.yml", "--version", "7")
    assert "is there already" in asset("create", "words.yml", "--version", "7").stdout
    (project / "data" / "a.txt").write_text("b")
    refused = asset("create", "words.yml", "--version", "7", code=2)
    assert "with other content" in refused.stderr
    assert "--version 8" in refused.stderr


def test_two_at_once_make_two_versions(project: Path, workspace: Path, asset: Callable[..., Any]) -> None:
    line = [str(PENSTOCK), "asset", "create", "words.yml", "--workspace", str(workspace), "--format", "json"]
    both = [subprocess.Popen(line, cwd=project, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    found = [json.loads(one.communicate()[0]) for one in both]
    assert sorted(one["version"] for one in found) == ["1", "2", "3"]
    assert [one["version"] for one in asset("list", "--format", "json").json] == ["1", "2", "3"]


def test_the_list(asset: Callable[..., Any]) -> None:
    assert "no asset in" in asset("list").stderr
    asset("create", "parts/component.yml")
    asset("create", "lab/environment.yml")
    for version in ("10", "9"):
        asset("create", "words.yml", "--version", version)
    assert [line.split() for line in asset("list").stdout.splitlines()] == [
        ["TYPE", "NAME", "VERSION"],
        ["component", "shout", "1"],
        ["data", "words", "9"],
        ["data", "words", "10"],
        ["environment", "lab", "1"],
    ]
    assert [one["version"] for one in asset("list", "--type", "data", "--format", "json").json] == ["9", "10"]


def test_values_can_be_set(asset: Callable[..., Any], workspace: Path) -> None:
    asset("create", "words.yml", "--name", "others", "--set", "path=data/a.txt", "--set", "type=uri_file")
    assert (workspace / "assets" / "data" / "others" / "1" / "files" / "a.txt").read_text() == "a"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("jobs.yml", JOB, "is a pipeline job; an asset is one of component, data, environment, model"),
        ("x.yml", "a: 1\n", "is nothing that Azure ML has"),
        ("x.yml", "name: d\ntype: uri_file\npath: ./none.csv\n", "'./none.csv' does not exist"),
        ("x.yml", "name: d\ntype: uri_folder\npath: : x\n", "x.yml:3:7: error PS001"),
        (
            "x.yml",
            "$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\npath: ./data\n",
            "has no name",
        ),
        ("x.yml", "name: d\ntype: uri_folder\npath: ./round\n", "leads back to a folder that it lies in"),
        ("x.yml", "name: d\ntype: uri_folder\npath: ./empty\n", "holds nothing that would be uploaded"),
        ("none.yml", None, "none.yml cannot be read"),
        ("parts", None, "parts is a folder"),
        ("x.yml", COMPONENT.replace("./src", "./nowhere"), "the code './nowhere' does not exist"),
        (
            "x.yml",
            "type: pipeline\nname: p\noutputs: {o: {type: uri_folder}}\njobs:\n"
            "  a: {component: 'azureml:none:1', outputs: {out: '${{parent.outputs.o}}'}}\n",
            "the registered component 'azureml:none:1' is not in the workspace",
        ),
    ],
)
def test_what_is_no_good_asset_is_refused(
    asset: Callable[..., Any], project: Path, workspace: Path, file: str, text: str | None, message: str
) -> None:
    if text is not None:
        (project / file).write_text(text)
    refused = asset("create", file, code=2)
    assert message in refused.stderr
    assert not (workspace / "assets").exists() or not list((workspace / "assets").iterdir())


@pytest.mark.parametrize("option", [["--name", "../words"], ["--version", "../../1"], ["--name", ".."]])
def test_names_that_lead_out_are_refused(asset: Callable[..., Any], workspace: Path, option: list[str]) -> None:
    asset("create", "words.yml", *option, code=2)
    assert not list(workspace.parent.rglob("data.yml"))


def test_a_pipeline_component_keeps_the_version_that_latest_was(
    asset: Callable[..., Any], penstock: Callable[..., Any], project: Path
) -> None:
    (project / "pipe.yml").write_text(
        "type: pipeline\nname: pipe\noutputs: {said: {type: uri_folder}}\njobs:\n"
        "  a:\n    component: azureml:shout@latest\n    inputs: {text: word}\n"
        "    outputs: {out: '${{parent.outputs.said}}'}\n"
    )
    (project / "job.yml").write_text(
        "type: pipeline\noutputs: {said: {type: uri_folder}}\njobs:\n"
        "  p: {type: pipeline, component: 'azureml:pipe:1', outputs: {said: '${{parent.outputs.said}}'}}\n"
    )
    asset("create", "parts/component.yml")
    asset("create", "pipe.yml")
    (project / "shared" / "loud" / "__init__.py").write_text("def of(text):\n    return 'other'\n")
    asset("create", "parts/component.yml")
    ended = penstock("run", project / "job.yml", "--format", "json")
    assert (Path(ended.json["outputs"]["said"]) / "text").read_text() == "WORD"
