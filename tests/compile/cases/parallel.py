"""Parallel and Spark components."""

from azure.ai.ml import Input, load_component
from azure.ai.ml.dsl import pipeline

BATCH = load_component("components/batch.yml")
SPARK = load_component("components/spark_step.yml")


@pipeline(default_compute="cpu")
def parallel(data: Input(type="uri_folder")):
    plain = BATCH(rows=data)
    tuned = BATCH(rows=plain.outputs.scored, label="y")
    tuned.mini_batch_size = 102400
    tuned.max_concurrency_per_instance = 4
    tuned.retry_settings.timeout = 120
    tuned.resources = {"instance_count": 3}
    tuned.environment_variables = {"A": "1"}
    spark = SPARK(data=tuned.outputs.scored)
    spark.resources = {"instance_type": "Standard_E8S_V3", "runtime_version": "3.4"}
    spark.outputs.folder.mode = "direct"
    return {"folder": spark.outputs.folder}


job = parallel(data=Input(type="uri_folder", path="components"))
