"""Generated pipelines: whatever the graph and the values, Azure's client sends the same for the Python and the YAML."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml import Input, load_component, load_job
from azure.ai.ml.dsl import pipeline
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.compile.client import quiet
from penstock.compile.document import job_document
from penstock.compile.place import Target
from penstock.compile.rest import body, differences
from penstock.compile.text import to_text

CASES = Path(__file__).parent / "cases"
FOLDER_PORTS = ("folder", "model")

texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
    lambda t: "${{" not in t
)
names = st.from_regex(r"\A[a-z][a-z0-9_]{0,8}\Z")
literals = {
    "count": st.integers(0, 10**6),
    "rate": st.floats(allow_nan=False, allow_infinity=False),
    "flag": st.booleans(),
    "text": st.one_of(
        texts, st.sampled_from(["1", "007", "true", "null", "1e5", "2024-01-01", "a: b", "# c", "- d", "{}"])
    ),
}
types = {"count": "integer", "rate": "number", "flag": "boolean", "text": "string"}


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """A pipeline as data: its inputs, and nodes whose inputs are values, pipeline inputs or earlier nodes' outputs."""
    inputs = {
        f"p{index}": (port, draw(literals[port]))
        for index, port in enumerate(draw(st.lists(st.sampled_from(sorted(literals)), max_size=4)))
    }
    nodes: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 5))):
        bound: dict[str, Any] = {}
        for port in draw(st.sets(st.sampled_from(sorted(literals)))):
            fitting = [name for name, (kind, _) in inputs.items() if kind == port]
            if fitting and draw(st.booleans()):
                bound[port] = ("input", draw(st.sampled_from(fitting)))
            else:
                bound[port] = ("value", draw(literals[port]))
        if index and draw(st.booleans()):
            bound["data"] = ("output", draw(st.integers(0, index - 1)), draw(st.sampled_from(FOLDER_PORTS)))
        nodes.append({"inputs": bound, "settings": draw(node_settings)})
    returned = draw(st.dictionaries(names, st.integers(0, len(nodes) - 1), max_size=2))
    return {"inputs": inputs, "nodes": nodes, "outputs": returned, "settings": draw(job_settings)}


environments = st.dictionaries(st.from_regex(r"\A[A-Z]{1,6}\Z"), texts, min_size=1, max_size=2)
node_settings = st.fixed_dictionaries(
    {},
    optional={
        "compute": names,
        "display_name": texts,
        "environment_variables": environments,
        "tags": st.dictionaries(names, texts, min_size=1, max_size=2),
        "timeout": st.integers(1, 10**5),
        "instance_count": st.integers(1, 8),
    },
)
job_settings = st.fixed_dictionaries(
    {"default_compute": names},
    optional={"continue_on_step_failure": st.booleans(), "force_rerun": st.booleans(), "default_datastore": names},
)


def _build(plan: dict[str, Any], folder: Path) -> Any:
    """The plan as somebody would write it in the DSL."""

    step = load_component(folder / "components" / "step.yml")

    def function(**given: Any) -> Any:
        nodes: list[Any] = []
        for planned in plan["nodes"]:
            arguments = {port: _argument(value, given, nodes) for port, value in planned["inputs"].items()}
            node = step(**arguments)
            node.name = f"node_{len(nodes)}"
            _set(node, planned["settings"])
            nodes.append(node)
        ends = {name: nodes[index] for name, index in plan["outputs"].items()}
        last = {id(node): name for name, node in ends.items()}  # an output can be bound once
        return {name: ends[name].outputs.folder for name in last.values()}

    parameters = ", ".join(f"{name}: annotations[{name!r}]" for name in plan["inputs"])
    annotations = {name: Input(type=types[port]) for name, (port, _) in plan["inputs"].items()}
    scope: dict[str, Any] = {"annotations": annotations, "function": function}
    passed = ", ".join(f"{name}={name}" for name in plan["inputs"])
    text = f"def generated({parameters}):\n    return function({passed})"
    # in the name of a file, since the DSL looks for the function's, and without this module's __future__
    exec(compile(text, __file__, "exec", dont_inherit=True), scope)
    values = {name: value for name, (_, value) in plan["inputs"].items()}
    return pipeline(display_name="Generated", **plan["settings"])(scope["generated"])(**values)


def _argument(value: tuple[Any, ...], given: dict[str, Any], nodes: list[Any]) -> Any:
    if value[0] == "input":
        return given[value[1]]
    return nodes[value[1]].outputs[value[2]] if value[0] == "output" else value[1]


def _set(node: Any, chosen: dict[str, Any]) -> None:
    for key, value in chosen.items():
        if key == "timeout":
            node.set_limits(timeout=value)
        elif key == "instance_count":
            node.set_resources(instance_count=value)
        else:
            setattr(node, key, value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("generated")
    shutil.copytree(CASES / "components", folder / "components")
    return folder


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(plan=plans())
def test_the_client_sends_the_same_for_the_python_and_the_yaml(folder: Path, plan: dict[str, Any]) -> None:
    with quiet():
        job = _build(plan, folder)
        text = to_text(job_document(job, Target(folder / "x.py", folder)), "made by a test")
        (folder / "x.yml").write_text(text, encoding="utf-8")
        loaded = load_job(folder / "x.yml")
        sent, expected = body(loaded, folder), body(job, folder)
    assert list(differences(expected, sent)) == []
    document = yaml.safe_load(text)
    for name, (_, value) in plan["inputs"].items():
        assert (type(document["inputs"][name]), document["inputs"][name]) == (type(value), value)
    for index, node in enumerate(plan["nodes"]):
        for port, (kind, *value) in node["inputs"].items():
            if kind == "value":
                found = document["jobs"][f"node_{index}"]["inputs"][port]
                assert (type(found), found) == (type(value[0]), value[0])
