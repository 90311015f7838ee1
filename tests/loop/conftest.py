"""Fixtures for the whole retraining loop, as processes, in a workspace of the test's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from retraining import JOB, Registry, Retrained, Twice

PENSTOCK = Path(sys.executable).with_name("penstock")


@pytest.fixture
def retrain(penstock: Callable[..., Any]) -> Callable[..., Retrained]:
    def call(*sets: str, job: Path = JOB) -> Retrained:
        options = [part for value in sets for part in ("--set", value)]
        ended = penstock("run", job, "--format", "json", *options)
        assert "This is a bug in penstock" not in ended.stderr
        return Retrained(ended.code, ended.stderr, json.loads(ended.stdout))

    return call


@pytest.fixture
def registry(workspace: Path) -> Registry:
    return Registry(workspace)


@pytest.fixture(scope="session")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Twice:
    """Shared, so only to be looked at; what runs more in it must leave the champion alone."""
    workspace = tmp_path_factory.mktemp("twice") / "workspace"
    better = ["--set", "inputs.estimator=Ridge", "--set", "jobs.register.inputs.git_commit=0123abcd"]
    runs = []
    for options in ([], better):
        line = [PENSTOCK, "run", JOB, "--workspace", workspace, "--format", "json", *options]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        runs.append(json.loads(done.stdout))
    return Twice(workspace, *runs)
