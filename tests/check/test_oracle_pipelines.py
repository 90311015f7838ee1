"""Random valid pipelines: what azure-ai-ml takes has no error here."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml
from azure_says import refusal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.check import check
from penstock.check.subject import Subject, read_subject
from penstock.spec.kind import Kind
from penstock.store.files import Disk

SHIPPED = Path(__file__).parent / "structure"
SCHEMA = "https://azuremlschemas.azureedge.net/latest/{}.schema.json"
Tree = dict[str, Any]

NAMES = st.sampled_from(["alpha", "beta_2", "gamma", "delta", "_private"])
TEXTS = st.sampled_from(["plain", "two words", "3", "true", "é", "a: b", "0.10", "null"])
LITERALS: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXTS,
    "integer": st.one_of(st.integers(-5, 5), st.sampled_from(["3", "-7"])),
    "number": st.one_of(st.integers(-5, 5), st.sampled_from([0.5, 1e-5, "0.25", "3"])),
    "boolean": st.one_of(st.booleans(), st.sampled_from(["true", "False"])),
}
DATA_TYPES = st.sampled_from(["uri_file", "uri_folder"])
DATA = st.fixed_dictionaries(
    {
        "type": DATA_TYPES,
        "path": st.sampled_from(["./conda.yml", "./src", "azureml:rows:1", "https://example.org/x.csv"]),
    },
    optional={"mode": st.sampled_from(["ro_mount", "download", "direct", "RO_MOUNT"])},
)
ENVIRONMENTS = st.sampled_from(
    ["azureml:training:3", "azureml:training@latest", "file:./environment.yml", {"image": "python:3.11-slim"}]
)
RUNS: dict[str, st.SearchStrategy[Any]] = {
    "compute": st.sampled_from(["azureml:gpu", "azureml:serverless", "azureml:big-one"]),
    "limits": st.fixed_dictionaries({"timeout": st.sampled_from([60, "300", 90.0])}),
    "environment_variables": st.dictionaries(st.sampled_from(["A", "B_C"]), TEXTS, max_size=2),
    "identity": st.sampled_from([{"type": "managed"}, {"type": "aml_token"}, {"type": "user_identity"}]),
    "distribution": st.sampled_from(
        [
            {"type": "pytorch", "process_count_per_instance": 2},
            {"type": "mpi", "process_count_per_instance": "1"},
            {"type": "TensorFlow", "worker_count": 2, "parameter_server_count": 1},
        ]
    ),
    "resources": st.fixed_dictionaries(
        {"instance_count": st.integers(1, 4)},
        optional={"instance_type": st.just("Standard_D2"), "shm_size": st.just("2g"), "properties": st.just({"a": {}})},
    ),
}
TOLD: dict[str, st.SearchStrategy[Any]] = {
    "description": TEXTS,
    "display_name": TEXTS,
    "experiment_name": st.just("tests"),
    "tags": st.dictionaries(NAMES, TEXTS, max_size=2),
}


@st.composite
def component(draw: st.DrawFn, name: str) -> Tree:
    """A command component with literal and data inputs, some optional or with a default, and outputs."""
    inputs: Tree = {}
    for port in draw(st.lists(NAMES, unique=True, max_size=3)):
        kind = draw(st.sampled_from([*LITERALS, "uri_file", "uri_folder"]))
        inputs[port] = {"type": kind}
        if kind in LITERALS and draw(st.booleans()):
            inputs[port]["default"] = draw(LITERALS[kind])
        if draw(st.booleans()):
            inputs[port] |= {"optional": True, "description": draw(TEXTS)}
    outputs = {port: {"type": draw(DATA_TYPES)} for port in draw(st.lists(NAMES, unique=True, max_size=2))}
    flags = [
        f"$[[--{port} ${{{{inputs.{port}}}}}]]" if declared.get("optional") else f"--{port} ${{{{inputs.{port}}}}}"
        for port, declared in inputs.items()
    ]
    flags += [f"--{port} ${{{{outputs.{port}}}}}" for port in outputs]
    more = draw(st.fixed_dictionaries({}, optional={**TOLD, "is_deterministic": st.booleans()}))
    more.pop("experiment_name", None)
    found = {
        "$schema": SCHEMA.format("commandComponent"),
        "type": "command",
        "name": name,
        "version": draw(st.sampled_from(["1", "1.0.0", 1, "2.0-rc1"])),
        "environment": draw(ENVIRONMENTS),
        "command": " ".join(["echo", *flags]),
        **more,
    }
    return found | ({"inputs": inputs} if inputs else {}) | ({"outputs": outputs} if outputs else {})


def given_to(draw: st.DrawFn, ports: Tree, produced: dict[str, list[str]], top: Tree) -> Tree:
    """Values for the inputs that need one, and for some of the others: literals, data, or bindings."""
    values: Tree = {}
    for port, declared in ports.items():
        if ("default" in declared or declared.get("optional")) and draw(st.booleans()):
            continue
        kind = declared["type"]
        fitting = [f"${{{{parent.inputs.{name}}}}}" for name, value in top.items() if value["kind"] == kind]
        if kind in ("uri_file", "uri_folder"):
            fitting += [f"${{{{parent.jobs.{reference}}}}}" for reference in produced.get(kind, [])]
        own = LITERALS[kind] if kind in LITERALS else DATA.map(lambda data, kind=kind: {**data, "type": kind})
        values[port] = draw(st.one_of(own, st.sampled_from(fitting)) if fitting else own)
    return values


@st.composite
def project(draw: st.DrawFn) -> dict[str, Tree]:
    """A pipeline job, the components that it names by file, and a nested pipeline; all as trees by file name."""
    files: dict[str, Tree] = {"c0.yml": draw(component("c0")), "c1.yml": draw(component("c1"))}
    top: Tree = {}
    for name in draw(st.lists(st.sampled_from(["p", "q", "r"]), unique=True, max_size=3)):
        kind = draw(st.sampled_from([*LITERALS, "uri_folder"]))
        value = draw(LITERALS[kind] if kind in LITERALS else DATA.map(lambda data: {**data, "type": "uri_folder"}))
        top[name] = {"kind": kind, "value": value}
    jobs: Tree = {}
    produced: dict[str, list[str]] = {}
    for number in range(draw(st.integers(1, 4))):
        name = f"node_{number}"
        make = draw(st.sampled_from([by_file, by_file, inline, nested, sweep, parallel]))
        node, outputs = make(draw, files, produced, top)
        jobs[name] = node
        for port, kind in outputs.items():
            produced.setdefault(kind, []).append(f"{name}.outputs.{port}")
    job = {
        "$schema": SCHEMA.format("pipelineJob"),
        "type": "pipeline",
        "settings": draw(
            st.fixed_dictionaries(
                {"default_compute": st.sampled_from(["azureml:cpu", "azureml:serverless", "serverless"])},
                optional={
                    "default_datastore": st.just("azureml:blob"),
                    "continue_on_step_failure": st.sampled_from([True, "yes", 0]),
                    "force_rerun": st.booleans(),
                },
            )
        ),
        **draw(st.fixed_dictionaries({}, optional=TOLD)),
        "jobs": jobs,
    }
    if top:
        job["inputs"] = {name: value["value"] for name, value in top.items()}
    return {"job.yml": job, **files}


def by_file(draw: st.DrawFn, files: dict[str, Tree], produced: Any, top: Tree) -> tuple[Tree, Tree]:
    file = draw(st.sampled_from(["c0.yml", "c1.yml"]))
    ports = files[file]
    node = {"type": "command", "component": draw(st.sampled_from([f"./{file}", f"file:./{file}"]))}
    node |= draw(st.fixed_dictionaries({}, optional={**RUNS, **TOLD}))
    inputs = given_to(draw, ports.get("inputs", {}), produced, top)
    node |= {"inputs": inputs} if inputs else {}
    return node, {port: declared["type"] for port, declared in ports.get("outputs", {}).items()}


def inline(draw: st.DrawFn, files: Any, produced: Any, top: Tree) -> tuple[Tree, Tree]:
    inputs = given_to(draw, {"x": {"type": draw(st.sampled_from([*LITERALS, "uri_file"]))}}, produced, top)
    node = {"command": "ls ${{inputs.x}} ${{outputs.out}}", "environment": draw(ENVIRONMENTS), "inputs": inputs}
    node |= {"type": "command"} if draw(st.booleans()) else {}
    node |= {"code": "./src"} if draw(st.booleans()) else {}
    node |= {
        "outputs": {"out": draw(st.sampled_from([{"type": "uri_folder"}, {"type": "uri_folder", "mode": "upload"}]))}
    }
    return node | draw(st.fixed_dictionaries({}, optional=RUNS)), {"out": "uri_folder"}


def nested(draw: st.DrawFn, files: dict[str, Tree], produced: Any, top: Tree) -> tuple[Tree, Tree]:
    """A pipeline component around a node by file, whose data inputs it passes on."""
    file = f"inner_{len(files)}.yml"
    node, outputs = by_file(draw, files, {}, {})
    ports = {"rows": {"type": "uri_folder"}}
    for port, declared in files[node["component"].removeprefix("file:").removeprefix("./")].get("inputs", {}).items():
        if declared["type"] == "uri_folder":
            node.setdefault("inputs", {})[port] = "${{parent.inputs.rows}}"
    bound = {port: {"type": kind} for port, kind in outputs.items()}
    if bound:
        node["outputs"] = {port: f"${{{{parent.outputs.{port}}}}}" for port in bound}
    files[file] = {
        "$schema": SCHEMA.format("pipelineComponent"),
        "type": "pipeline",
        "name": "inner",
        "version": "1",
        "inputs": ports,
        "outputs": bound,
        "jobs": {"only": node},
    }
    return {"type": "pipeline", "component": f"./{file}", "inputs": given_to(draw, ports, produced, top)}, outputs


def sweep(draw: st.DrawFn, files: dict[str, Tree], produced: Any, top: Tree) -> tuple[Tree, Tree]:
    """A sweep over an input of a trial of its own."""
    file = f"trial_{len(files)}.yml"
    files[file] = {
        "$schema": SCHEMA.format("commandComponent"),
        "type": "command",
        "name": "trial",
        "version": "1",
        "inputs": {"rate": {"type": "number"}, "rows": {"type": "uri_folder"}},
        "outputs": {"model": {"type": "uri_folder"}},
        "environment": draw(ENVIRONMENTS),
        "command": "echo ${{inputs.rate}} ${{inputs.rows}} ${{outputs.model}}",
    }
    low = draw(st.floats(0.1, 1, allow_nan=False).map(lambda value: round(value, 3)))
    space = draw(
        st.sampled_from(
            [
                {"type": "uniform", "min_value": low, "max_value": low + 1},
                {"type": "choice", "values": [low, low + 1]},
                {"type": "normal", "mu": low, "sigma": 1},
            ]
        )
    )
    node = {
        "type": "sweep",
        "trial": f"./{file}",
        "inputs": given_to(draw, {"rows": {"type": "uri_folder"}}, produced, top),
        "search_space": {"rate": space},
        "objective": {"goal": draw(st.sampled_from(["minimize", "Maximize"])), "primary_metric": "loss"},
        "sampling_algorithm": "random",
        "limits": {"max_total_trials": 3, "max_concurrent_trials": draw(st.integers(1, 3))},
    }
    stop = {"type": "bandit", "slack_factor": 0.1, "evaluation_interval": 1}
    return node | ({"early_termination": stop} if draw(st.booleans()) else {}), {"model": "uri_folder"}


def parallel(draw: st.DrawFn, files: Any, produced: Any, top: Tree) -> tuple[Tree, Tree]:
    node = {
        "type": "parallel",
        "inputs": given_to(draw, {"files": {"type": "uri_folder"}}, produced, top),
        "outputs": {"rows": {"type": "uri_file"}},
        "input_data": "${{inputs.files}}",
        "mini_batch_size": draw(st.sampled_from(["10", "1kb"])),
        "task": {
            "type": "run_function",
            "code": "./src",
            "entry_script": "main.py",
            "environment": draw(ENVIRONMENTS),
            "append_row_to": "${{outputs.rows}}",
        },
    }
    return node | {"resources": {"instance_count": draw(st.integers(1, 3))}}, {"rows": "uri_file"}


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(project())
def test_a_pipeline_that_the_client_takes_has_no_error(files: dict[str, Tree]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(SHIPPED, Path(name) / "project"))
        for file, tree in files.items():
            (folder / file).write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")
        assert refusal(folder / "job.yml", Kind("job", "pipeline"), files["job.yml"]) == "", (
            "the strategy makes valid ones"
        )
        for file in files:
            subject = read_subject(folder / file, Disk())
            assert isinstance(subject, Subject)
            assert [str(finding) for finding in check(subject) if finding.severity == "error"] == []
            assert [str(finding) for finding in check(subject) if finding.rule == "PS008"] == []
