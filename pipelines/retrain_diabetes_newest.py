"""Retrain the diabetes model on the newest file of a folder; the rest is the same loop.

This is what retrain_diabetes.schedule.yml fires. Azure resolves a schedule's inputs when it is made: a data asset's
`@latest` is the same version ever after, a local file the one that was uploaded then. The path of a folder on a
datastore stays, and newest_data looks into it when the job runs. It runs at each fire; what comes after it is reused
on this machine while the newest file is the same, for reuse goes by content.
"""
# mypy: disable-error-code="valid-type, untyped-decorator"
# The DSL reads the annotations, which are values to it and no types; azure-ai-ml is not typed.

import json
from pathlib import Path
from typing import Any

from azure.ai.ml import Input, load_component
from azure.ai.ml.dsl import pipeline

REPOSITORY = Path(__file__).resolve().parents[1]
DATA_CHECKS = REPOSITORY / "data_checks" / "diabetes"

# The same as those of retrain_diabetes.py, which explains them.
METRICS = {
    "rmse": {"goal": "minimize", "floor": 70, "min_improvement": 0.5},
    "mae": {"goal": "minimize", "floor": 60, "max_worsening": 2},
    "r2": {"goal": "maximize", "floor": 0.2},
}
CONFIDENCE = 0.7


def component(name: str) -> Any:
    """A step of the component library."""
    return load_component(REPOSITORY / "components" / name / "component.yml")


@pipeline(
    display_name="Retrain the diabetes model on the newest data",
    description="Checks the newest file, trains a candidate and packages it if it is better than the champion.",
    experiment_name="retrain_diabetes",
    default_compute="serverless",
)
def retrain_diabetes_newest(
    folder: Input(type="uri_folder"),
    suite: Input(type="uri_file"),
    pattern: str = "*.csv",
    target: str = "target",
    estimator: str = "KNeighborsRegressor",
    parameters: str = "{}",
    test_fraction: float = 0.2,
    seed: int = 0,
    model_name: str = "diabetes",
    metrics: str = json.dumps(METRICS),
    confidence: float = CONFIDENCE,
) -> dict[str, Any]:
    """Nodes bear their components' names, and outputs their ports'."""
    newest_data = component("newest_data")(folder=folder, pattern=pattern)
    validate_data = component("validate_data")(data=newest_data.outputs.data, suite=suite)
    split_data = component("split_data")(
        data=newest_data.outputs.data,
        validation_report=validate_data.outputs.report,
        test_fraction=test_fraction,
        seed=seed,
    )
    train = component("train")(
        train_data=split_data.outputs.train,
        target=target,
        task="regression",
        estimator=estimator,
        parameters=parameters,
        seed=seed,
    )
    evaluate = component("evaluate")(
        candidate=train.outputs.model,
        test_data=split_data.outputs.test,
        target=target,
        task="regression",
        model_name=model_name,
        metrics=metrics,
        confidence=confidence,
        min_rows=50,
        max_trained_on=0.1,
    )
    register = component("register")(
        model=train.outputs.model,
        decision=evaluate.outputs.decision,
        model_name=model_name,
        selection=newest_data.outputs.selection,
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


job = retrain_diabetes_newest(
    folder=Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/diabetes"),
    suite=Input(type="uri_file", path=str(DATA_CHECKS / "suite.json")),
)
