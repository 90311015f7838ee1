"""Fixtures of what is published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from provisioning import REPOSITORY, VARIABLES, Changed, Done, Provision
from publishable import make_project

from penstock.cli.bump import bump
from penstock.cli.publishing import publish
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from local_azure import LocalAzure

Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def project(azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with its lock, and the client led to the local Azure."""
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)
    root = make_project(tmp_path / "project")
    monkeypatch.chdir(root)
    bump(())
    return root


@pytest.fixture
def published(project: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Publish the project; gives the exit code and what `--format json` prints."""

    def call(stage: str = "dev", *, dry: bool = False) -> tuple[int, Any]:
        capsys.readouterr()
        code = publish((), stage, "json", dry=dry)
        return code, json.loads(capsys.readouterr().out)

    return call


@pytest.fixture
def provision(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> Provision:
    """Call it in this process; returns what it did with each resource, or with `fails` what it said."""
    from penstock.cli.provision import command

    azure.documents.clear()
    monkeypatch.chdir(REPOSITORY)
    for name, value in {**azure.environment, **VARIABLES}.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str, fails: int = 0, **variables: str) -> Any:
        done = CliRunner().invoke(command, [*arguments, "--format", "json"], env=variables)
        error = done.exception
        assert (error.exit_code if isinstance(error, PenstockError) else done.exit_code) == fails, (done.output, error)
        if fails:
            return str(error)
        return Done(json.loads(done.stdout)["resources"])

    return call


@pytest.fixture
def changed(provision: Provision, azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Changed:
    azure.reset()
    for name in (".azure", "pipelines"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    shutil.copy(REPOSITORY / "penstock.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return Changed(tmp_path, azure)
