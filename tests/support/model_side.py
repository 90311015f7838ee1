"""Runs train, evaluate, register and package: in this process for the many cases, as processes for the few."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import yaml
from mlflow import MlflowClient

from penstock_steps import lineage
from penstock_steps.lineage import Component, Lineage, StepRecord
from penstock_steps.tables import write_table

ROOT = Path(__file__).parents[2]
COMPONENTS = ROOT / "components"
SCORING = ROOT / "environments" / "scoring"
STEPS = ("train", "evaluate", "register", "package")


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str


@dataclass
class Bench:
    """A folder to work in, with a tracking store of its own."""

    folder: Path
    uri: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri)

    def main(self, step: str, **options: Any) -> None:
        """Run a step in this process: `--some-option value` for each some_option=value; None leaves it out."""
        with (
            patch.object(sys, "argv", [step, *command_line(options)]),
            patch.dict(os.environ, self.environment),
            patch("lock.FOLDER", SCORING),
        ):
            importlib.import_module(step).main()

    def process(self, step: str, **options: Any) -> Ended:
        """Run a step as Azure does: from a snapshot, in a working folder of its own."""
        snapshot = make_snapshot(step, self.folder / f"snapshot-{step}")
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
        done = subprocess.run(
            [sys.executable, f"{step}.py", *command_line(options)],
            cwd=snapshot,
            env={**clean, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def split(self, table: pd.DataFrame, name: str = "split", *, seed: int = 0) -> tuple[Path, Path]:
        """What split_data leaves of a table: its train and its test folder, every fourth row being held out."""
        held_out = (np.arange(len(table)) + seed) % 4 == 0
        data = f"sha256:{'d' * 63}{len(table) % 10}"
        suite = {"name": "checks", "digest": f"sha256:{'5' * 64}"}
        gate = StepRecord("validate_data", "1.0.0", {"data": data}, {}, {"suite": suite}, run_id="gate-run")
        parts = []
        for port, rows in (("train", table[~held_out]), ("test", table[held_out])):
            folder = self.folder / name / port
            write_table(rows, folder)
            own = lineage.record(Component("split_data", "1.0.0"), inputs={"data": data}, parameters={"seed": seed})
            upstream = Lineage(folder, "validate_data", "report", "", {"validate_data": gate})
            lineage.write(folder, port, own, [upstream])
            parts.append(folder)
        return parts[0], parts[1]

    def train(self, rows: Path, name: str = "model", **options: Any) -> Path:
        model = self.folder / name
        self.main("train", train_data=rows, model=model, **{**REGRESSION, **options})
        return model

    def evaluate(self, model: Path, rows: Path, name: str = "decision", **options: Any) -> Path:
        decision = self.folder / name
        given = {"target": "y", "task": "regression", "model_name": "rent", "metrics": ANY_BETTER, **options}
        self.main("evaluate", candidate=model, test_data=rows, decision=decision, **given)
        return decision

    def register(self, model: Path, decision: Path, name: str = "registration", **options: Any) -> Path:
        registration = self.folder / name
        given = {"model_name": "rent", **options}
        self.main("register", model=model, decision=decision, registration=registration, **given)
        return registration

    def champion(self, train: Path, test: Path, name: str = "champion", **options: Any) -> Path:
        """Train a model and make it the champion of the registered model rent, packaged; returns the model's folder."""
        model = self.train(train, name, **options)
        decision = self.evaluate(model, test, f"{name}-decision", **_purpose(options))
        self.register(model, decision, f"{name}-registration")
        version = self.champion_version()
        assert version is not None
        self.client.set_model_version_tag("rent", version, "package_digest", "sha256:as package writes it")
        return model

    def decision(self, folder: Path) -> dict[str, Any]:
        return dict(json.loads((folder / "decision.json").read_text()))

    def champion_version(self) -> str | None:
        return self.client.get_registered_model("rent").tags.get("champion")

    def versions(self) -> dict[str, dict[str, str]]:
        """The tags of each version of rent."""
        return {str(found.version): found.tags for found in self.client.search_model_versions("name='rent'")}


def open_bench(folder: Path, store: Path) -> Bench:
    """A bench in `folder` with a copy of an MLflow store."""
    shutil.copyfile(store, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(uri)
    if client.get_experiment_by_name("loop") is None:
        client.create_experiment("loop", artifact_location=(folder / "artifacts").as_uri())
    return Bench(folder, uri, {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": "loop"})


REGRESSION = {"target": "y", "task": "regression", "estimator": "Ridge"}
ANY_BETTER = json.dumps({"rmse": {"min_improvement": 0}})


def _purpose(options: Mapping[str, Any]) -> dict[str, Any]:
    if options.get("task") == "classification":
        return {"task": "classification", "metrics": json.dumps({"accuracy": {"min_improvement": 0}})}
    return {}


def command_line(options: Mapping[str, Any]) -> list[str]:
    return [
        part
        for name, value in options.items()
        if value is not None
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]


def make_snapshot(step: str, folder: Path) -> Path:
    """What `code:` and `additional_includes` of a component upload."""
    if not folder.exists():
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(COMPONENTS / step / "src", folder, ignore=ignore)
        shutil.copytree(COMPONENTS / "_shared" / "penstock_steps", folder / "penstock_steps", ignore=ignore)
        if step == "package":
            shutil.copytree(SCORING, folder / "scoring", ignore=ignore)
    return folder


def options_of(step: str) -> dict[str, Any]:
    """The component's inputs and outputs by their names, as component.yml has them."""
    component = yaml.safe_load((COMPONENTS / step / "component.yml").read_text())
    return {**component["inputs"], **component["outputs"]}


def rent(rows: int = 80, *, seed: int = 0) -> pd.DataFrame:
    """A table with columns of every kind, nulls among them, and `y` to predict."""
    rng = np.random.default_rng(seed)
    area = rng.normal(80, 20, rows)
    town = rng.choice(["Bergen", "Oslo", "Tromsø"], rows)
    built = pd.Timestamp("1990-01-01") + pd.to_timedelta(rng.integers(0, 9_000, rows), unit="D")
    seen = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, rows), unit="h")
    table = pd.DataFrame(
        {
            "area": area,
            "rooms": rng.integers(1, 6, rows),
            "town": town,
            "balcony": rng.choice([True, False], rows),
            "lift": rng.choice([True, False, None], rows),
            "built": built,
            "seen": pd.Series(seen.strftime("%Y-%m-%d %H:%M")),
            "floor": rng.integers(0, 9, rows).astype(float),
            "y": area * 3 + (town == "Oslo") * 90 + rng.normal(0, 12, rows),
        }
    )
    for number, column in enumerate(["town", "built", "seen", "floor"]):
        table.loc[table.index % 11 == number, column] = None
    table["dear"] = np.where(table["y"] > table["y"].median(), "yes", "no")
    return table


def regression_table(rows: int = 80, *, seed: int = 0) -> pd.DataFrame:
    return rent(rows, seed=seed).drop(columns="dear")


def classification_table(rows: int = 80, *, seed: int = 0) -> pd.DataFrame:
    return rent(rows, seed=seed).drop(columns="y").rename(columns={"dear": "y"})
