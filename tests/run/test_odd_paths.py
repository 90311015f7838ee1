"""What a laptop has and Azure has not: blanks and quotes in paths, a registry set in the shell, links as outputs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PENSTOCK = Path(sys.executable).with_name("penstock")
UNQUOTED = """
type: pipeline
inputs:
  table: {type: uri_file, path: ./the table.csv}
jobs:
  first:
    command: cat ${{inputs.table}} > ${{outputs.o}}/file
    environment: azureml:any:1
    inputs: {table: "${{parent.inputs.table}}"}
    outputs: {o: {type: uri_folder}}
  second:
    command: cat ${{inputs.before}}/file; echo more > ${{outputs.f}}
    environment: azureml:any:1
    inputs: {before: "${{parent.jobs.first.outputs.o}}"}
    outputs: {f: {type: uri_file}}
"""


@pytest.mark.parametrize("name", ["my project", "it's", "a;b $HOME & c", "äöü"])
def test_commands_without_quotes_work_in_any_folder(name: str, tmp_path: Path, penstock: Callable[..., Any]) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "job.yml").write_text(UNQUOTED)
    (folder / "the table.csv").write_text("a,b\n")
    ended = penstock("run", folder / "job.yml", "--workspace", folder / ".penstock", "--format", "json")
    assert ended.code == 0, ended.stderr
    first, second = ended.json["nodes"]
    assert (Path(first["outputs"]["o"]) / "file").read_text() == "a,b\n"
    assert Path(first["outputs"]["o"]).is_relative_to(folder)
    assert Path(second["outputs"]["f"]).read_text() == "more\n"
    assert "a,b" in Path(second["log"]).read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [name], "nothing is written beside the project"


def test_a_registry_in_the_shell_is_not_this_run_s(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, penstock: Callable[..., Any]
) -> None:
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:////nowhere/production.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://production.example")
    job = tmp_path / "job.yml"
    job.write_text("type: command\ncommand: env\nenvironment: azureml:any:1\n")
    ended = penstock("run", job, "--format", "json")
    [node] = ended.json["nodes"]
    log = Path(node["log"]).read_text()
    assert f"MLFLOW_REGISTRY_URI=sqlite:///{workspace}/mlflow.db\n" in log
    assert "production" not in log


def test_an_output_that_is_a_link_is_refused(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    job = tmp_path / "job.yml"
    job.write_text(
        "type: pipeline\njobs:\n  a:\n    command: rmdir ${{outputs.o}}; ln -s /etc ${{outputs.o}}\n"
        "    environment: azureml:any:1\n    outputs: {o: {type: uri_folder}}\n"
    )
    ended = penstock("run", job, "--format", "json")
    assert ended.code == 1
    assert ended.json["nodes"][0]["reason"].startswith("its output 'o' is a symbolic link")
    assert ended.json["nodes"][0]["outputs"] == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_the_run_with_its_steps(number: int, tmp_path: Path, workspace: Path) -> None:
    job = tmp_path / "job.yml"
    job.write_text(f"type: command\ncommand: echo $$ > {tmp_path}/pid; exec sleep 1000\nenvironment: azureml:any:1\n")
    process = subprocess.Popen([PENSTOCK, "run", job, "--workspace", workspace], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "started" not in process.stderr.readline():
        assert process.poll() is None
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("inputs.wrod=x", "no node takes the pipeline input 'wrod'. Did you mean 'word'?"),
        ("jobs.aa.inputs.text=x", "--set jobs.aa.inputs.text: there is no job 'aa'. Did you mean 'a'?"),
    ],
)
def test_a_misspelt_setting_starts_nothing(
    setting: str, message: str, penstock: Callable[..., Any], workspace: Path
) -> None:
    job = Path(__file__).parents[1] / "cases" / "set_new_values" / "pipeline.yml"
    ended = penstock("run", job, "--set", setting, "--format", "json")
    assert ended.code == 2
    assert message in ended.stderr
    assert message in json.dumps(ended.json)
    assert not workspace.exists()


def test_what_only_azure_knows_is_told(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    job = tmp_path / "job.yml"
    job.write_text("type: command\ncommand: echo\nenvironment: azureml:curated@latest\ncompute: azureml:gpu\n")
    ended = penstock("run", job)
    assert "the environment azureml:curated@latest is Azure's; here job runs in this interpreter" in ended.stderr
    assert "the compute azureml:gpu is Azure's; job runs on this machine" in ended.stderr
