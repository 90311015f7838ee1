"""Verbs of penstock in this process, led to the local Azure: azure-ai-ml is imported once, not by each."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from click.testing import CliRunner

from penstock.cli.main import cli
from penstock.errors import PenstockError

STAGE = {
    "AZURE_RESOURCE_GROUP": "rg-penstock",
    "AZURE_ML_WORKSPACE": "mlw-penstock",
    "AZURE_LOCATION": "westeurope",
    "AZURE_CONTAINER_REGISTRY": "crpenstock",
}


@dataclass(frozen=True)
class Ended:
    """What a verb printed, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


def call(environment: Mapping[str, str], folder: Path, *arguments: str | Path) -> Ended:
    """`penstock ARGUMENTS` in `folder`. The environment and the handler of SIGTERM are as before, afterwards."""
    before, handler = Path.cwd(), signal.getsignal(signal.SIGTERM)
    os.chdir(folder)
    try:
        with patch.dict(os.environ, {**STAGE, **environment}):
            done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    finally:
        os.chdir(before)
        signal.signal(signal.SIGTERM, handler)
    error = done.exception
    if isinstance(error, PenstockError):
        return Ended(error.exit_code, done.stdout, f"{done.stderr}{error}\n")
    if error is not None and not isinstance(error, SystemExit):
        raise error
    return Ended(done.exit_code, done.stdout, done.stderr)
