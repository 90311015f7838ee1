"""What a pipeline and its nodes can be told: settings, tags, compute, resources, limits, ..."""

from azure.ai.ml import MpiDistribution, load_component
from azure.ai.ml.dsl import pipeline
from azure.ai.ml.entities import JobService, QueueSettings, UserIdentityConfiguration

STEP = load_component("components/step.yml")
MANY = load_component("components/many_nodes.yml")


@pipeline(
    display_name="All settings",
    experiment_name="settings",
    tags={"team": "water", "number": "1"},
    default_compute="cpu",
    default_datastore="store",
    continue_on_step_failure=True,
    force_rerun=False,
)
def settings():
    """The docstring is the description.

    It may have several lines.
    """
    first = STEP()
    first.compute = "gpu"
    first.display_name = "The first"
    first.comment = "Shown on the canvas."
    first.tags = {"kind": "first"}
    first.properties = {"key": "value"}
    first.environment_variables = {"LEVEL": "debug", "NUMBER": "1", "YES": "yes"}
    first.set_limits(timeout=600)
    first.set_resources(instance_type="STANDARD_D2", instance_count=2, properties={"a": {"b": 1}}, shm_size="2g")
    first.distribution = MpiDistribution(process_count_per_instance=2)
    first.identity = UserIdentityConfiguration()
    first.queue_settings = QueueSettings(job_tier="standard", priority="medium")
    first.services = {"custom": JobService(type="jupyter_lab")}
    second = MANY(data=first.outputs.folder)
    third = MANY(data=second.outputs.folder)
    third.resources = {"instance_count": 4}


job = settings()
job.name = "settings_job"
job.properties = {"key": "value"}
