"""The command: what it writes, says and returns; the same bytes wherever and however often it is called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import main

PENSTOCK = Path(sys.executable).with_name("penstock")
PIPELINE = """\
@pipeline(display_name="Inner")
def inner(data: Input(type="uri_folder")):
    a = STEP(data=data)
    return {"folder": a.outputs.folder}

@pipeline(default_compute="cpu")
def p(data: Input(type="uri_folder")):
    first = STEP(data=data)
    first.environment_variables = {"B": "2", "A": "1"}
    first.set_resources(instance_count=2, properties={"b": "x", "a": "y"})
    second = inner(data=first.outputs.folder)

job = p(data=Input(type="uri_folder", path="components"))
"""


@pytest.fixture
def source(write_pipeline: Callable[[str], Path]) -> Path:
    return write_pipeline(PIPELINE)


def _process(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(PENSTOCK), "compile", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The same in this process, which has imported azure-ai-ml already."""

    def in_process(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["penstock", "compile", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return subprocess.CompletedProcess([], int(ended.value.code or 0), *capsys.readouterr())

    return in_process


def test_it_writes_checks_and_tells_what_is_stale(source: Path, project: Path) -> None:
    missing = _process("--check", cwd=project)
    assert missing.returncode == 2
    assert "pipelines/x.yml is missing\n" in missing.stderr
    assert "pipelines/x.inner.component.yml is missing\n" in missing.stderr
    assert missing.stderr.endswith("Write it anew: penstock compile pipelines/x.py\n")

    written = _process(cwd=project)
    assert (written.returncode, written.stdout) == (0, "")
    assert written.stderr == "wrote pipelines/x.inner.component.yml\nwrote pipelines/x.yml\n"

    current = _process("--check", "pipelines/x.py", cwd=project)
    assert (current.returncode, current.stdout) == (0, "")
    assert current.stderr == "pipelines/x.inner.component.yml is current\npipelines/x.yml is current\n"

    file = project / "pipelines" / "x.yml"
    fresh = file.read_bytes()
    source.write_text(source.read_text().replace('"A": "1"', '"A": "7"'))
    stale = _process("--check", cwd=project)
    assert (stale.returncode, stale.stdout) == (2, "")
    assert "pipelines/x.yml is stale: its pipeline in Python compiles to something else:\n--- x.yml\n" in stale.stderr
    assert '-      A: "1"\n+      A: "7"\n' in stale.stderr
    assert stale.stderr.endswith("Write it anew: penstock compile pipelines/x.py\n")
    assert "Traceback" not in stale.stderr
    assert file.read_bytes() == fresh


def test_a_hand_edited_or_left_over_nested_component_is_stale(source: Path, project: Path, call: Call) -> None:
    call(cwd=project)
    nested = project / "pipelines" / "x.inner.component.yml"
    text = nested.read_text()
    nested.write_text(text.replace("Inner", "Edited"))
    assert "x.inner.component.yml is stale" in call("--check", cwd=project).stderr
    source.write_text(source.read_text().replace("inner(", "renamed("))
    assert "x.inner.component.yml is left over" in call("--check", cwd=project).stderr
    done = call(cwd=project)
    assert done.stderr.splitlines()[-1] == "removed pipelines/x.inner.component.yml"
    assert sorted(path.name for path in nested.parent.glob("*.yml")) == ["x.renamed.component.yml", "x.yml"]


def test_a_component_file_of_the_users_own_is_never_removed(source: Path, project: Path, call: Call) -> None:
    own = project / "pipelines" / "x.own.component.yml"
    own.write_text("type: command\n")
    call(cwd=project)
    assert own.read_text() == "type: command\n"
    assert call("--check", cwd=project).returncode == 0


def test_the_bytes_are_the_same_everywhere(source: Path, project: Path, tmp_path: Path) -> None:
    def compiled() -> dict[str, bytes]:
        files = {path.name: path.read_bytes() for path in (project / "pipelines").glob("x.*yml")}
        for name in files:
            (project / "pipelines" / name).unlink()
        return files

    _process(cwd=project, PYTHONHASHSEED="1")
    first = compiled()
    assert sorted(first) == ["x.inner.component.yml", "x.yml"]
    _process(source, cwd=tmp_path, PYTHONHASHSEED="2", COLUMNS="20", LC_ALL="C", TZ="Asia/Tokyo")
    assert compiled() == first
    moved = project.rename(tmp_path / "elsewhere")
    _process("x.py", cwd=moved / "pipelines", PYTHONHASHSEED="3")
    assert {path.name: path.read_bytes() for path in (moved / "pipelines").glob("x.*yml")} == first


def test_all_problems_are_told_at_once_and_the_good_files_are_written(source: Path, project: Path, call: Call) -> None:
    (project / "pipelines" / "bad.py").write_text("1 / 0\n")
    (project / "pipelines" / "empty.py").write_text("")
    (project / "pipelines" / "_helper.py").write_text("1 / 0\n")
    done = call("--format", "json", cwd=project)
    assert done.returncode == 2
    answer: dict[str, Any] = json.loads(done.stdout)
    assert [(file["file"], file["status"]) for file in answer["files"]] == [
        ("pipelines/x.inner.component.yml", "written"),
        ("pipelines/x.yml", "written"),
    ]
    assert answer["problems"][0] == "pipelines/bad.py:1: ZeroDivisionError: division by zero"
    assert answer["problems"][1].startswith("pipelines/empty.py: there is no pipeline job at the top level")
    assert "\n".join(answer["problems"]) in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch.py"], "nosuch.py: there is no such file; "),
        (["pipelines/x.yml"], "pipelines/x.yml: name the pipeline in Python, pipelines/x.py"),
        (["--chek"], "No such option '--chek'"),
    ],
)
def test_a_wrong_command_line_is_told(
    arguments: list[str], message: str, source: Path, project: Path, call: Call
) -> None:
    done = call(*arguments, cwd=project)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_to_compile_is_told(tmp_path: Path, call: Call) -> None:
    done = call(cwd=tmp_path)
    assert done.returncode == 2
    assert "nothing to compile" in done.stderr


def _in_python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)


def test_help_imports_nothing_heavy(project: Path) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from penstock.cli.main import cli; "
        "result = CliRunner().invoke(cli, ['compile', '--help']); assert result.exit_code == 0, result; "
        "print(sorted({'azure', 'mlflow', 'pandas'} & set(sys.modules)))"
    )
    assert _in_python(code, project).stdout == "[]\n"


def test_without_azure_ai_ml_the_way_out_is_told(source: Path, project: Path) -> None:
    code = (
        "import sys; sys.modules['azure.ai.ml'] = None; sys.argv = ['penstock', 'compile']; "
        "from penstock.cli.main import main; main()"
    )
    done = _in_python(code, project)
    assert done.returncode == 2
    assert "compile needs azure-ai-ml" in done.stderr
    assert "pip install 'penstock[azure]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_connection_is_made(source: Path, project: Path) -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*arguments, **more): raise SystemExit('a connection was tried')\n"
        "socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse\n"
        "sys.argv = ['penstock', 'compile']\n"
        "from penstock.cli.main import main; main()"
    )
    done = _in_python(code, project)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "wrote pipelines/x.yml")
