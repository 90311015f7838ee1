"""What a definition is made of and what its expressions lead to, with azure-ai-ml and bash as the oracles."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from azure.ai.ml._utils._data_utils import read_local_mltable_metadata_contents
from azure.ai.ml.exceptions import ValidationException
from azure.ai.ml.operations._data_operations import _assert_local_path_matches_asset_type
from azure_says import refusal
from checked_files import told

from penstock.check.entry_point_shell import read_command
from penstock.spec.expression import malformed, parse_template, well_formed
from penstock.spec.kind import kind_of
from penstock.spec.place import Place
from penstock.spec.source import parse

DEPLOYMENT = "type: managed\nname: blue\nendpoint_name: diabetes\ninstance_type: Standard_DS3_v2\ninstance_count: 1\n"
BATCH = "name: nightly\nendpoint_name: diabetes\ncompute: azureml:c\n"
PARALLEL = (
    "type: parallel\nname: p\nversion: 1\ninputs: {d: {type: uri_folder}}\ninput_data: ${{inputs.d}}\n"
    "mini_batch_size: '1'\ntask:\n  type: run_function\n  entry_script: score.py\n"
)
SPARK = (
    "type: spark\nname: s\nversion: 1\nentry: {file: score.py}\nconf: {spark.driver.cores: 1, spark.driver.memory: 1g, "
    "spark.executor.cores: 1, spark.executor.memory: 1g, spark.executor.instances: 1}\n"
)
SCHEDULE = "name: s\ntrigger: {type: cron, expression: '0 0 * * *'}\n"
SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/{}.schema.json\n"
PIPELINE = "type: pipeline\nsettings: {default_compute: azureml:c}\n"

# schema, text with NO for what does not exist, rule; YES exists in its place
PARTS = {
    "a deployment's model": ("managedOnlineDeployment", DEPLOYMENT + "model: {path: ./NO}\n", "PS408"),
    "its conda file": (
        "managedOnlineDeployment",
        DEPLOYMENT + "model: azureml:m:1\nenvironment: {image: 'x:1', conda_file: ./NO.yml}\n",
        "PS502",
    ),
    "its environment's file": (
        "managedOnlineDeployment",
        DEPLOYMENT + "model: azureml:m:1\nenvironment: file:./NOe.yml\n",
        "PS501",
    ),
    "its build context": (
        "managedOnlineDeployment",
        DEPLOYMENT + "model: azureml:m:1\nenvironment: {build: {path: ./NO}}\n",
        "PS507",
    ),
    "a batch deployment's model": ("batchDeployment", BATCH + "model: {path: ./NO}\n", "PS408"),
    "a batch deployment's component": (
        "pipelineComponentBatchDeployment",
        "name: b\nendpoint_name: diabetes\ntype: pipeline\ncomponent: ./NOc.yml\n",
        "PS408",
    ),
    "a build context": ("environment", "name: e\nbuild: {path: ./NO}\n", "PS507"),
    "the build context of a job": (
        "commandJob",
        "type: command\ncommand: ls\ncompute: azureml:c\nenvironment: {build: {path: ./NO}}\n",
        "PS507",
    ),
    "the conda file of a parallel step": (
        "parallelComponent",
        PARALLEL + "  code: ./YES\n  environment: {image: 'x:1', conda_file: ./NO.yml}\n",
        "PS502",
    ),
    "the code of a parallel step": (
        "parallelComponent",
        PARALLEL + "  code: ./NO\n  environment: azureml:e:1\n",
        "PS401",
    ),
    "the code of a spark step": ("sparkComponent", SPARK + "code: ./NO\n", "PS401"),
    "the environment of a spark step": (
        "sparkComponent",
        SPARK + "code: ./YES\nenvironment: file:./NOe.yml\n",
        "PS501",
    ),
    "a schedule's data import": ("schedule", SCHEDULE + "import_data: ./NOd.yml\n", "PS931"),
}
THERE = {
    "YES/score.py": "def init(): ...\n\n\ndef run(batch):\n    return batch\n",
    "YES/Dockerfile": "FROM python:3.11\n",
    "YES.yml": "channels: []\ndependencies: [python=3.11]\n",
    "YESe.yml": "name: e\nversion: 1\nimage: x:1\n",
    "YESc.yml": "type: pipeline\nname: p\nversion: 1\njobs: {a: {command: ls, environment: 'azureml:e:1'}}\n",
    "YESd.yml": (
        "type: uri_folder\nname: s\npath: azureml://datastores/d/paths/x\n"
        "source: {type: file_system, path: x, connection: azureml:c}\n"
    ),
}


def says(path: Path) -> str:
    """Why azure-ai-ml refuses the file; an empty text if it takes it."""
    kind = kind_of(parse(path.read_bytes(), str(path)).root)
    assert kind is not None
    return refusal(path, kind, yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("part", PARTS)
def test_both_refuse_what_is_not_there(part: str, tmp_path: Path) -> None:
    schema, body, rule = PARTS[part]
    text = SCHEMA.format(schema) + body
    lines = told(tmp_path, {"x.yml": text, **THERE}, rule)
    [number] = [number for number, line in enumerate(text.splitlines(), 1) if "NO" in line]
    assert [line.split()[1].rpartition(":")[0] for line in lines] == [f"x.yml:{number}"]
    assert says(tmp_path / "x.yml")


@pytest.mark.parametrize("part", PARTS)
def test_both_take_what_is_there(part: str, tmp_path: Path) -> None:
    schema, body, rule = PARTS[part]
    assert told(tmp_path, {"x.yml": (SCHEMA.format(schema) + body).replace("NO", "YES"), **THERE}, rule) == []
    assert says(tmp_path / "x.yml") == ""


def test_a_dockerfile_is_looked_for_in_the_build_context(tmp_path: Path) -> None:
    text = "name: e\nbuild: {path: ./YES, dockerfile_path: docker/Dockerfile}\n"
    [line] = told(tmp_path, {"x.yml": SCHEMA.format("environment") + text, **THERE}, "PS507")
    assert line.startswith("PS507 x.yml:3:39 the build context './YES' holds no 'docker/Dockerfile'.")


COMPONENT = (
    "type: command\nname: c\nversion: 1\ninputs: {lr: {type: number}}\nenvironment: azureml:e:1\ncommand: echo {}\n"
)


EXPRESSIONS = (
    *("inputs.lr", " inputs.lr ", "inputs.nope", "outputs.lr", "input.lr", "inputs.lr.path", "lr", "name", "version"),
    *("parent.inputs.lr", "parent.jobs.a.outputs.b", "search_space.lr", "default_datastore", "AZUREML_RUN_ID"),
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_client_s_opinion_of_an_expression_in_a_command(expression: str, tmp_path: Path) -> None:
    text = COMPONENT.replace("{}\n", f"${{{{{expression}}}}}\n")
    lines = told(tmp_path, {"c.yml": text}, "PS302")
    assert bool(lines) == bool(says(tmp_path / "c.yml")), lines
    assert all(line.startswith(f"PS302 c.yml:6:{len('command: echo ${{') + 1} ") for line in lines)


def test_in_an_inline_node_only_what_is_never_replaced_is_told(tmp_path: Path) -> None:
    job = PIPELINE + "jobs:\n  a:\n    environment: azureml:e:1\n    command: "
    assert told(tmp_path, {"j.yml": job + "echo ${{name}} ${{default_datastore}}\n"}, "PS302") == []
    [line] = told(tmp_path, {"j.yml": job + "echo ${{parent.inputs.x}}\n"}, "PS302")
    assert "write ${{inputs.NAME}}" in line


@pytest.mark.parametrize(
    ("text", "piece", "meant"),
    [
        ("--x ${{inputs.x}}", None, ""),
        ("--x ${{ inputs.x }}/a", None, ""),
        ("$[[--x ${{inputs.x}}]] --y ${{inputs.y}}", None, ""),
        ("awk '{print $1}' ${x} ${data.url} {{ item }} ${HOME}", None, ""),
        ("--x ${{inputs.x}", "${{inputs.x}", "${{inputs.x}}"),
        ("--x ${{inputs.x --y", "${{inputs.x", "${{inputs.x}}"),
        ("--x ${inputs.x}", "${inputs.x}", "${{inputs.x}}"),
        ("--x {{inputs.x}} ${{inputs.y}}", "{{inputs.x}}", "${{inputs.x}}"),
        ("--x {{ parent.inputs.x }}", "{{ parent.inputs.x }}", "${{parent.inputs.x}}"),
        ("$[[--x ${{inputs.x}}]", "$[[", "$[[ ... ]], with two brackets at the end"),
    ],
)
def test_nearly_an_expression(text: str, piece: str | None, meant: str) -> None:
    assert malformed(text) == piece
    assert piece is None or well_formed(piece) == meant


@pytest.mark.parametrize(
    ("command", "stray"),
    [
        ("python a.py --x 1", []),
        ("python a.py \\\n  --x 1", []),
        ("python a.py\n--x 1", ["--x"]),
        ("python a.py\n  --x=1\n  -y 2\n", ["--x=1", "-y"]),
        ("python a.py \\ --x 1", [" --x"]),
        ("python a.py ' --x 1' my\\ file", []),
        ("python a.py && -x", ["-x"]),
        ("echo - --x", []),
    ],
)
def test_a_flag_that_no_program_gets(command: str, stray: list[str]) -> None:
    program = read_command(parse_template(command, Place("x"), command=True))
    assert program is not None
    assert list(program.stray) == stray
    shell = 'python() { for word in "$@"; do case "$word" in \' -\'*) exit 9;; esac; done; }\nset -e\n' + command
    ended = subprocess.run(["bash", "-c", shell], capture_output=True, check=False)
    wrong = ended.returncode != 0 and "' --x 1'" not in command
    assert wrong == bool(stray), ended.stderr


REGISTERED = """\
type: pipeline
settings: {default_compute: azureml:c}
inputs:
  table: {type: uri_folder, path: ./nowhere}
