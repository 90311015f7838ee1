"""What goes wrong on the way to Azure: a submission ends right, or fails with a message and can be repeated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from azure_project import project

from penstock.azure import jobs
from penstock.azure.client import AzureError, connect
from penstock.store.stages import read_stage

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from local_azure import LocalAzure
    from local_azure.faults import Kind

JOB, SIGN_IN = r"PUT management\S+/jobs/", r"POST login\S+/token"
_SET = ("name=the_job", "settings.default_compute=azureml:serverless")


@pytest.fixture
def client(azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MLClient:
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)
    project(tmp_path)
    return connect(read_stage(tmp_path))


def _submit(client: MLClient, folder: Path, command: str = "echo ${{inputs.words}} > ${{outputs.made}}/words") -> str:
    job = jobs.load(project(folder, command), _SET)
    return jobs.submit(client, job, {}).name


def _follow(client: MLClient, name: str) -> tuple[jobs.Ended, list[str]]:
    warnings: list[str] = []
    return jobs.follow(client, name, lambda _: None, warnings.append), warnings


@pytest.mark.parametrize("kind", ["throttled", "unavailable", "lost", "lost_after", "expired", "conflict", "forbidden"])
@pytest.mark.parametrize("where", [JOB, SIGN_IN])
def test_one_fault_while_submitting(
    client: MLClient, azure: LocalAzure, tmp_path: Path, kind: Kind, where: str
) -> None:
    azure.faults.add(where, kind, retry_after="0")
    try:
        name = _submit(client, tmp_path)
    except AzureError as error:
        assert str(error).startswith("job the_job: ")
        name = _submit(client, tmp_path)
    assert azure.faults.unmet == []
    assert list(azure.jobs.jobs) == [f"{azure.workspace}/jobs/the_job".lower()], "submitted twice, or not at all"
    assert _follow(client, name)[0].status == "Completed"


def test_a_submission_that_was_taken_without_an_answer_is_followed(
    client: MLClient, azure: LocalAzure, tmp_path: Path
) -> None:
    """To send it again by another name would be a second job."""
    azure.faults.add(JOB, "lost_after", times=4)
    name = _submit(client, tmp_path)
    assert azure.faults.unmet == []
    assert list(azure.jobs.jobs) == [f"{azure.workspace}/jobs/the_job".lower()]
    assert _follow(client, name)[0].status == "Completed"


def test_a_submission_of_which_nobody_knows_tells_how_to_go_on(
    client: MLClient, azure: LocalAzure, tmp_path: Path
) -> None:
    azure.faults.add(JOB, "lost_after", times=4)
    azure.faults.add(r"GET management\S+/jobs/", "lost", times=None)
    with pytest.raises(AzureError, match=r"submit it again by this name \(--name the_job\), and it is one job"):
        _submit(client, tmp_path)


@pytest.mark.parametrize("kind", ["throttled", "unavailable", "lost", "expired"])
def test_one_fault_while_waiting(client: MLClient, azure: LocalAzure, tmp_path: Path, kind: Kind) -> None:
    name = _submit(client, tmp_path)
    azure.faults.add(r"GET management\S+/jobs/", kind, retry_after="0")
    ended, _ = _follow(client, name)
    assert azure.faults.unmet == []
    assert ended.status == "Completed"


def test_an_azure_that_is_away_for_longer_is_told_and_waited_out(
    client: MLClient, azure: LocalAzure, tmp_path: Path
) -> None:
    name = _submit(client, tmp_path)
    azure.faults.add(r"GET management\S+/jobs/", "expired", times=3)
    ended, warnings = _follow(client, name)
    assert ended.status == "Completed"
    assert len(warnings) == 1
    assert "The access token expiry UTC time has passed (401)" in warnings[0]
    assert "goes on meanwhile" in warnings[0]


def test_an_azure_that_stays_away_is_not_waited_for_for_ever(
    client: MLClient, azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = _submit(client, tmp_path)
    monkeypatch.setattr(jobs, "_PATIENCE_S", 0)
    azure.faults.add(r"GET management\S+/jobs/", "expired", times=None)
    with pytest.raises(AzureError, match="The access token expiry UTC time has passed"):
        _follow(client, name)


def test_an_azure_that_throttles_for_longer_is_told(client: MLClient, azure: LocalAzure, tmp_path: Path) -> None:
    azure.faults.add(JOB, "throttled", times=None, retry_after="0")
    with pytest.raises(AzureError, match=r"the limit has been reached .* \(429\)\. Azure throttles; try again later\."):
        _submit(client, tmp_path)
    assert azure.jobs.jobs == {}


def test_what_does_not_pass_is_told_at_once(client: MLClient, azure: LocalAzure, tmp_path: Path) -> None:
    name = _submit(client, tmp_path)
    azure.faults.add(r"GET management\S+/jobs/", "forbidden", times=None)
    with pytest.raises(AzureError, match=r"job the_job: Azure says: The client does not have authorization .*\(403\)"):
        _follow(client, name)


def test_who_may_not_sign_in_is_told(client: MLClient, azure: LocalAzure, tmp_path: Path) -> None:
    azure.faults.add(SIGN_IN, "forbidden", times=None)
    with pytest.raises(AzureError, match=r"job the_job: cannot sign in to Azure: .*az login"):
        _submit(client, tmp_path)
    assert azure.documents.get(f"{azure.workspace}/jobs/the_job") is None


def test_another_job_of_the_same_name_is_refused(client: MLClient, azure: LocalAzure, tmp_path: Path) -> None:
    _submit(client, tmp_path)
    with pytest.raises(AzureError, match=r"A job with the name the_job is there, with other jobs \(409\)"):
        _submit(client, tmp_path, "false")


def test_slow_operations_are_waited_for(client: MLClient, azure: LocalAzure, tmp_path: Path) -> None:
    name = _submit(client, tmp_path, "sleep 600")
    azure.faults.slow_operations = 5
    assert jobs.cancel(client, name) == "Canceled"
    assert jobs.cancel(client, name) == "Canceled"  # again: nothing to do


def test_the_client_s_own_stream_ends_too(client: MLClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `az ml job stream` calls."""
    client.jobs.stream(_submit(client, tmp_path))
    assert "RunId: the_job" in capsys.readouterr().out
