"""Components of the workspace and of a registry; bindings inside longer texts; a pipeline made without @pipeline."""

from azure.ai.ml import Input
from azure.ai.ml.entities import Command, PipelineJob

job = PipelineJob(
    display_name="Registered components",
    inputs={"data": Input(type="uri_folder", path="azureml:rows:1"), "rate": 0.1},
    jobs={
        "first": Command(
            component="azureml:train:1.2.0",
            inputs={
                "data": "${{parent.inputs.data}}",
                "rate": "${{parent.inputs.rate}}",
                "file": "${{parent.inputs.data}}/a.csv",
            },
        ),
        "second": Command(
            component="azureml://registries/azureml/components/score/versions/0.1.0",
            inputs={"model": "${{parent.jobs.first.outputs.model}}", "text": "run ${{parent.inputs.rate}} times"},
            compute="gpu",
        ),
        "third": Command(component="azureml:train@default", inputs={"data": "${{parent.jobs.first.outputs.model}}"}),
    },
    settings={"default_compute": "cpu"},
)
