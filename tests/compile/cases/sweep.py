"""A sweep over a component."""
# ruff: noqa: F841 - a variable's name is its node's

from azure.ai.ml import Input, load_component
from azure.ai.ml.dsl import pipeline
from azure.ai.ml.sweep import BanditPolicy, Choice, LogUniform, Uniform

STEP = load_component("components/step.yml")


@pipeline(default_compute="cpu")
def sweep(data: Input(type="uri_folder"), text: str = "x"):
    trial = STEP(data=data, text=text, rate=Uniform(0.1, 0.9), count=Choice([1, 2, 3]))
    search = trial.sweep(
        primary_metric="rmse",
        goal="minimize",
        sampling_algorithm="random",
        compute="gpu",
        max_total_trials=20,
        max_concurrent_trials=4,
        timeout=3600,
        trial_timeout=600,
        early_termination_policy=BanditPolicy(slack_factor=0.15, evaluation_interval=1, delay_evaluation=10),
    )
    after = STEP(data=search.outputs.folder)
    other = STEP(data=data).sweep(
        primary_metric="r2", goal="maximize", search_space={"rate": LogUniform(-3, -1)}, sampling_algorithm="bayesian"
    )
    other.set_limits(max_total_trials=2)
    return {"model": search.outputs.model}


job = sweep(data=Input(type="uri_folder", path="components"))
