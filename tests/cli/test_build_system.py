"""What others print is no command to the build system; what penstock tells it is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.build_system import disarmed, tell_build
from penstock.cli.looking import print_json

COMMANDS = {
    "##vso[task.setvariable variable=PATH]x": "# #vso[task.setvariable variable=PATH]x",
    "##VSO[task.complete result=Succeeded;]": "# #VSO[task.complete result=Succeeded;]",
    "a log: ##Vso[build.addbuildtag]x ##[error]y": "a log: # #Vso[build.addbuildtag]x # #[error]y",
    "###[section]": "## #[section]",
    "####vso[a]": "### #vso[a]",
    "::set-output name=verdict::accept": ": :set-output name=verdict::accept",
    "one\n  \t::warning::two\r::ERROR::three": "one\n  \t: :warning::two\r: :ERROR::three",
}
HARMLESS = ("## a title", "std::vector::size", "a #1 [x]", "::1", "#[x]", "")
JOB = """\
type: pipeline
settings: {default_compute: azureml:serverless}
jobs:
  say:
    command: 'printf "%s\\n" "##VSO[task.setvariable variable=a]b" "::warning::c" "x ##[error]d"; exit 1'
    environment: azureml:none:1
"""


def obeyed(text: str) -> list[str]:
    """The lines that an agent takes for commands."""
    found = re.compile(r"##\w*\[|^\s*::[a-z]", re.IGNORECASE)
    return [line for line in re.split(r"[\r\n]", text) if found.search(line)]


@pytest.mark.parametrize("text", COMMANDS)
def test_commands_are_broken(text: str) -> None:
    assert disarmed(text) == COMMANDS[text]
    assert obeyed(text)
    assert not obeyed(disarmed(text))
    assert disarmed(disarmed(text)) == disarmed(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_is_left_alone(text: str) -> None:
    assert disarmed(text) == text


def test_a_value_begins_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    tell_build({"verdict": "a\n##VSO[task.complete result=Succeeded;]"}, {"TF_BUILD": "True"})
    for line in capsys.readouterr().err.splitlines():
        assert line.startswith("##vso[task.setvariable variable=verdict")
        assert line.endswith("]a # #VSO[task.complete result=Succeeded;]")


def test_a_document_says_the_same_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    document: dict[str, Any] = {"log": list(COMMANDS)}
    print_json(document)
    out = capsys.readouterr().out
    assert json.loads(out) == document
    assert obeyed(out) == []


@pytest.mark.parametrize("variable", ["TF_BUILD", "GITHUB_ACTIONS"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_log_of_a_failed_step_commands_no_build(
    penstock: Callable[..., Any],
    workspace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    encoding: str,
) -> None:
    for build in ("TF_BUILD", "GITHUB_ACTIONS"):  # these tests, too, run in a build
        monkeypatch.delenv(build, raising=False)
    (tmp_path / "job.yml").write_text(JOB)
    done = penstock("run", tmp_path / "job.yml")
    assert len(obeyed(done.stderr)) == 3, "elsewhere it is shown as it is"
    monkeypatch.setenv(variable, "True")
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    done = penstock("run", tmp_path / "job.yml")
    assert done.code == 1
    assert "# #VSO[task.setvariable variable=a]b" in done.stderr
    assert obeyed(done.stderr + done.stdout) == []
    run = max(path.name for path in (workspace / "runs").glob("job-*"))
    for options in ((), ("--format", "json")):
        done = penstock("logs", run, "say", "--workspace", workspace, *options)
        assert "VSO[task.setvariable variable=a]b" in done.stdout
        assert obeyed(done.stdout) == []


def test_penstock_s_own_commands_are_still_obeyed() -> None:
    """Between lines of others, in their order."""
    program = """if True:
        import click
        from penstock.cli.build_system import disarm_output, tell_build
        disarm_output()
        click.echo("##vso[task.logissue]of others", err=True)
        tell_build({"status": "Completed"}, {"TF_BUILD": "True"})
        click.echo("::warning::of others", err=True)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [
        "# #vso[task.logissue]of others",
        "##vso[task.setvariable variable=status]Completed",
        "##vso[task.setvariable variable=status;isOutput=true]Completed",
        ": :warning::of others",
    ]
