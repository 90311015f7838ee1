"""Bindings resolve to the same graph, in whatever order and however deeply nodes are written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from penstock.check import check
from penstock.check.subject import Subject, read_subject, subject_of
from penstock.graph.library import Library
from penstock.graph.model import Graph, Literal, NodeOutput
from penstock.plan import make_plan
from penstock.spec.files import SnapshotFile
from penstock.spec.finding import Finding
from penstock.spec.source import parse

STEP = """
type: command
name: step
inputs:
  before: {type: uri_folder, optional: true}
  also: {type: uri_folder, optional: true}
  n: {type: integer, default: 0}
outputs:
  out: {type: uri_folder}
environment: azureml:e:1
command: echo $[[${{inputs.before}}]] $[[${{inputs.also}}]] ${{inputs.n}} ${{outputs.out}}
"""


class Memory:
    """Files in a dictionary: reading, resolving and checking need no disk."""

    def __init__(self, **files: str) -> None:
        self.files = {Path(f"/p/{name}.yml"): text for name, text in files.items()}

    def is_file(self, path: Path) -> bool:
        return path in self.files

    def is_dir(self, path: Path) -> bool:
        return False

    def read(self, path: Path) -> bytes:
        return self.files[path].encode()

    def size(self, path: Path) -> int:
        return len(self.files[path])

    def is_symlink(self, path: Path) -> bool:
        return False

    def real(self, path: Path) -> Path:
        return path

    def snapshot(self, code: Path | None, includes: tuple[Path, ...]) -> Iterator[SnapshotFile]:
        return iter(())


def load(text: str, files: Memory) -> tuple[Graph, tuple[Finding, ...]]:
    subject = subject_of(parse(text, "/p/job.yml"), Path("/p/job.yml"), files)
    assert subject is not None
    assert subject.graph is not None
    return subject.graph, check(subject)


@st.composite
def dags(draw: st.DrawFn) -> dict[str, list[str]]:
    """Nodes with up to two earlier nodes that each takes."""
    names = [f"n{index}" for index in range(draw(st.integers(1, 8)))]
    return {
        name: draw(st.lists(st.sampled_from(names[:index]), max_size=2, unique=True)) if index else []
        for index, name in enumerate(names)
    }


def jobs(dag: dict[str, list[str]], order: list[str]) -> dict[str, object]:
    ports = ("before", "also")
    return {
        name: {
            "component": "./step.yml",
            "inputs": {
                port: f"${{{{parent.jobs.{source}.outputs.out}}}}"
                for port, source in zip(ports, dag[name], strict=False)
            },
        }
        for name in order
    }


@given(dags(), st.data())
def test_any_order_of_writing_gives_the_same_graph(dag: dict[str, list[str]], data: st.DataObject) -> None:
    order = data.draw(st.permutations(list(dag)))
    graph, findings = load(
        yaml.safe_dump(
            {"type": "pipeline", "settings": {"default_compute": "azureml:serverless"}, "jobs": jobs(dag, order)},
            sort_keys=False,
        ),
        Memory(step=STEP),
    )
    assert findings == ()
    assert {name: sorted(node.depends_on()) for name, node in graph.nodes.items()} == {
        n: sorted(d) for n, d in dag.items()
    }
    planned = [node.name for node in make_plan(graph).nodes]
    assert sorted(planned) == sorted(dag)
    assert all(planned.index(source) < planned.index(name) for name, sources in dag.items() for source in sources)


@given(st.integers(1, 6), st.integers(-5, 5))
def test_values_and_outputs_pass_through_any_depth(depth: int, value: int) -> None:
    files = Memory(step=STEP, level0=LEAF)
    for level in range(1, depth):
        files.files[Path(f"/p/level{level}.yml")] = LEVEL.replace("BELOW", f"level{level - 1}").replace(
            "NAME", f"level{level}"
        )
    text = yaml.safe_dump(
        {
            "type": "pipeline",
            "settings": {"default_compute": "azureml:serverless"},
            "inputs": {"n": value},
            "outputs": {"final": {"type": "uri_folder"}},
            "jobs": {
                "top": {
                    "type": "pipeline",
                    "component": f"./level{depth - 1}.yml",
                    "inputs": {"n": "${{parent.inputs.n}}"},
                    "outputs": {"out": "${{parent.outputs.final}}"},
                },
                "last": {"component": "./step.yml", "inputs": {"before": "${{parent.jobs.top.outputs.out}}"}},
            },
        }
    )
    graph, findings = load(text, files)
    assert findings == ()
    leaf = ".".join(["top", *["below"] * (depth - 1), "leaf"])
    assert list(graph.nodes) == ["last", leaf] or list(graph.nodes) == [leaf, "last"]
    given_value = graph.nodes[leaf].inputs["n"]
    assert isinstance(given_value, Literal)
    assert given_value.text == str(value)
    taken = graph.nodes["last"].inputs["before"]
    assert isinstance(taken, NodeOutput)
    assert (taken.node, taken.port) == (leaf, "out") == (graph.outputs["final"].node, graph.outputs["final"].port)


LEAF = """
type: pipeline
name: level0
inputs: {n: {type: integer}}
outputs: {out: {type: uri_folder}}
jobs:
  leaf:
    component: ./step.yml
    inputs: {n: "${{parent.inputs.n}}"}
    outputs: {out: "${{parent.outputs.out}}"}
