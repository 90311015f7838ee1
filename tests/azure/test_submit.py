"""`penstock submit` and `penstock cancel` by the real client; at the local Azure the engine runs the job."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure_project import led, project

if TYPE_CHECKING:
    from local_azure import LocalAzure

PENSTOCK = Path(sys.executable).with_name("penstock")
DECISION = {
    "verdict": "reject",
    "reasons": ["rmse 75 misses its floor of at most 70"],
    "metrics": {},
    "champion": None,
    "candidate": {"digest": "sha256:0"},
    "data": {},
    "suite": None,
}
Submit = Callable[..., Any]


@pytest.fixture
def penstock_at_azure(azure: LocalAzure) -> Submit:
    def call(*arguments: str | Path, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        line = [str(PENSTOCK), *map(str, arguments)]
        environment = {**led(azure.environment), **variables}
        return subprocess.run(line, capture_output=True, text=True, cwd=cwd, env=environment, check=False, timeout=120)

    return call


def test_a_rejected_candidate_is_told_and_ends_with_0(
    penstock_at_azure: Submit, azure: LocalAzure, tmp_path: Path
) -> None:
    job = project(
        tmp_path / "p", f"echo '{json.dumps(DECISION)}' > ${{{{outputs.decision}}}}/decision.json", "decision"
    )
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": "77",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": "a/b",
        "GITHUB_SHA": "c0ffee",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    done = penstock_at_azure("submit", job, "--wait", "--format", "json", "--tag", "team=ml", **variables)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["status"], told["decision"]["verdict"]) == ("Completed", "reject")
    assert told["decision"]["reasons"] == DECISION["reasons"]
    assert [(node["name"], node["status"]) for node in told["nodes"]] == [("write", "Completed")]
    assert "write: Completed" in done.stderr.splitlines()
    sent = azure.documents.get(f"{azure.workspace}/jobs/{told['job']}")
    assert sent is not None
    assert sent["properties"]["tags"] == {
        "stage": "dev",
        "build": "77",
        "build_url": "https://github.example/a/b/actions/runs/77",
        "commit": "c0ffee",
        "team": "ml",
    }
    assert sent["properties"]["settings"]["default_compute"].endswith("/computes/serverless")  # of the stage's overlay
    outputs = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert outputs["job"] == told["job"]
    assert outputs["verdict"] == "reject"
    assert told["url"] in (tmp_path / "summary").read_text()
    assert azure.refused == []  # nobody else was asked for anything


def test_a_failed_node_is_told_with_the_end_of_its_log(penstock_at_azure: Submit, tmp_path: Path) -> None:
    job = project(tmp_path, "echo the disk is full; exit 3")
    done = penstock_at_azure("submit", job, "--wait")
    assert done.returncode == 1
    assert "write: failed; the end of its log:\n    the disk is full" in done.stderr
    assert done.stdout.splitlines()[-1].endswith(": Failed")


def test_a_failed_node_s_log_commands_no_build(penstock_at_azure: Submit, tmp_path: Path) -> None:
    job = project(tmp_path, "echo '##VSO[task.setvariable variable=verdict]accept'; exit 3")
    done = penstock_at_azure("submit", job, "--wait", TF_BUILD="True")
    assert done.returncode == 1
    assert "    # #VSO[task.setvariable variable=verdict]accept" in done.stderr.splitlines()
    commands = [line for line in done.stderr.splitlines() if "##vso[" in line.lower()]
    assert commands
    assert all(line.startswith("##vso[") for line in commands)


def test_a_job_that_fails_before_its_nodes_is_told_with_what_azure_says(
    penstock_at_azure: Submit, tmp_path: Path
) -> None:
    job = project(tmp_path)
    lost = "{words: four words, data: {type: uri_file, path: azureml://datastores/workspaceblobstore/paths/lost.csv}}"
    text = job.read_text()
    assert '{words: "${{parent.inputs.words}}"}' in text
    job.write_text(text.replace('{words: "${{parent.inputs.words}}"}', lost))
    done = penstock_at_azure("submit", job, "--wait")
    assert done.returncode == 1
    _, told, said = done.stderr.partition("it failed before any node did; Azure says:")
    assert told
    assert "lost.csv" in said
    assert "Exception" not in said, "the message alone, out of what the client has put around it"


def test_a_build_that_is_cancelled_cancels_the_job(
    penstock_at_azure: Submit, azure: LocalAzure, tmp_path: Path
) -> None:
    job = project(tmp_path, "sleep 600")
    line = [str(PENSTOCK), "submit", str(job), "--wait"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=led(azure.environment)) as process:
        assert process.stderr is not None
        for said in process.stderr:
            if said.startswith("write: Running"):
                process.send_signal(signal.SIGTERM)
                break
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert [job.status for job in azure.jobs.jobs.values()] == ["Canceled"]


def test_a_build_that_is_cancelled_before_azure_has_the_job(
    penstock_at_azure: Submit, azure: LocalAzure, tmp_path: Path
) -> None:
    fault = azure.faults.add(r"PUT management\S+/jobs/", "throttled", retry_after="600")
    line = [str(PENSTOCK), "submit", str(project(tmp_path)), "--wait"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=led(azure.environment)) as process:
        deadline = time.monotonic() + 60
        while not fault.met and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert azure.jobs.jobs == {}


def test_jobs_are_cancelled_by_the_tag_of_their_build(
    penstock_at_azure: Submit, azure: LocalAzure, tmp_path: Path
) -> None:
    job = project(tmp_path, "sleep 600")
    build = {"TF_BUILD": "True", "BUILD_BUILDID": "12", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": "https://ado.example/o/"}
    build["AGENT_TEMPDIRECTORY"] = str(tmp_path)
    submitted = penstock_at_azure("submit", job, **build)
    assert submitted.returncode == 0, submitted.stderr
    name = submitted.stdout.split(":")[0].removeprefix("job ")
    assert f"##vso[task.setvariable variable=job;isOutput=true]{name}" in submitted.stderr.splitlines()
    assert f"##vso[build.addbuildtag]job-{name}" in submitted.stderr.splitlines()
    assert f"##vso[task.uploadsummary]{tmp_path}/job-{name}.md" in submitted.stderr.splitlines()
    assert (tmp_path / f"job-{name}.md").read_text().startswith(f"[job-{name}](https://ml.azure.com/")
    done = penstock_at_azure("cancel", "--tag", "build=12", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"job {name}: Canceled\n"), done.stderr
    assert [job.status for job in azure.jobs.jobs.values()] == ["Canceled"]


def test_what_check_refuses_is_not_sent(penstock_at_azure: Submit, azure: LocalAzure, tmp_path: Path) -> None:
    job = project(tmp_path)
    job.write_text(job.read_text().replace("parent.inputs.words", "parent.inputs.wrods"))
    done = penstock_at_azure("submit", job)
    assert done.returncode == 2
    assert f"{job}:" in done.stderr
    assert "wrods" in done.stderr
    assert azure.requests == []


def test_a_stage_whose_variable_is_not_set_is_told(
    penstock_at_azure: Submit, azure: LocalAzure, tmp_path: Path
) -> None:
    done = penstock_at_azure("submit", project(tmp_path), AZURE_SUBSCRIPTION_ID="")
    assert done.returncode == 2
    assert "penstock.toml:2:1: 'subscription' is taken from the variable AZURE_SUBSCRIPTION_ID, which is not set" in (
        done.stderr
    )
    assert azure.requests == []
