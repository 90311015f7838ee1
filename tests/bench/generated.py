"""Repositories of Azure ML YAML of any size, for `make bench`."""

from __future__ import annotations

from pathlib import Path

_COMPONENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: step_{n}
display_name: Step {n}
description: Reads a folder, writes a folder; a component as they are in repositories.
version: 1.0.{n}
is_deterministic: true
inputs:
  data: {{type: uri_folder, description: What to read.}}
  rate: {{type: number, default: 0.1, min: 0, max: 1, description: How fast.}}
  solver: {{type: string, default: lbfgs, enum: [lbfgs, saga], description: How.}}
  seed: {{type: integer, optional: true, description: Where chance begins.}}
outputs:
  result: {{type: uri_folder, description: What is written.}}
environment: azureml:training:1
code: ./src
command: >-
  python step.py --data ${{{{inputs.data}}}} --rate ${{{{inputs.rate}}}} --solver ${{{{inputs.solver}}}}
  $[[--seed ${{{{inputs.seed}}}}]] --result ${{{{outputs.result}}}}
"""
_SCRIPT = """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
parser.add_argument("--rate", type=float, default=0.1)
parser.add_argument("--solver", choices=["lbfgs", "saga"], default="lbfgs")
parser.add_argument("--seed", type=int)
parser.add_argument("--result", required=True)
print(parser.parse_args())
"""
_HEAD = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: bench
settings: {default_compute: azureml:serverless}
inputs:
  raw: {type: uri_folder, path: azureml:raw:1}
jobs:
"""
_NODE = """\
  step_{n}:
    type: command
    component: {component}
    inputs:
      data: {data}
      rate: 0.{n}
"""


def component(folder: Path, n: int) -> None:
    """A command component with its script."""
    (folder / "src").mkdir(parents=True)
    (folder / "component.yml").write_text(_COMPONENT.format(n=n))
    (folder / "src" / "step.py").write_text(_SCRIPT)


def chain(file: Path, components: list[str], nodes: int) -> None:
    """A pipeline of `nodes` nodes in a row, which take turns with the components."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as text:
        text.write(_HEAD)
        for n in range(nodes):
            data = f"${{{{parent.jobs.step_{n - 1}.outputs.result}}}}" if n else "${{parent.inputs.raw}}"
            text.write(_NODE.format(n=n, component=components[n % len(components)], data=data))


def repository(root: Path, files: int = 500) -> None:
    """Half of the files components, a quarter pipelines of eight nodes, a quarter of other kinds."""
    (root / ".git").mkdir(parents=True)
    (root / ".gitignore").write_text(".venv/\n*.log\n/out/\n")
    components = files // 2
    for n in range(components):
        component(root / "components" / f"step_{n}", n)
    for n in range(files // 4):
        near = [f"../components/step_{(n + k) % components}/component.yml" for k in range(8)]
        chain(root / "pipelines" / f"pipeline_{n}.yml", near, 8)
    for n in range(files - components - files // 4):
        file = root / "assets" / f"asset_{n}.yml"
        file.parent.mkdir(exist_ok=True)
        kind = n % 3
        if kind == 0:
            schema = "https://azuremlschemas.azureedge.net/latest/environment.schema.json"
            file.write_text(f"$schema: {schema}\nname: env_{n}\nversion: 1\nimage: mcr.microsoft.com/azureml/base:1\n")
        elif kind == 1:
            schema = "https://azuremlschemas.azureedge.net/latest/data.schema.json"
            file.write_text(f"$schema: {schema}\nname: data_{n}\nversion: 1\ntype: uri_folder\npath: azureml:raw:1\n")
        else:  # somebody else's
            file.write_text(f"on: push\njobs:\n  build_{n}:\n    runs-on: ubuntu\n    steps: [{{run: make}}]\n")


def big_pipeline(root: Path, nodes: int) -> Path:
    """One pipeline of many nodes over ten components; returns its file."""
    for n in range(10):
        component(root / "components" / f"step_{n}", n)
    file = root / "pipeline.yml"
    chain(file, [f"./components/step_{n}/component.yml" for n in range(10)], nodes)
    return file