"""
LEVEL = """
type: pipeline
name: NAME
inputs: {n: {type: integer}}
outputs: {out: {type: uri_folder}}
jobs:
  below:
    type: pipeline
    component: ./BELOW.yml
    inputs: {n: "${{parent.inputs.n}}"}
    outputs: {out: "${{parent.outputs.out}}"}
"""


@given(dags(), st.data())
def test_a_broken_binding_is_told_whatever_else_is_there(dag: dict[str, list[str]], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(dag)))
    text = jobs(dag, list(dag))
    node = text[name]
    assert isinstance(node, dict)
    node["inputs"]["before"] = "${{parent.jobs.nobody.outputs.out}}"
    _, findings = load(
        yaml.safe_dump(
            {"type": "pipeline", "settings": {"default_compute": "azureml:serverless"}, "jobs": text}, sort_keys=False
        ),
        Memory(step=STEP),
    )
    assert [finding.rule for finding in findings] == ["PS101"]
    assert "the job 'nobody', which does not exist" in findings[0].message


def test_a_component_file_is_read_once_however_many_nodes_use_it() -> None:
    class Counting(Memory):
        reads = 0

        def read(self, path: Path) -> bytes:
            self.reads += 1
            return super().read(path)

    reads = []
    for nodes in (1, 50):
        files = Counting(step=STEP)
        dag: dict[str, list[str]] = {f"n{index}": [] for index in range(nodes)}
        load(yaml.safe_dump({"type": "pipeline", "jobs": jobs(dag, list(dag))}), files)
        reads.append(files.reads)
    assert reads[0] == reads[1]


def test_findings_of_a_file_come_all_at_once_in_order() -> None:
    text = """
type: pipeline
jobs:
  a:
    component: ./step.yml
    inputs: {n: x, nn: 1}
  b:
    component: ./step.yml
    inputs: {before: "${{parent.jobs.c.outputs.out}}"}
  d:
    component: ./nothing.yml
"""
    _, findings = load(text, Memory(step=STEP))
    assert [(f.rule, f.place.line) for f in findings if f.rule != "PS108"] == [
        ("PS203", 6),
        ("PS202", 6),
        ("PS101", 9),
        ("PS106", 11),
    ]


def test_pipelines_that_contain_each_other_thrice_on_every_level_end_in_a_finding() -> None:
    node = "  {}:\n    type: pipeline\n    component: ./level{}.yml\n"
    levels = {
        f"level{i}": "type: pipeline\nname: level\njobs:\n" + "".join(node.format(name, i + 1) for name in "abc")
        for i in range(30)
    }
    graph, findings = load(levels["level0"], Memory(**levels))
    assert len(graph.nodes) + len(graph.composites) <= 10_000
    assert any("nested pipelines make more than 10000 nodes" in finding.message for finding in findings)


def test_subjects_that_share_a_library_read_a_component_once_and_hear_of_its_faults() -> None:
    class Counting(Memory):
        reads = 0

        def read(self, path: Path) -> bytes:
            self.reads += path.name == "step.yml"
            return super().read(path)

    job = "type: pipeline\njobs:\n  a:\n    component: ./step.yml\n"
    files = Counting(step=STEP + "name: again\n", one=job, two=job)
    library = Library(files)
    subjects = [read_subject(Path(f"/p/{name}.yml"), files, library) for name in ("step", "one", "two")]
    assert files.reads == 1
    for subject in subjects:
        assert isinstance(subject, Subject)
        assert [finding.rule for finding in subject.found] == ["PS002"]
    assert subjects[1].graph.nodes["a"].component is subjects[0].component
