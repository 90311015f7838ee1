"""A pipeline in a pipeline: by file, and as Python, called twice and with different graphs."""

from azure.ai.ml import Input, load_component
from azure.ai.ml.dsl import pipeline

STEP = load_component("components/step.yml")
GRAPH = load_component("components/graph.yml")


@pipeline(display_name="Steps in a row", non_pipeline_inputs=["length"])
def row(
    length,
    data: Input(type="uri_folder"),
    rate: float = 0.25,
    label: str = "1",
    whole: Input(type="integer", optional=True) = None,
):
    """A chain of steps."""
    first = STEP(data=data, rate=rate, text=label)
    for _ in range(length):
        first = STEP(data=first.outputs.folder)
    return {"folder": first.outputs.folder}


@pipeline(default_compute="cpu")
def nested(data: Input(type="uri_folder"), rate: float = 0.75):
    short = row(1, data=data, rate=rate)
    again = row(1, data=short.outputs.folder)
    longer = row(2, data=again.outputs.folder, label="x")
    file = GRAPH(data=longer.outputs.folder, rate=rate)
    last = STEP(data=file.outputs.folder)
    return {"folder": last.outputs.folder}


job = nested(data=Input(type="uri_folder", path="components"))
