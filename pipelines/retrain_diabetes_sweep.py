"""Retrain the diabetes model with a sweep over estimator and parameters; the rest is the same loop.

`penstock compile pipelines/retrain_diabetes_sweep.py` writes the YAML beside this file. Trials are compared by a
cross-validation on the training rows, so that the held-out rows stay for the decision alone.
"""
# mypy: disable-error-code="valid-type, untyped-decorator"
# The DSL reads the annotations, which are values to it and no types; azure-ai-ml is not typed.

import json
from pathlib import Path
from typing import Any

from azure.ai.ml import Input, load_component
from azure.ai.ml.dsl import pipeline
from azure.ai.ml.sweep import Choice

REPOSITORY = Path(__file__).resolve().parents[1]
DATA_CHECKS = REPOSITORY / "data_checks" / "diabetes"

# The same as those of retrain_diabetes.py: the sweep changes how a candidate is found, not what it must show.
METRICS = {
    "rmse": {"goal": "minimize", "floor": 70, "min_improvement": 0.5},
    "mae": {"goal": "minimize", "floor": 60},
    "r2": {"goal": "maximize", "floor": 0.2},
}
ESTIMATORS = ["Ridge", "Lasso"]
PARAMETERS = [json.dumps({"alpha": alpha}) for alpha in (0.01, 0.1, 1.0)]


def component(name: str) -> Any:
    """A step of the component library."""
    return load_component(REPOSITORY / "components" / name / "component.yml")


@pipeline(
    display_name="Retrain the diabetes model with a sweep",
    description="Checks the data, searches for a candidate and packages it if it is better than the champion.",
    experiment_name="retrain_diabetes",
    default_compute="serverless",
)
def retrain_diabetes_sweep(
    data: Input(type="uri_file"),
    suite: Input(type="uri_file"),
    target: str = "target",
    folds: int = 5,
    test_fraction: float = 0.2,
    seed: int = 0,
    model_name: str = "diabetes",
    metrics: str = json.dumps(METRICS),
) -> dict[str, Any]:
    """Nodes bear their components' names, and outputs their ports'."""
    validate_data = component("validate_data")(data=data, suite=suite)
    split_data = component("split_data")(
        data=data, validation_report=validate_data.outputs.report, test_fraction=test_fraction, seed=seed
    )
    trial = component("train")(
        train_data=split_data.outputs.train,
        target=target,
        task="regression",
        estimator=Choice(ESTIMATORS),
        parameters=Choice(PARAMETERS),
        seed=seed,
        folds=folds,
    )
    train = trial.sweep(primary_metric="validation.rmse", goal="minimize", sampling_algorithm="grid")
    train.set_limits(max_total_trials=6, max_concurrent_trials=2)
    evaluate = component("evaluate")(
        candidate=train.outputs.model,
        test_data=split_data.outputs.test,
        target=target,
        task="regression",
        model_name=model_name,
        metrics=metrics,
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


job = retrain_diabetes_sweep(
    data=Input(type="uri_file", path=str(DATA_CHECKS / "diabetes.csv")),
    suite=Input(type="uri_file", path=str(DATA_CHECKS / "suite.json")),
)
