"""Predict the diabetes measure for files of patients with a package, and account for every row.

`penstock compile pipelines/batch_score_diabetes.py` writes the YAML beside this file. The package is what
retrain_diabetes makes; on a laptop name its folder: `--set inputs.package.path=FOLDER`, on Azure upload it to where the
input points, or name another path.
"""
# mypy: disable-error-code="valid-type, untyped-decorator"
# The DSL reads the annotations, which are values to it and no types; azure-ai-ml is not typed.

from pathlib import Path
from typing import Any

from azure.ai.ml import Input, load_component
from azure.ai.ml.dsl import pipeline

REPOSITORY = Path(__file__).resolve().parents[1]


def component(name: str) -> Any:
    """A step of the component library."""
    return load_component(REPOSITORY / "components" / name / "component.yml")


@pipeline(
    display_name="Score diabetes files",
    description="Predicts the rows of files with a package, sets bad rows aside, and checks that none is lost.",
    experiment_name="batch_score_diabetes",
    default_compute="serverless",
)
def batch_score_diabetes(
    data: Input(type="uri_folder"),
    package: Input(type="uri_folder"),
    max_set_aside: float = 0.5,
) -> dict[str, Any]:
    """Nodes bear their components' names, and outputs their ports'."""
    batch_score = component("batch_score")(data=data, package=package)
    check_batch = component("check_batch")(
        data=data,
        scored=batch_score.outputs.scored,
        set_aside=batch_score.outputs.set_aside,
        max_set_aside=max_set_aside,
    )
    return {
        "scored": batch_score.outputs.scored,
        "set_aside": batch_score.outputs.set_aside,
        "report": check_batch.outputs.report,
    }


job = batch_score_diabetes(
    data=Input(type="uri_folder", path=str(REPOSITORY / "data_checks" / "diabetes" / "patients")),
    package=Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/packages/diabetes"),
)
