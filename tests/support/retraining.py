"""The retraining loop as tests see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

ROOT = Path(__file__).parents[2]
JOB = ROOT / "pipelines" / "retrain_diabetes.yml"
STEPS = ["validate_data", "split_data", "train", "evaluate", "register", "package"]


@dataclass(frozen=True)
class Retrained:
    """A finished run of the loop."""

    code: int
    stderr: str
    summary: dict[str, Any]

    @property
    def statuses(self) -> dict[str, str]:
        return {node["name"]: node["status"] for node in self.summary["nodes"]}

    def output(self, node: str, port: str) -> Path:
        [found] = [n for n in self.summary["nodes"] if n["name"] == node]
        return Path(found["outputs"][port])

    def log(self, node: str) -> str:
        [found] = [n for n in self.summary["nodes"] if n["name"] == node]
        return Path(found["log"]).read_text()

    @property
    def decision(self) -> dict[str, Any]:
        return json.loads((self.output("evaluate", "decision") / "decision.json").read_text())


@dataclass(frozen=True)
class Registry:
    """The model registry of a workspace; looked into only when asked, for MLflow makes a store that is not there."""

    workspace: Path

    @cached_property
    def client(self) -> MlflowClient:
        assert (self.workspace / "mlflow.db").exists()
        return MlflowClient(f"sqlite:///{self.workspace}/mlflow.db")

    def models(self) -> list[str]:
        return [model.name for model in self.client.search_registered_models()]

    def versions(self, name: str) -> dict[str, dict[str, str]]:
        """The tags of each version of a registered model."""
        return {str(found.version): found.tags for found in self.client.search_model_versions(f"name = '{name}'")}

    def champion(self, name: str) -> str | None:
        return self.client.get_registered_model(name).tags.get("champion")


@dataclass(frozen=True)
class Twice:
    """A workspace in which the loop has run twice, accepted both times, and the summaries of the runs."""

    workspace: Path
    first: dict[str, Any]
    second: dict[str, Any]
