"""Retrain the breast cancer model: the same components as retrain_diabetes, for classes instead of numbers.

`penstock compile pipelines/retrain_breast_cancer.py` writes the YAML beside this file. That is what runs: on a laptop
with `penstock run`, on Azure with `az ml job create -f`.
"""
# mypy: disable-error-code="valid-type, untyped-decorator"
# The DSL reads the annotations, which are values to it and no types; azure-ai-ml is not typed.

import json
from pathlib import Path
from typing import Any

from azure.ai.ml import Input, load_component
from azure.ai.ml.dsl import pipeline

REPOSITORY = Path(__file__).resolve().parents[1]
DATA_CHECKS = REPOSITORY / "data_checks" / "breast_cancer"

# Who says benign for everybody is right in 63 % of the cases, with a recall_macro of 0.5 and a log_loss of 0.66.
METRICS = {
    "log_loss": {"goal": "minimize", "floor": 0.6, "min_relative_improvement": 0.05},
    "recall_macro": {"goal": "maximize", "floor": 0.9, "max_worsening": 0.02},
    "roc_auc": {"goal": "maximize", "floor": 0.95},
}
# Small and large nuclei: who is good on the average may still be poor where it is hard to tell.
SLICES = {"mean_radius": {"max_worsening": 0.1, "min_rows": 20}}


def component(name: str) -> Any:
    """A step of the component library."""
    return load_component(REPOSITORY / "components" / name / "component.yml")


@pipeline(
    display_name="Retrain the breast cancer model",
    description="Checks the data, trains a candidate and packages it if it is better than the champion.",
    experiment_name="retrain_breast_cancer",
    default_compute="serverless",
)
def retrain_breast_cancer(
    data: Input(type="uri_file"),
    suite: Input(type="uri_file"),
    target: str = "diagnosis",
    estimator: str = "KNeighborsClassifier",
    parameters: str = "{}",
    test_fraction: float = 0.3,
    seed: int = 0,
    model_name: str = "breast_cancer",
    metrics: str = json.dumps(METRICS),
    confidence: float = 0.8,
    slices: str = json.dumps(SLICES),
) -> dict[str, Any]:
    """Nodes bear their components' names, and outputs their ports'."""
    validate_data = component("validate_data")(data=data, suite=suite)
    split_data = component("split_data")(
        data=data, validation_report=validate_data.outputs.report, test_fraction=test_fraction, seed=seed
    )
    train = component("train")(
        train_data=split_data.outputs.train,
        target=target,
        task="classification",
        estimator=estimator,
        parameters=parameters,
        seed=seed,
    )
    evaluate = component("evaluate")(
        candidate=train.outputs.model,
        test_data=split_data.outputs.test,
        target=target,
        task="classification",
        model_name=model_name,
        metrics=metrics,
        confidence=confidence,
        min_rows=100,
        max_trained_on=0.1,
        slices=slices,
    )
    register = component("register")(
        model=train.outputs.model, decision=evaluate.outputs.decision, model_name=model_name
    )
    package = component("package")(
        model=train.outputs.model, decision=evaluate.outputs.decision, registration=register.outputs.registration
    )
    return {
        "report": validate_data.outputs.report,
        "model": train.outputs.model,
        "decision": evaluate.outputs.decision,
        "package": package.outputs.package,
    }


job = retrain_breast_cancer(
    data=Input(type="uri_file", path=str(DATA_CHECKS / "breast_cancer.csv")),
    suite=Input(type="uri_file", path=str(DATA_CHECKS / "suite.json")),
)
