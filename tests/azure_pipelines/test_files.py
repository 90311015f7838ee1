"""The files of the build systems: valid by their published schemas, and with no logic of their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure_pipelines import load, scripts

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / ".azure/pipelines"
DEVOPS = sorted(PIPELINES.rglob("*.yml"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
VERBS = re.compile(r"make [a-z-]+|\.venv/bin/penstock [a-z]+( \S+)*")
NEEDED = {"batch.yml": {"data": "d", "package": "p"}}


def _schema_says(file: Path, *options: str) -> dict[str, Any]:
    line = [sys.executable, "-m", "check_jsonschema", *options, "--output-format", "json", str(file)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


DEVOPS_SCHEMA = (
    "--builtin-schema", "vendor.azure-pipelines", "--data-transform", "azure-pipelines", "--regex-variant", "python"
)  # fmt: skip


@pytest.mark.parametrize("file", DEVOPS, ids=lambda file: file.name)
def test_a_file_of_azure_devops_is_valid(file: Path, tmp_path: Path) -> None:
    """The published schema wants an `image` of every container; one of type ACR has none (its page says so)."""
    said = _schema_says(file, *DEVOPS_SCHEMA)
    if file.name == "release.yml":
        assert said["status"] == "fail"
        document = yaml.safe_load(file.read_text())
        document["resources"]["containers"][0]["image"] = "crpenstock.azurecr.io/diabetes"
        file = tmp_path / "release.yml"
        file.write_text(yaml.safe_dump(document))
        said = _schema_says(file, *DEVOPS_SCHEMA)
    assert said["status"] == "ok", said


def test_a_wrong_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text((PIPELINES / "ci.yml").read_text().replace("dependsOn:", "dependOn:"))
    assert _schema_says(tmp_path / "ci.yml", *DEVOPS_SCHEMA)["status"] == "fail"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_of_github_is_valid(file: Path) -> None:
    assert _schema_says(file, "--builtin-schema", "vendor.github-workflows")["status"] == "ok"


@pytest.mark.parametrize("file", ACTIONS, ids=lambda file: file.parent.name)
def test_an_action_of_github_is_valid(file: Path) -> None:
    assert _schema_says(file, "--builtin-schema", "vendor.github-actions")["status"] == "ok"


def _devops_scripts() -> list[tuple[str, str]]:
    files = sorted(PIPELINES.glob("*.yml"))
    return [(file.name, script) for file in files for script in scripts(load(file, NEEDED.get(file.name)))]


def _github_scripts() -> list[tuple[str, str]]:
    jobs = [(file.name, job) for file in WORKFLOWS for job in yaml.safe_load(file.read_text())["jobs"].values()]
    jobs += [(file.parent.name, yaml.safe_load(file.read_text())["runs"]) for file in ACTIONS]
    return [(name, step["run"]) for name, job in jobs for step in job.get("steps", []) if "run" in step]


def _jenkins_scripts() -> list[tuple[str, str]]:
    return [("Jenkinsfile", script) for script in re.findall(r"\bsh '([^']*)'", (ROOT / "Jenkinsfile").read_text())]


@pytest.mark.parametrize(
    "found", [_devops_scripts(), _github_scripts(), _jenkins_scripts()], ids=["Azure DevOps", "GitHub", "Jenkins"]
)
def test_every_script_is_one_command(found: list[tuple[str, str]]) -> None:
    """One target of make, which is there, or one verb; all else comes in by variables."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert len({script for _, script in found}) > 10
    for file, script in found:
        assert VERBS.fullmatch(script), f"{file}: {script}"
        assert script.removeprefix("make ") in targets, f"{file}: {script}"


def test_the_pages_name_targets_that_are_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in ("README.md", "CONTRIBUTING.md", ".azure/README.md"):
        named = re.findall(r"(?:`|^ {4}|&& )make ([a-z][a-z-]+)", (ROOT / page).read_text(), re.MULTILINE)
        assert named, page
        assert set(named) <= {*targets}, page


def test_all_systems_call_the_same_targets() -> None:
    """Jenkins all but two, and the page says which."""
    devops = {script for _, script in _devops_scripts()}
    assert {script for _, script in _github_scripts()} == devops
    jenkins = {script for _, script in _jenkins_scripts()}
    assert jenkins <= devops
    page = (ROOT / ".azure/README.md").read_text()
    (told,) = [part for part in page.split("\n\n") if part.startswith("Jenkins: ")]
    assert {f"make {target}" for target in re.findall(r"`make ([a-z-]+) ", told)} == devops - jenkins


