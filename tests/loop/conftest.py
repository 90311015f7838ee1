"""Fixtures for the whole retraining loop, as processes, in a workspace of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from retraining import JOB, Registry, Retrained


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
