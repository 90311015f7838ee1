"""The same components, none edited, on a generated table: other names, categoricals, nulls, timestamps, Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from retraining import JOB, STEPS, Registry, Retrained

pytestmark = pytest.mark.loop
ROWS = 600


def houses(rng: np.random.Generator) -> pd.DataFrame:
    """A table that shares nothing with the diabetes one."""
    area = rng.normal(120, 30, ROWS).round(1)
    town = rng.choice(["Bergen", "Oslo", "Tromsø"], ROWS)
    built = pd.Timestamp("1990-01-01") + pd.to_timedelta(rng.integers(0, 12_000, ROWS), unit="D")
    price = area * 30 + (town == "Oslo") * 900 + (built.year - 1990) * 20 + rng.normal(0, 150, ROWS)
    table = pd.DataFrame(
        {
            "Living area": area,
            "town": town,
            "built": built,
            "rooms": rng.integers(1, 8, ROWS),
            "Price kNOK": price.round(0),
        }
    )
    table["garden"] = rng.choice([True, False], ROWS)
    table.loc[rng.choice(ROWS, 40, replace=False), "Living area"] = None
    table.loc[rng.choice(ROWS, 30, replace=False), "town"] = None
    table.loc[rng.choice(ROWS, 20, replace=False), "built"] = None
    table["dear"] = np.where(table["Price kNOK"] > table["Price kNOK"].median(), "yes", "no")
    return table


SCENARIOS = {
    "regression": {
        "target": "Price kNOK",
        "drop": "dear",
        "estimator": "GradientBoostingRegressor",
        "metrics": {"rmse": {"min_improvement": 1.0, "floor": 1000}, "r2": {"floor": 0.5}},
    },
    "classification": {
        "target": "dear",
        "drop": "Price kNOK",
        "estimator": "LogisticRegression",
        "metrics": {"accuracy": {"min_improvement": 0.01, "floor": 0.7}},
    },
}


@pytest.mark.parametrize("task", ["regression", pytest.param("classification", marks=pytest.mark.long)])
def test_the_loop_knows_no_dataset(
    task: str, retrain: Callable[..., Retrained], registry: Registry, tmp_path: Path
) -> None:
    scenario = SCENARIOS[task]
    table = houses(np.random.default_rng(7)).drop(columns=scenario["drop"])
    table.to_parquet(tmp_path / "houses.parquet")
    expectations = [
        {
            "type": "expect_table_columns_to_match_set",
            "kwargs": {"column_set": list(table.columns), "exact_match": True},
        },
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "town", "value_set": ["Bergen", "Oslo", "Tromsø"]},
        },
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": scenario["target"]}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "rooms", "min_value": 1, "max_value": 20}},
    ]
    (tmp_path / "suite.json").write_text(json.dumps({"name": "houses", "expectations": expectations}))
    job = yaml.safe_load(JOB.read_text())
    for node in job["jobs"].values():
        node["component"] = str((JOB.parent / node["component"]).resolve())
        if "task" in node["inputs"]:
            node["inputs"]["task"] = task
    (tmp_path / "job.yml").write_text(yaml.safe_dump(job, sort_keys=False))
    first = retrain(
        f"inputs.data.path={tmp_path / 'houses.parquet'}",
        f"inputs.suite.path={tmp_path / 'suite.json'}",
        f"inputs.target={scenario['target']}",
        f"inputs.estimator={scenario['estimator']}",
        f"inputs.metrics='{json.dumps(scenario['metrics'])}'",
        "inputs.model_name=houses",
        job=tmp_path / "job.yml",
    )
    assert first.code == 0, first.stderr
    assert list(first.statuses) == STEPS
    assert first.decision["verdict"] == "accept", first.decision
    assert registry.champion("houses") == "1"
    assert (first.output("package", "package") / "manifest.json").is_file()
