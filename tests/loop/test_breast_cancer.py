"""The second scenario: classes, its own data check and estimator, and the same components."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml
from retraining import JOB, ROOT, Registry, Retrained

SECOND = ROOT / "pipelines" / "retrain_breast_cancer.yml"

pytestmark = pytest.mark.loop


def test_it_is_made_of_the_same_components() -> None:
    first, second = (yaml.safe_load(path.read_text())["jobs"] for path in (JOB, SECOND))
    assert {name: node["component"] for name, node in first.items()} == {
        name: node["component"] for name, node in second.items()
    }


@pytest.mark.long
def test_the_loop_of_classes(retrain: Callable[..., Retrained], registry: Registry) -> None:
    first = retrain(job=SECOND)
    assert first.code == 0, first.stderr
    assert first.decision["verdict"] == "accept"
    better = retrain("inputs.estimator=RandomForestClassifier", job=SECOND)
    assert better.decision["verdict"] == "accept", better.decision["reasons"]
    assert any("interval of the improvement in log_loss" in reason for reason in better.decision["reasons"])
    assert len(better.decision["slices"]) == 4
    assert registry.champion("breast_cancer") == "2"
    contract = json.loads((better.output("package", "package") / "contract.json").read_text())
    assert contract["cases"][0]["answer"][0] in ("benign", "malignant")
    again = retrain("inputs.estimator=LogisticRegression", job=SECOND)
    assert again.code == 0
    assert again.decision["verdict"] == "reject", "no better than chance tells"
    assert registry.champion("breast_cancer") == "2"
