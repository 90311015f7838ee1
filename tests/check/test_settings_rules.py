"""Rules over nested pipelines, sweeps, parallel and spark steps, schedules, deployments; the client is the oracle."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml.constants._common import TimeZone
from azure.ai.ml.entities._endpoint._endpoint_helpers import validate_endpoint_or_deployment_name
from azure.ai.ml.exceptions import ValidationException
from azure_says import refusal
from checked_files import findings
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.check.rules.schedule import cron_problem
from penstock.check.time_zones import ZONES
from penstock.spec.kind import Kind

JOB, DEPLOYMENT = Kind("job", "pipeline"), Kind("deployment", "managed_online")
RESOURCES = {"instance_type": "standard_e4s_v3", "runtime_version": "3.4"}
CONF = {
    "spark.driver.cores": 1,
    "spark.driver.memory": "2g",
    "spark.executor.cores": 2,
    "spark.executor.memory": "2g",
    "spark.executor.instances": 2,
}
COMPONENTS: dict[str, dict[str, Any]] = {
    "command": {"command": "echo hello", "environment": "azureml:e:1"},
    "pipeline": {"jobs": {"a": {"type": "command", "command": "echo", "environment": "azureml:e:1"}}},
    "parallel": {
        "inputs": {"data": {"type": "uri_folder", "optional": True}},
        "input_data": "${{inputs.data}}",
        "task": {"type": "run_function", "code": "./src", "entry_script": "a.py", "environment": "azureml:e:1"},
    },
    "spark": {"code": "./src", "entry": {"file": "a.py"}, "conf": CONF},
}
SCRIPT = {"src/a.py": "def init(): ...\n\n\ndef run(batch):\n    return batch\n"}


def rules(folder: Path, files: dict[str, Any]) -> list[str]:
    """The rules that tell something of the first of `files`, given as trees or texts; each as often as it tells."""
    texts = {name: tree if isinstance(tree, str) else yaml.safe_dump(tree) for name, tree in files.items()}
    return [finding.rule for finding in findings(folder, texts)]


def job(node: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "pipeline", "settings": {"default_compute": "azureml:c"}, "jobs": {"n": node}, **more}


def component(kind: str) -> dict[str, Any]:
    return {"type": kind, "name": "c", "version": "1", **COMPONENTS[kind]}


@pytest.mark.parametrize("actual", COMPONENTS)
@pytest.mark.parametrize("stated", [*COMPONENTS, "sweep", None])
def test_a_node_is_of_its_components_type(stated: str | None, actual: str, tmp_path: Path) -> None:
    node: dict[str, Any] = {"component": "./c.yml", "type": stated}
    if stated is None:
        del node["type"]
    if stated == "sweep":
        node = {"type": "sweep", "trial": "./c.yml", "sampling_algorithm": "random", "limits": {"max_total_trials": 2}}
        node |= {"search_space": {"a": {"type": "choice", "values": [1]}}}
        node |= {"objective": {"goal": "minimize", "primary_metric": "loss"}}
    if (stated or actual) == "spark":
        node["resources"] = RESOURCES
    told = rules(tmp_path, {"job.yml": job(node), "c.yml": component(actual), **SCRIPT})
    refused = refusal(tmp_path / "job.yml", JOB, job(node))
    assert ("PS110" in told) == bool(refused), refused


@pytest.mark.parametrize("default", [{}, {"default": 1}])
@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("text", ["${{parent.inputs.a}}", "x${{parent.inputs.a}}"])
def test_an_optional_input_goes_to_an_optional_one(
    outer: bool, inner: bool, default: dict[str, int], text: str, tmp_path: Path
) -> None:
    step = {**component("command"), "command": "echo $[[${{inputs.a}}]]"}
    step["inputs"] = {"a": {"type": "string", **({"optional": True} if inner else {}), **default}}
    whole = {"type": "pipeline", "name": "p", "version": "1", "inputs": {"a": {"type": "string"}}}
    whole["inputs"] = {"a": {"type": "string", **({"optional": True} if outer else {})}}
    whole["jobs"] = {"n": {"type": "command", "component": "./c.yml", "inputs": {"a": text}}}
    told = rules(tmp_path, {"p.yml": whole, "c.yml": step})
    refused = refusal(tmp_path / "p.yml", Kind("component", "pipeline"), whole)
    assert ("PS111" in told) == ("optional" in refused), refused


@pytest.mark.parametrize("outputs", [{"o": None}, {"o": {"type": "uri_folder"}}, {"o": {}}])
def test_a_declared_output_is_bound_however_it_is_declared(outputs: dict[str, Any], tmp_path: Path) -> None:
    node = {**COMPONENTS["command"], "command": "echo ${{outputs.x}}", "outputs": {"x": "${{parent.outputs.o}}"}}
    assert "PS112" not in rules(tmp_path, {"job.yml": job(node, outputs=outputs)})


values = st.sampled_from([None, 0, 1, 2, 5])


@settings(max_examples=40)
@given(
    lacks=st.sets(st.sampled_from([*CONF]), max_size=1),
    dynamic=st.sampled_from([None, True, False, "true", "TRUE"]),
    least=values,
    most=values,
    in_node=st.booleans(),
)
def test_a_configuration_is_refused_by_both(
    lacks: set[str], dynamic: object, least: int | None, most: int | None, in_node: bool
) -> None:
    conf: dict[str, object] = {key: value for key, value in CONF.items() if key not in lacks}
    names = ("enabled", "minExecutors", "maxExecutors")
    given_ = dict(zip(names, (dynamic, least, most), strict=True))
    conf |= {f"spark.dynamicAllocation.{name}": value for name, value in given_.items() if value is not None}
    node: dict[str, Any] = {"type": "spark", "component": "./c.yml", "resources": RESOURCES}
    step = component("spark")
    (node if in_node else step)["conf"] = conf
    with tempfile.TemporaryDirectory() as folder:
        told = rules(Path(folder), {"job.yml": job(node), "c.yml": step, **SCRIPT})
        refused = refusal(Path(folder) / "job.yml", JOB, job(node))
    assert "PS927" not in told or refused
    if 0 not in (least, most):  # the client takes a 0 in a component for nothing, and one in a node for 0
        assert ("PS927" in told) == bool(refused), refused


@pytest.mark.parametrize("compute", [{}, {"compute": "azureml:pool"}])
@pytest.mark.parametrize("resources", [{}, {"resources": RESOURCES}])
def test_spark_has_compute_or_resources(compute: dict[str, Any], resources: dict[str, Any], tmp_path: Path) -> None:
    node = {"type": "spark", "component": "./c.yml", **compute, **resources}
    told = rules(tmp_path, {"job.yml": job(node), "c.yml": component("spark"), **SCRIPT})
    assert ("PS928" in told) == bool(refusal(tmp_path / "job.yml", JOB, job(node)))


@given(
    st.one_of(st.from_regex(r"[A-Za-z0-9_.-]{1,34}", fullmatch=True), st.sampled_from(["blue", "a-", "1a2", "a" * 33]))
)
def test_the_client_and_penstock_take_the_same_deployment_names(name: str) -> None:
    tree = {"name": name, "endpoint_name": "churn", "model": "azureml:m:1", "instance_type": "Standard_DS3_v2"}
    with tempfile.TemporaryDirectory() as folder:
        told = rules(Path(folder), {"blue.yml": {**tree, "instance_count": 1}})
    try:
        validate_endpoint_or_deployment_name(name, is_deployment=True)
    except ValidationException:
        assert "PS947" in told
    else:
        assert "PS947" not in told


@pytest.mark.parametrize(
    ("type_", "count"), [("managed", 0), ("managed", -1), ("managed", 1), ("kubernetes", 0), ("kubernetes", 1)]
)
def test_only_managed_deployments_need_an_instance(type_: str, count: int, tmp_path: Path) -> None:
    tree = {"name": "blue", "endpoint_name": "churn", "type": type_, "instance_count": count, "instance_type": "x"}
    assert ("PS948" in rules(tmp_path, {"blue.yml": tree})) == (type_ == "managed" and count < 1)


@pytest.mark.parametrize(
    "expression",
    [
        "15 3 * * 1-5",
        "*/15 * * * *",
        "0,30 0-6/2 * * *",
        "5/10 3 * * MON",
        "0 3 * * mon-fri",
        "0 3 * * Sunday,tue,6",
        "0 3 1 JAN *",
        "0 3 L * *",
        "0 22-4 * * *",
    ],
)
def test_cron_expressions(expression: str) -> None:
    """Day and month are ignored, whatever they are; a range of hours may go over midnight."""
    assert cron_problem(expression) is None


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("0 15 3 * * 1", "6 fields"),
        ("* * * *", "4 fields"),
        ("60 3 * * *", "the minute '60' is not within 0 to 59"),
        ("0 24 * * *", "the hour '24'"),
        ("0 3 * * 7", "the day of the week '7'"),
        ("0 3 * * montag", "'montag' is no day of the week"),
        ("0 3 * * mo", "'mo' is no day of the week"),
        ("*/0 3 * * *", "a step of 0"),
        ("3am * * * *", "'3am' is no minute"),
    ],
)
def test_what_is_no_cron_expression(expression: str, problem: str) -> None:
    assert problem in str(cron_problem(expression))


def schedule(**trigger: Any) -> dict[str, Any]:
    cron = {"type": "cron", "expression": "0 3 * * *", **trigger}
    return {"name": "nightly", "trigger": cron, "create_job": "azureml:retrain:1"}


def test_the_time_zones_are_the_clients() -> None:
    assert set(ZONES.split("\n")) - {""} == {zone.value for zone in TimeZone}


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", []),
        ("w. europe standard time", []),
        ("Yukon Standard Time", []),
        ("W. Europe Standard Tme", ["PS935"]),
        ("CEST", ["PS935"]),
        ("Europe/Berlin", ["PS930"]),
        ("America/Argentina/Buenos_Aires", ["PS930"]),
        ("Etc/GMT+2", ["PS930"]),
    ],
)
def test_time_zones(zone: str, expected: list[str], tmp_path: Path) -> None:
    assert rules(tmp_path, {"nightly.yml": schedule(time_zone=zone)}) == expected


@pytest.mark.parametrize(
    ("path", "told"),
    [
        *((path, False) for path in ("./a.txt", "file:./a.txt", "a")),
        *((path, False) for path in ("azureml://jobs/j/outputs/o/paths/p", "https://h/m", "runs:/1/m", "C:\\m")),
        *((path, True) for path in ("./b.txt", "b", "file:b")),
    ],
)
def test_a_models_files(path: str, told: bool, tmp_path: Path) -> None:
    tree = {"$schema": "https://azuremlschemas.azureedge.net/latest/model.schema.json", "name": "m", "path": path}
    assert ("PS404" in rules(tmp_path, {"model.yml": tree, "a.txt": "x", "a/b": "x"})) == told


TRAIN = {
    "type": "command",
    "name": "train",
    "version": "1",
    "inputs": {"rate": {"type": "number", "max": 1}},
    "environment": "azureml:e:1",
    "command": "echo ${{inputs.rate}}",
}


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"rate": 0.5}, []),
        ({"rate": None}, []),
        ({"rate": 2}, ["PS937"]),
        ({"rate": "high"}, ["PS937"]),
        ({"rates": 2}, ["PS936"]),
        ({"table": {"type": "uri_file", "path": "azureml:t:1"}}, []),
    ],
)
@pytest.mark.parametrize("nested", [True, False])
def test_a_schedules_inputs(inputs: dict[str, Any], expected: list[str], nested: bool, tmp_path: Path) -> None:
    table = {"type": "uri_file", "path": "azureml:t:2"}
    node = {"component": "./p.yml" if nested else "./train.yml", "inputs": {"rate": "${{parent.inputs.rate}}"}}
    whole = {"type": "pipeline", "name": "p", "version": "1", "inputs": TRAIN["inputs"]}
    whole |= {"jobs": {"n": {**node, "component": "./train.yml"}}}
    tree = schedule() | {"create_job": {"type": "pipeline", "job": "./job.yml", "inputs": inputs}}
    files = {"nightly.yml": tree, "job.yml": job(node, inputs={"rate": 0.1, "table": table})}
    told = rules(tmp_path, {**files, "train.yml": TRAIN, "p.yml": whole})
    assert [rule for rule in told if rule in ("PS936", "PS937")] == expected


@pytest.mark.parametrize("text", ["", "[", "- a", "name: x", "type: pipeline", "type: pipeline\njobs: {a: 1}"])
def test_a_schedule_of_something_odd_is_no_crash(text: str, tmp_path: Path) -> None:
    tree = schedule() | {"create_job": {"type": "pipeline", "job": "./job.yml", "inputs": {"a": 1}}}
    assert "PS937" not in rules(tmp_path, {"nightly.yml": tree, "job.yml": text})


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"max_total_trials": 1}, 0),
        ({"max_total_trials": 1000}, 0),
        ({"max_total_trials": 1001}, 1),
        ({"max_total_trials": 0, "max_concurrent_trials": 0}, 2),
        ({"max_total_trials": "${{parent.inputs.n}}"}, 0),
    ],
)
def test_limits_of_a_sweep(limits: dict[str, Any], told: int, tmp_path: Path) -> None:
    node = {"type": "sweep", "trial": "./train.yml", "sampling_algorithm": "random", "limits": limits}
    node |= {"search_space": {"rate": {"type": "choice", "values": [0.1]}}}
    node |= {"objective": {"goal": "minimize", "primary_metric": "loss"}}
    assert rules(tmp_path, {"job.yml": job(node), "train.yml": TRAIN}).count("PS906") == told


@pytest.mark.parametrize(
    ("distribution", "told"),
    [
        ({"type": "uniform", "min_value": 1, "max_value": 5}, True),
        ({"type": "loguniform", "min_value": 1, "max_value": 5}, True),
        ({"type": "normal", "mu": 1, "sigma": 5}, True),
        ({"type": "quniform", "min_value": 1, "max_value": 5, "q": 1}, False),
        ({"type": "randint", "upper": 5}, False),
        ({"type": "choice", "values": [1, 2]}, False),
    ],
)
@pytest.mark.parametrize("port", ["integer", "number", "string"])
def test_fractions_are_for_numbers(distribution: dict[str, Any], told: bool, port: str, tmp_path: Path) -> None:
    node = {"type": "sweep", "trial": "./train.yml", "sampling_algorithm": "random", "limits": {"max_total_trials": 2}}
    node |= {"search_space": {"rate": distribution}, "objective": {"goal": "minimize", "primary_metric": "loss"}}
    files = {"job.yml": job(node), "train.yml": {**TRAIN, "inputs": {"rate": {"type": port}}}}
    assert ("PS903" in rules(tmp_path, files)) == (told and port == "integer")


@pytest.mark.parametrize(
    ("task", "more", "told"),
    [({}, {}, 0), ({"entry_script": None}, {}, 1), ({}, {"input_data": None}, 1), ({}, {"task": None}, 1)],
)
@pytest.mark.parametrize("inline", [True, False])
def test_what_a_parallel_step_lacks(
    task: dict[str, Any], more: dict[str, Any], told: int, inline: bool, tmp_path: Path
) -> None:
    step = component("parallel")
    step["task"] = {key: value for key, value in {**step["task"], **task}.items() if value is not None}
    step = {key: value for key, value in {**step, **more}.items() if value is not None}
    ports = {"inputs": {"data": {"type": "uri_folder", "path": "azureml:d:1"}}}
    hollow = {key: value for key, value in step.items() if key not in ("name", "version", "inputs")}
    node = {**hollow, **ports} if inline else {"type": "parallel", "component": "./c.yml", **ports}
    assert rules(tmp_path, {"job.yml": job(node), "c.yml": step, **SCRIPT}).count("PS917") == told


@pytest.mark.parametrize(
    ("own", "given", "node", "expected"),
    [
        ("azureml:t@latest", {}, {}, 1),
        ("azureml:t:2", {}, {}, 0),
        ("azureml://datastores/d/paths/t", {}, {}, 0),
        ("azureml:t@latest", {"table": {"type": "uri_file", "path": "azureml:t:2"}}, {}, 0),
        ("azureml:t:2", {"table": {"type": "uri_file", "path": "azureml:t@latest"}}, {}, 1),
        ("azureml:t:2", {}, {"more": {"type": "uri_file", "path": "azureml:m@latest"}}, 1),
    ],
)
def test_data_that_a_schedule_reads_the_latest_of_once(
    own: str, given: dict[str, Any], node: dict[str, Any], expected: int, tmp_path: Path
) -> None:
    tree = schedule() | {"create_job": {"type": "pipeline", "job": "./job.yml", "inputs": given}}
    train = {"component": "./train.yml", "inputs": {"rate": 0.1, **node}}
    files = {"nightly.yml": tree, "job.yml": job(train, inputs={"table": {"type": "uri_file", "path": own}})}
    assert rules(tmp_path, {**files, "train.yml": TRAIN}).count("PS953") == expected
