"""Data inputs: local paths relative to the YAML, assets and URIs as they are; modes on inputs and nodes."""
# ruff: noqa: F841 - a variable's name is its node's

from pathlib import Path

from azure.ai.ml import Input, load_component
from azure.ai.ml.dsl import pipeline
from azure.ai.ml.entities import Data

HERE = Path(__file__).parent
STEP = load_component(HERE / "components" / "step.yml")


@pipeline(default_compute="azureml:cpu", default_datastore="azureml:store")
def data(
    absolute: Input(type="uri_folder"),
    relative: Input(type="uri_folder", mode="download"),
    asset: Input(type="uri_folder"),
    latest: Input(type="uri_file"),
    url: Input(type="uri_file"),
    store: Input(type="uri_folder"),
):
    a = STEP(data=absolute, file=latest)
    b = STEP(data=relative, file=url)
    b.inputs.data.mode = "download"
    c = STEP(data=asset)
    d = STEP(data=store)
    e = STEP(data=Input(type="uri_folder", path=HERE / "components", mode="ro_mount"))
    f = STEP(data=Input(type="uri_folder", path="components/src"), file=Input(type="uri_file", path="azureml:f:2"))
    g = STEP(data=Data(name="rows", version="4", type="uri_folder"), file=Input(type="uri_file", path="f@latest"))


job = data(
    absolute=Input(type="uri_folder", path=str(HERE / "components")),
    relative=Input(type="uri_folder", path="components", mode="download"),
    asset=Input(type="uri_folder", path="azureml:rows:3"),
    latest=Input(type="uri_file", path="azureml:rows@latest"),
    url=Input(type="uri_file", path="https://example.com/rows.csv"),
    store=Input(type="uri_folder", path="azureml://datastores/store/paths/rows/"),
)
