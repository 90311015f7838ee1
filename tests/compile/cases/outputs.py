"""Outputs: bound to the pipeline's, named as assets, with a mode or a path."""

from azure.ai.ml import Output, load_component
from azure.ai.ml.dsl import pipeline

STEP = load_component("components/step.yml")


@pipeline(default_compute="cpu")
def outputs():
    a = STEP()
    a.outputs.folder.mode = "upload"
    a.outputs.model = Output(type="mlflow_model", name="asset", version="3")
    a.outputs.single = Output(type="uri_file", path="azureml://datastores/store/paths/x.csv", mode="rw_mount")
    b = STEP(data=a.outputs.folder)
    b.outputs.folder.mode = "upload"
    c = STEP(data=b.outputs.folder)
    return {"folder": b.outputs.folder, "model": b.outputs.model, "single": b.outputs.single, "last": c.outputs.folder}


job = outputs()
job.outputs.folder = Output(type="uri_folder", path="azureml://datastores/store/paths/${{name}}/", mode="rw_mount")
job.outputs.model.name = "trained"
job.outputs.model.version = "7"