jobs:
  a:
    type: command
    component: azureml:a:1
    inputs: {x: "${{parent.inputs.tabel}}", y: "${{parent.jobs.bb.outputs.o}}", z: "${{inputs.q}}"}
  b:
    type: command
    component: azureml://registries/azureml/components/b/versions/1
    inputs:
      x: {type: uri_file, path: ./gone.csv}
      y: ${{parent.jobs.c.outputs.nope}}
      z: ${{parent.jobs.c.outputs.o}}
  c:
    command: ls ${{inputs.i}} > ${{outputs.o}}/x
    environment: azureml:e:1
    inputs: {i: "${{parent.jobs.b.outputs.any}}"}
    outputs: {o: {type: uri_folder}}
"""


def test_what_a_node_with_a_registered_component_names_is_looked_at(tmp_path: Path) -> None:
    lines = [line.split(" ", 2) for line in told(tmp_path, {"j.yml": REGISTERED}, "PS1", "PS4")]
    assert [(rule, place) for rule, place, _ in lines] == [
        ("PS109", "j.yml:4:3"),
        ("PS403", "j.yml:4:35"),
        ("PS101", "j.yml:9:17"),
        ("PS101", "j.yml:9:48"),
        ("PS103", "j.yml:9:84"),
        ("PS403", "j.yml:14:33"),
        ("PS101", "j.yml:15:10"),
        ("PS102", "j.yml:15:10"),
    ]


def test_nested_nodes_with_registered_components_too(tmp_path: Path) -> None:
    outer = "type: pipeline\nname: outer\nversion: 1\ninputs: {i: {type: string}}\n"
    outer += "jobs:\n  n: {component: azureml:a:1, inputs: "
    job = PIPELINE + "jobs:\n  o: {type: pipeline, component: ./o.yml, inputs: {i: a}}\n"
    wrong = told(tmp_path, {"j.yml": job, "o.yml": outer + '{x: "${{parent.inputs.j}}"}}\n'}, "PS101")
    assert [line.split()[1] for line in wrong] == ["o.yml:6:43"]
    assert told(tmp_path, {"j.yml": job, "o.yml": outer + '{x: "${{parent.inputs.i}}"}}\n'}, "PS101") == []


def test_a_file_for_a_folder_is_a_warning(tmp_path: Path) -> None:
    text = "type: command\ncommand: ls ${{inputs.a}} ${{inputs.b}}\ncompute: c\nenvironment: azureml:e:1\ninputs:\n"
    text += "  a: {type: uri_folder, path: ./x.csv}\n  b: {type: uri_file, path: ./x.csv}\n"
    [line] = told(tmp_path, {"j.yml": text, "x.csv": ""}, "PS4")
    assert line.startswith("PS407 j.yml:6:31 'a' is uri_folder, but './x.csv' is a file")


@pytest.mark.parametrize("path", ["./folder", "./table", "./file.csv"])
@pytest.mark.parametrize("kind", ["uri_file", "uri_folder", "mltable"])
def test_a_data_asset_is_what_its_type_says(kind: str, path: str, tmp_path: Path) -> None:
    """azure-ai-ml looks when it creates the asset: the function that it looks with is the oracle."""
    files = {"data.yml": SCHEMA.format("data") + f"name: d\ntype: {kind}\npath: {path}\n", "file.csv": ""}
    lines = told(tmp_path, files | {"folder/a.csv": "", "table/MLTable": "paths: []\n"}, "PS4")
    try:
        if kind == "mltable":
            read_local_mltable_metadata_contents(path=tmp_path / path)
        else:
            _assert_local_path_matches_asset_type(str(tmp_path / path), kind)
        refused = False
    except (ValidationException, OSError):
        refused = True
    assert [line.split()[:2] for line in lines] == ([["PS409", "data.yml:4:7"]] if refused else [])