def test_each_green_retraining_sets_up_the_same_schedule() -> None:
    devops = load(PIPELINES / "schedule.yml")
    ci = devops["resources"]["pipelines"][0]
    assert (ci["source"], ci["trigger"]["branches"]["include"]) == ("ci", ["main"])
    variables = devops["jobs"][0]["variables"]
    assert variables == {"STAGE": "prod", "SCHEDULE": "pipelines/retrain_diabetes.schedule.yml"}
    github = yaml.safe_load((ROOT / ".github/workflows/schedule.yml").read_text())
    assert (github[True]["workflow_run"]["workflows"], github[True]["workflow_run"]["branches"]) == (["ci"], ["main"])
    for name, value in variables.items():
        assert github["jobs"]["schedule"]["env"][name].endswith(f"|| '{value}' }}}}")
    stages = re.split(r"\n {4}stage\('", (ROOT / "Jenkinsfile").read_text())
    retrain, schedule = next(pair for pair in pairwise(stages) if "make schedule" in pair[1])
    assert "make submit" in retrain
    for line in ("branch 'main'", "expression { !params.IMAGE }", "agent { label 'azure' }"):
        assert line in retrain, line
        assert line in schedule, line
    assert dict(re.findall(r"([A-Z]+) = '([^']*)'", schedule)) == variables


def test_an_older_push_never_sets_up_its_schedule_last() -> None:
    """Builds of main are one after the other, and so is what they start."""
    assert load(PIPELINES / "ci.yml")["trigger"]["batch"] == "true"
    schedule = load(PIPELINES / "schedule.yml")
    assert schedule["lockBehavior"] == "sequential"
    assert schedule["jobs"][0]["environment"] == "schedule"
    page = (ROOT / ".azure/README.md").read_text()
    assert "Environments `staging`, `prod` and `schedule`, each with the check *Exclusive lock*" in page
    github = {file.name: yaml.safe_load(file.read_text()) for file in WORKFLOWS}
    assert github["ci.yml"]["concurrency"] == "ci", "and nothing that is begun is cancelled"
    assert github["schedule.yml"]["jobs"]["schedule"]["concurrency"] == "schedule"
    assert "disableConcurrentBuilds()" in (ROOT / "Jenkinsfile").read_text()


@pytest.mark.parametrize(
    "file", [file for file in WORKFLOWS if "vars.AZURE" in file.read_text()], ids=lambda file: file.name
)
def test_what_needs_azure_is_skipped_without_a_subscription(file: Path) -> None:
    """By a condition of its own, or with a job that it needs."""
    jobs = yaml.safe_load(file.read_text())["jobs"]

    def is_skipped(name: str) -> bool:
        if "if" in jobs[name]:
            return bool(re.match(r"vars\.AZURE_SUBSCRIPTION_ID != ''($| && )", jobs[name]["if"]))
        return "needs" in jobs[name] and is_skipped(jobs[name]["needs"])

    assert [name for name in jobs if not is_skipped(name)] == (["tests"] if file.name == "ci.yml" else [])


def test_a_pull_request_gets_nowhere_near_azure() -> None:
    text = json.dumps(load(PIPELINES / "pr.yml"))
    assert "azureSubscription" not in text
    assert "AccessToken" not in text
    assert '"group"' not in text
    assert "make unit" in text
    assert load(PIPELINES / "ci.yml")["pr"] == "none"
    asked = [file for file in WORKFLOWS if "pull_request" in file.read_text()]
    assert [file.name for file in asked] == ["pr.yml"]
    for name in ("pr.yml", "tests.yml"):
        text = (ROOT / ".github/workflows" / name).read_text()
        assert "permissions:\n  contents: read\njobs" in text
        assert "id-token" not in text
        assert "vars." not in text


def test_no_file_holds_a_secret_or_moves_with_a_tag() -> None:
    """Identities are federated; a release goes by digest; actions are pinned by commit."""
    assert "resources.container.image.digest" in (PIPELINES / "release.yml").read_text()
    for file in (*DEVOPS, *WORKFLOWS, *ACTIONS, ROOT / "Jenkinsfile"):
        text = file.read_text()
        assert not re.search(r"(?i)client.?secret|password|:latest|container\.image\.tag", text), file.name
        for action in re.findall(r"uses: (\S+)", text):
            assert re.fullmatch(r"\./\S+|[\w./-]+@[0-9a-f]{40}", action), f"{file.name}: {action}"
