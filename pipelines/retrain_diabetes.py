"""Retrain the diabetes model: check the data, train a candidate, and let it take over if it is better.

`penstock compile pipelines/retrain_diabetes.py` writes the YAML beside this file. That is what runs: on a laptop with
`penstock run`, on Azure with `az ml job create -f`.
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

# rmse and mae have the unit of the target, a measure of disease progression from 25 to 346. Who predicts its mean for
# everybody is off by an rmse of about 77.
METRICS = {
    "rmse": {"goal": "minimize", "floor": 70, "min_improvement": 0.5},
    "mae": {"goal": "minimize", "floor": 60, "max_worsening": 2},
    "r2": {"goal": "maximize", "floor": 0.2},
}
# 88 held-out rows tell only models apart that differ much. At 0.7 about one in seven that are only as good passes by
# chance; at 0.9 one in twenty, but most that are better by 5 % would be turned away. Who has more rows asks for more.
CONFIDENCE = 0.7


def component(name: str) -> Any:
    """A step of the component library."""
    return load_component(REPOSITORY / "components" / name / "component.yml")


@pipeline(
    display_name="Retrain the diabetes model",
    description="Checks the data, trains a candidate and packages it if it is better than the champion.",
    experiment_name="retrain_diabetes",
    default_compute="serverless",
)
def retrain_diabetes(
    data: Input(type="uri_file"),
    suite: Input(type="uri_file"),
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
    validate_data = component("validate_data")(data=data, suite=suite)
    split_data = component("split_data")(
        data=data, validation_report=validate_data.outputs.report, test_fraction=test_fraction, seed=seed
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


job = retrain_diabetes(
    data=Input(type="uri_file", path=str(DATA_CHECKS / "diabetes.csv")),
    suite=Input(type="uri_file", path=str(DATA_CHECKS / "suite.json")),
)
