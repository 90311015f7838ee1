"""Fixtures of what is published."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from publishable import make_project

from penstock.cli.bump import bump
from penstock.cli.publishing import publish

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
