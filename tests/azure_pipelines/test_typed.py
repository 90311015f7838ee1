"""What somebody types who starts a build, or an event brings, is a value: no command, no option, nothing for make."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure_pipelines import load

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / ".azure/pipelines"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MARK = "typed-by-somebody"
VALUES = (
    "$(shell touch HIT)x",
    "${shell touch HIT}",
    "$(touch HIT)",
    "$$(touch HIT)",
    "`touch HIT`",
    "x; touch HIT #",
    "x' ; touch HIT; '",
    'x" ; touch HIT; "',
    "x\ntouch HIT",
    "--help",
    "build=jenkins-ML & Team-a job (1)-7",
    "a  b\t* \\ $HOME %s é",
)
TARGETS = {
    "publish": ("STAGE",),
    "submit": ("PIPELINE", "TAG", "STAGE"),
    "score": ("DATA", "PACKAGE", "TAG", "STAGE"),
    "cancel": ("TAG", "STAGE"),
    "release": ("IMAGE", "WHAT", "STAGE"),
    "smoke": ("IMAGE", "ENDPOINT", "STAGE"),
    "rollback": ("IMAGE", "ENDPOINT", "STAGE"),
    "provision": ("STAGE",),
    "schedule": ("SCHEDULE", "STAGE"),
    "run": ("PIPELINE",),
}
POSITIONAL = {("submit", "PIPELINE"), ("release", "IMAGE"), ("release", "WHAT"), ("schedule", "SCHEDULE")}
POSITIONAL |= {(target, "ENDPOINT") for target in ("smoke", "rollback")}


class Made:
    """`make` with a penstock that notes its arguments, in place of the one in .venv."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin, self._noted = folder, folder / "bin", folder / "noted"
        self.bin.mkdir()
        penstock = self.bin / "penstock"
        noting = f"open({str(self._noted)!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')"
        penstock.write_text(f"#!{sys.executable}\nimport json, sys\n{noting}\n")
        penstock.chmod(0o755)

    def __call__(self, target: str, *options: str, **given: str) -> list[list[str]]:
        """The arguments of each call. What a value would have done is looked for in the folder that it is called in."""
        self._noted.unlink(missing_ok=True)
        known = {name for names in TARGETS.values() for name in names} | {"ARGS", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
        environment = {key: value for key, value in os.environ.items() if key not in known}
        line = ["make", "-f", str(ROOT / "Makefile"), f"BIN={self.bin}", "-o", ".venv/.run", *options, target]
        (self.folder / ".venv").mkdir(exist_ok=True)
        (self.folder / ".venv/.run").touch()
        done = subprocess.run(
            line, cwd=self.folder, env={**environment, **given}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert not (self.folder / "HIT").exists(), given
        return [json.loads(each) for each in self._noted.read_text().splitlines()] if self._noted.exists() else []


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.mark.parametrize(("target", "name"), [(target, name) for target, names in TARGETS.items() for name in names])
def test_make_hands_on_a_value_as_it_is(made: Made, target: str, name: str) -> None:
    others = {other: f"its-{other.lower()}" for other in TARGETS[target] if (other, name) != ("WHAT", "IMAGE")}
    (plain,) = made(target, **{**others, name: MARK})[:1]
    assert sum(MARK in argument for argument in plain) == 1, plain
    assert made(target, "-n", **{**others, name: "".join(VALUES)}) == []
    for value in VALUES:
        (arguments,) = made(target, **{**others, name: value})[:1]
        assert arguments == [argument.replace(MARK, value) for argument in plain], value
    if (target, name) in POSITIONAL:
        assert plain[-2:] == ["--", MARK], "so it is no option of the verb"


def test_what_is_not_given_is_left_out(made: Made) -> None:
    assert made("submit") == [["submit", "--stage", "dev", "--wait", "--", "pipelines/retrain_diabetes.yml"]]
    assert made("cancel") == [["cancel", "--stage", "dev"]]
    assert made("smoke", ARGS="--junit x.xml") == [
        ["smoke", "--on", "azure", "--stage", "dev", "--junit", "x.xml", "--"]
    ]


def test_the_targets_above_are_all_that_have_a_typed_value() -> None:
    """No recipe has make expand one, and each that has the shell expand one is tried above."""
    names = {name for each in TARGETS.values() for name in each}
    lines = (ROOT / "Makefile").read_text().splitlines()
    found: dict[str, set[str]] = {}
    target = ""
    for line in lines:
        begins = re.match(r"([a-z-]+):", line)
        target = begins[1] if begins else target
        if line.startswith("\t"):
            assert not [name for name in names if re.search(rf"(?<!\$)\$[({{]{name}\b", line)], line
            used = {name for name in names if re.search(rf"\$\$\{{?{name}\b", line)}
            if used:
                found.setdefault(target, set()).update(used)
    assert found == {target: set(each) for target, each in TARGETS.items()}


def _typed(file: Path) -> Iterator[dict[str, Any]]:
    """The parameters of a pipeline that may be any text."""
    for each in yaml.safe_load(file.read_text()).get("parameters", []):
        if each["type"] == "string" and "values" not in each:
            yield each
        else:
            assert each["type"] in {"number", "boolean"} or each["values"], each


def _places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """(keys that lead there, text) of each text that has the mark in it."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _places(each, (*path, key))
    elif isinstance(value, list):
        for each in value:
            yield from _places(each, path)
    elif MARK in str(value):
        yield path, str(value)


@pytest.mark.parametrize("file", sorted(PIPELINES.glob("*.yml")), ids=lambda file: file.name)
def test_free_text_gets_into_azure_devops_as_a_variable_of_its_own(file: Path) -> None:
    names = [each["name"] for each in _typed(file)]
    for path, text in _places(load(file, dict.fromkeys(names, MARK))):
        assert path[-2] == "variables", path
        assert path[-1] in {name for each in TARGETS.values() for name in each}, path
        assert text == MARK
    for parameter in yaml.safe_load(file.read_text()).get("parameters", []):
        wrong = "60; touch HIT"
        if parameter["name"] not in names:
            with pytest.raises(AssertionError, match=r"is no number|is none of"):
                load(file, {**dict.fromkeys(names, MARK), parameter["name"]: wrong})


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_free_text_gets_into_github_as_a_variable_of_its_own(file: Path) -> None:
    """GitHub puts an expression's value into a script before a shell reads it, so no script has one."""
    document = yaml.safe_load(file.read_text())
    inputs = (document[True].get("workflow_dispatch") or {}).get("inputs") or {}  # `on:` is true in YAML 1.1
    chosen = {name for name, each in inputs.items() if each.get("type") in {"choice", "boolean", "number"}}
    jobs = document["jobs"].values()
    steps = [step for job in jobs for step in job.get("steps", [])]
    assert not [step for step in steps if "${{" in str(step.get("run", ""))]
    for name, value in [pair for each in (document, *jobs, *steps) for pair in each.get("env", {}).items()]:
        used = set(re.findall(r"inputs\.(\w+)", value)) - chosen
        if used or "client_payload" in value:
            assert name in {name for each in TARGETS.values() for name in each}, name
        if name == "ARGS" and "${{" in value:
            assert re.fullmatch(r"\$\{\{ inputs\.\w+ \}\}", value), value
            assert not used


def test_free_text_gets_into_jenkins_as_a_variable_of_its_own() -> None:
    """A parameter is one by itself; what is in double quotes Groovy fills in."""
    text = (ROOT / "Jenkinsfile").read_text()
    assert re.findall(r"\w+\(name: '(\w+)'", text) == ["IMAGE"]
    assert re.findall(r'"[^"\n]*"', text) == ['"build=${env.BUILD_TAG}"']
    assert [line.strip() for line in text.splitlines() if '"' in line] == ['TAG = "build=${env.BUILD_TAG}"']
    assert {line.strip() for line in text.splitlines() if "params." in line} == {
        "expression { !params.IMAGE }",
        "expression { params.IMAGE }",
    }
