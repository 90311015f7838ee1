"""A small project to publish: two environments, two components with code, a pipeline of both."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "penstock.toml": """\
[stages.dev]
subscription = "$AZURE_SUBSCRIPTION_ID"
resource_group = "rg-penstock"
workspace = "mlw-penstock"

[stages.shared]
subscription = "$AZURE_SUBSCRIPTION_ID"
resource_group = "rg-penstock"
workspace = "mlw-penstock"
registry = "mlr-penstock"
""",
    "environments/small/environment.yml": """\
name: small
version: "3"  # raised by --bump
image: mcr.microsoft.com/azureml/inference:1
conda_file: conda.yml
""",
    "environments/small/conda.yml": "dependencies: [python=3.11]\n",
    "environments/other/environment.yml": "name: other\nversion: '1'\nimage: mcr.microsoft.com/azureml/inference:1\n",
    "components/shout/component.yml": """\
# says it loud
type: command
name: shout
version: 1.0.0   # the one place of the version
tags: {stage: test}
is_deterministic: true
inputs:
  text: {type: string, description: What to say.}
  times: {type: integer, default: 2, min: 1, max: 9}
  tone:
    type: string
    enum: [high, low]
    default: low
outputs:
  said: {type: uri_folder}
code: ./src
additional_includes: [../_shared/voice]
environment: file:../../environments/small/environment.yml
command: >-
  python shout.py --text '${{inputs.text}}' --times ${{inputs.times}}
  --tone '${{inputs.tone}}' --said '${{outputs.said}}'
""",
    "components/shout/src/shout.py": 'COMPONENT = Component("shout", "1.0.0")\n',
    "components/shout/CHANGELOG.md": "# Changes\n\n## 1.0.0\n\n- First.\n",
    "components/_shared/voice/__init__.py": "LOUD = True\n",
    "components/count/component.yml": """\
type: command
name: count
version: 4
inputs:
  words: {type: uri_folder}
outputs:
  number: {type: uri_file}
code: ./src
environment: file:../../environments/other/environment.yml
command: python count.py '${{inputs.words}}' '${{outputs.number}}'
""",
    "components/count/src/count.py": "print('counted')\n",
    "pipelines/talk.yml": """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
display_name: Talk
settings: {default_compute: azureml:serverless}
inputs:
  text: hello
  times: 3
outputs:
  number: {type: uri_file}
jobs:
  shout:
    type: command
    component: ../components/shout/component.yml
    inputs:
      text: ${{parent.inputs.text}}
      times: ${{parent.inputs.times}}
      tone: high
  count:
    type: command
    component: ../components/count/component.yml
    inputs:
      words: ${{parent.jobs.shout.outputs.said}}
    outputs:
      number: ${{parent.outputs.number}}
""",
}
SHOUT = "components/shout/component.yml"
TALK = "pipelines/talk.yml"


def make_project(folder: Path) -> Path:
    """The project's files below `folder`, without a lock."""
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def change(file: Path, old: str, new: str) -> None:
    """Replace the one occurrence of `old` in a file."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    file.write_text(text.replace(old, new), encoding="utf-8")
