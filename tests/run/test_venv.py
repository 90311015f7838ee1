"""--env venv: environments made by the real uv from conda files; --env host tells how this interpreter differs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.plan.requirements import read_requirements
from penstock.spec.source import Mapping, parse

ROOT = Path(__file__).parents[2]
JOB = """
type: pipeline
jobs:
  one: &step
    type: command
    command: >-
      python -c "import iniconfig, sys, importlib.metadata as m; print(m.version('iniconfig'), sys.prefix)"
      > ${{outputs.out}}/told.txt
    environment:
      image: python
      conda_file: conda.yml
    outputs: {out: {type: uri_folder}}
  two:
    <<: *step
    inputs: {before: "${{parent.jobs.one.outputs.out}}"}
  host:
    type: command
    command: python -c "import sys; print(sys.prefix)" > ${{outputs.out}}/told.txt
    environment: azureml:any:1
    outputs: {out: {type: uri_folder}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "job.yml").write_text(JOB)
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11, pip, gcc, {pip: [iniconfig==2.0.0]}]\n")
    monkeypatch.setenv("PATH", f"{ROOT / '.tools' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def told(nodes: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {node["name"]: (Path(node["outputs"]["out"]) / "told.txt").read_text().split() for node in nodes}


def test_nodes_run_in_the_environment_of_their_conda_file(
    project: Path, penstock: Callable[..., Any], workspace: Path
) -> None:
    ended = penstock("run", project / "job.yml", "--env", "venv", "--format", "json")
    assert ended.code == 0, ended.stderr
    found = told(ended.json["nodes"])
    [made] = [path for path in (workspace / "cache" / "envs").iterdir() if path.is_dir()]
    assert found["one"] == found["two"] == ["2.0.0", str(made)]
    assert found["host"] == [sys.prefix]
    assert ended.stderr.count("making the environment") == 1
    assert "host: the environment names no conda file; this interpreter runs it" in ended.stderr
    assert "no Python packages, so not in its environment here: gcc" in ended.stderr
    again = penstock("run", project / "job.yml", "--env", "venv", "--format", "json")
    assert [node["status"] for node in again.json["nodes"]] == ["reused"] * 3
    assert "making the environment" not in again.stderr
    (project / "conda.yml").write_text("dependencies: [python=3.11, {pip: [iniconfig==2.1.0]}]\n")
    other = penstock("run", project / "job.yml", "--env", "venv", "--format", "json")
    assert {node["name"]: node["status"] for node in other.json["nodes"]}["one"] == "completed"
    assert told(other.json["nodes"])["one"][0] == "2.1.0"


def test_explain_knows_the_environments_and_makes_none(
    project: Path, penstock: Callable[..., Any], workspace: Path
) -> None:
    def verdicts() -> dict[str, str]:
        ended = penstock("explain", project / "job.yml", "--env", "venv", "--format", "json", "--workspace", workspace)
        return {node["name"]: node["verdict"] for node in ended.json["nodes"]}

    assert verdicts() == {"one": "run", "two": "unknown", "host": "run"}
    assert not workspace.exists()
    assert penstock("run", project / "job.yml", "--env", "venv").code == 0
    assert verdicts() == {"one": "reuse", "two": "reuse", "host": "reuse"}
    (project / "conda.yml").write_text("dependencies: [python=3.11, {pip: [iniconfig==2.1.0]}]\n")
    assert verdicts() == {"one": "run", "two": "unknown", "host": "reuse"}


def test_two_runs_at_once_make_an_environment_once(project: Path, workspace: Path) -> None:
    line = [str(Path(sys.executable).with_name("penstock")), "run", str(project / "job.yml"), "--env", "venv"]
    line += ["--workspace", str(workspace)]
    runs = [subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.communicate(timeout=200)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert sum("making the environment" in text for text in said) == 1


def test_what_cannot_be_made_is_told_in_words_of_uv_and_begins_no_run(
    project: Path, penstock: Callable[..., Any], workspace: Path
) -> None:
    (project / "conda.yml").write_text("dependencies: [{pip: ['iniconfig==99.99']}]\n")
    ended = penstock("run", project / "job.yml", "--env", "venv")
    assert ended.code == 1
    assert "cannot be made (uv pip)" in ended.stderr
    assert "99.99" in ended.stderr
    assert not (workspace / "runs").exists()


def test_without_uv_the_way_out_is_told(
    project: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # this environment as it is, but for what lies beside its interpreter
    here = Path(sys.prefix)
    (tmp_path / "bin").mkdir()
    shutil.copy(here / "pyvenv.cfg", tmp_path)
    for name in ("bash", "git"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    (tmp_path / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    (tmp_path / "lib").symlink_to(here / "lib")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    line = [tmp_path / "bin" / "python", here / "bin" / "penstock", "run", project / "job.yml", "--env", "venv"]
    ended = subprocess.run([*line, "--workspace", workspace], capture_output=True, text=True, check=False)
    assert (ended.returncode, "pip install uv" in ended.stderr) == (1, True), ended.stderr


def test_the_host_tells_how_it_differs(project: Path, penstock: Callable[..., Any]) -> None:
    (project / "conda.yml").write_text("dependencies: [python=3.9, {pip: [iniconfig==0.0.1, no-such-thing, pytest]}]\n")
    ended = penstock("run", project / "job.yml")
    [line] = [line for line in ended.stderr.splitlines() if line.startswith("one, two: the environment says")]
    assert "python 3.9 (here 3." in line
    assert "iniconfig==0.0.1 (here " in line
    assert "no-such-thing (here none)" in line
    assert "pytest" not in line


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("scikit-learn=1.5", "scikit-learn==1.5.*"),
        ("scikit-learn=1.5.2", "scikit-learn==1.5.2"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy=1.26.4=py311h_0", "numpy==1.26.4"),
        ("numpy>=1.20,<2", "numpy>=1.20,<2"),
        ("conda-forge::pandas", "pandas"),
        ("pytorch=2.1", "torch==2.1.*"),
        ("pandas 2.1.*", "pandas==2.1.*"),
        ("PyYAML", "pyyaml"),
    ],
)
def test_a_conda_requirement_as_pip_says_it(conda: str, pip: str) -> None:
    root = parse(f"dependencies: ['{conda}']", "conda.yml").root
    assert isinstance(root, Mapping)
    assert read_requirements(root, Path()).lines == (pip,)
