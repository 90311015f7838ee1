"""The command line itself: exit codes, streams, help that imports nothing."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PENSTOCK = Path(sys.executable).with_name("penstock")
CASES = Path(__file__).parents[1] / "cases"
HEAVY = ("azure", "mlflow", "pandas", "numpy", "sklearn", "great_expectations", "rich", "sqlite3", "psutil", "pathspec")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        *([verb, "--help"] for verb in ("run", "compile", "check", "snapshot", "runs", "show", "logs", "diff")),
    ],
)
def test_help_is_light(arguments: list[str]) -> None:
    code = (
        "import sys; from penstock.cli.main import cli\n"
        "try: cli.main(sys.argv[1:], standalone_mode=False)\n"
        f"finally: print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert "Usage:" in done.stdout
    assert done.stdout.endswith("HEAVY []\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["frobnicate"], "The commands are: asset, cancel, check, "),
        (["run"], "Missing argument 'JOB'"),
        (["run", "x.yml", "--job", "2"], "No such option"),
        (["run", "x.yml", "--jobs", "0"], "--jobs"),
        (["run", "nowhere.yml"], "nowhere.yml cannot be read: No such file or directory"),
        (["run", "."], ". is a folder; name the job's YAML file in it"),
        (["run", str(CASES / "chain" / "pipeline.yml"), "--set", "inputs"], "write it as PATH=VALUE"),
    ],
)
def test_a_wrong_command_line_is_told(arguments: list[str], message: str, penstock: Callable[..., Any]) -> None:
    ended = penstock(*arguments)
    assert ended.code == 2
    assert message in ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


def test_a_path_that_counts_from_elsewhere_gets_a_hint(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    (tmp_path / "my.csv").write_text("x")
    job = CASES / "data_by_set" / "pipeline.yml"
    ended = penstock("run", job, "--set", "inputs.f.path=my.csv", cwd=tmp_path)
    assert ended.code == 2
    assert f"It does exist from here; paths count from the job's folder: write {tmp_path}/my.csv." in ended.stderr


def test_text_goes_to_stdout_and_progress_to_stderr(penstock: Callable[..., Any]) -> None:
    ended = penstock("run", CASES / "nested_twice" / "pipeline.yml")
    assert ended.code == 0
    lines = ended.stdout.splitlines()
    assert lines[0].split() == ["NODE", "STATUS", "TIME"]
    assert lines[1].split()[:2] == ["outer.n.first", "completed"]
    assert "outer.n.first: started" in ended.stderr
    assert any(line.startswith("final ") for line in lines)


def test_a_failed_run_ends_with_the_command_that_continues_it(penstock: Callable[..., Any], workspace: Path) -> None:
    job = CASES / "step_fails" / "pipeline.yml"
    ended = penstock("run", job, "--set", "display_name=two words")
    assert ended.code == 1
    last = ended.stderr.splitlines()[-1]
    assert last.endswith(f"penstock run {job} --set 'display_name=two words' --workspace {workspace}")
    again = subprocess.run(last.removeprefix("run it again: "), shell=True, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "because" in again.stderr


def test_the_workspace_stands_beside_the_project_root(tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").touch()
    (tmp_path / "pipelines").mkdir()
    job = tmp_path / "pipelines" / "job.yml"
    job.write_text("type: pipeline\njobs:\n  a:\n    command: echo\n    environment: azureml:any:1\n")
    subprocess.run([PENSTOCK, "run", "pipelines/job.yml"], cwd=tmp_path, check=True, capture_output=True)
    assert len(list((tmp_path / ".penstock" / "runs").iterdir())) == 1
    assert (tmp_path / ".penstock" / ".gitignore").read_text() == "*\n"


def test_a_workspace_that_cannot_be_written_is_told(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    (tmp_path / "file").touch()
    ended = penstock("run", CASES / "chain" / "pipeline.yml", "--workspace", tmp_path / "file")
    assert ended.code == 1
    assert "cannot be written: Not a directory. Name another: --workspace DIR" in ended.stderr


def test_a_terminal_sees_the_nodes_move(tmp_path: Path) -> None:
    """On a terminal the running nodes are drawn live, and the ended ones stay."""
    main, secondary = pty.openpty()
    process = subprocess.Popen(
        [PENSTOCK, "run", CASES / "chain" / "pipeline.yml", "--workspace", tmp_path / "ws", "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=secondary,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(secondary)
    out, _ = process.communicate(timeout=60)
    seen = b""
    while True:
        try:
            chunk = os.read(main, 4096)
        except OSError:
            break
        seen += chunk
    os.close(main)
    assert process.returncode == 0
    assert json.loads(out)["status"] == "completed"
    assert b"c: completed" in seen
    assert b"\x1b[" in seen, "colours and cursor movement"


def test_no_color_is_respected(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    ended = penstock("run", CASES / "chain" / "pipeline.yml")
    assert "\x1b" not in ended.stderr + ended.stdout


@pytest.mark.parametrize("name", ["../../up", "2024 run: über", "x" * 500])
def test_any_job_name_makes_a_run_folder_in_the_workspace(
    name: str, tmp_path: Path, penstock: Callable[..., Any], workspace: Path
) -> None:
    job = tmp_path / "2024-job.yml"
    job.write_text(f"type: command\nname: '{name}'\ncommand: echo\nenvironment: azureml:any:1\n")
    ended = penstock("run", job)
    assert ended.code == 0, ended.stderr
    assert len(list((workspace / "runs").iterdir())) == 1
