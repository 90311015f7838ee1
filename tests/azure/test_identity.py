"""Who penstock is at Azure: in a build, the build, with a token of its own for each that it asks for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure_project import led, project

from penstock.azure.identity import credential

if TYPE_CHECKING:
    from local_azure import LocalAzure

PENSTOCK = Path(sys.executable).with_name("penstock")
WORKLOAD = ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID")
SCOPE = "https://management.azure.com/.default"


@pytest.fixture(params=["Azure DevOps", "GitHub"])
def build(request: pytest.FixtureRequest, azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The variables of a job, this process's own too; and no other identity."""
    systems = azure.build_systems
    own = systems.github if request.param == "GitHub" else {**systems.devops, **systems.connection}
    for name in WORKLOAD:
        monkeypatch.delenv(name, raising=False)
    variables = {name: value for name, value in azure.environment.items() if name not in WORKLOAD} | own
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def test_each_access_token_is_asked_for_with_a_new_token_of_the_build(
    azure: LocalAzure, build: Mapping[str, str]
) -> None:
    """So a build goes on for as long as it takes: what az login was given is of no use after ten minutes."""
    identity = credential()
    azure.login.lifetime_s = 0  # it has ended when the next is asked for
    tokens = {identity.get_token(SCOPE).token for _ in range(3)}
    assert tokens
    assert len(azure.login.assertions) == len(set(azure.login.assertions)) == 3
    assert [each.status for each in azure.requests if "token" in each.path.rpartition("/")[2]] == [200] * 6
    assert azure.refused == []


def test_one_that_lives_long_is_kept(azure: LocalAzure, build: Mapping[str, str]) -> None:
    identity = credential()
    assert len({identity.get_token(SCOPE).token for _ in range(3)}) == 1
    assert len(azure.login.assertions) == 1


def test_a_verb_of_a_build_gets_to_azure(azure: LocalAzure, build: Mapping[str, str], tmp_path: Path) -> None:
    project(tmp_path)
    line = [str(PENSTOCK), "cancel", "--tag", "build=12"]
    done = subprocess.run(line, cwd=tmp_path, env=led(build), capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "no such job goes on\n"), done.stderr
    assert len(azure.login.assertions) >= 1
    said = done.stdout + done.stderr
    assert not [secret for secret in azure.secrets() if secret in said]


@pytest.mark.parametrize("build", ["GitHub"], indirect=True)
def test_a_job_that_may_not_have_an_identity_is_told(azure: LocalAzure, build: Mapping[str, str]) -> None:
    identity = credential({**build, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of another job"})
    with pytest.raises(ClientAuthenticationError, match=r"gives this job no identity \(401\): .* id-token: write"):
        identity.get_token(SCOPE)


def test_a_moment_without_an_answer_is_waited_out(azure: LocalAzure, build: Mapping[str, str]) -> None:
    azure.faults.add(r"(oidctoken|idtoken)$", "unavailable")
    assert credential().get_token(SCOPE).token
    assert azure.faults.unmet == []
