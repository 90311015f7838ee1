"""A project with a penstock.toml that names the local Azure's workspace, and small pipelines in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

STAGES = """\
[stages.dev]
subscription = "$AZURE_SUBSCRIPTION_ID"
resource_group = "rg-penstock"
workspace = "mlw-penstock"

[stages.dev.set]
"settings.default_compute" = "azureml:serverless"
"""
ENVIRONMENT = "{image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20251124.v1}"
PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: small
settings: {{default_compute: azureml:cpu}}
inputs: {{words: four words in all}}
outputs:
  {output}: {{type: uri_folder}}
jobs:
  write:
    type: command
    command: |
      {command}
    environment: {environment}
    inputs: {{words: "${{{{parent.inputs.words}}}}"}}
    outputs: {{{output}: "${{{{parent.outputs.{output}}}}}"}}
"""


def project(
    folder: Path, command: str = "echo ${{inputs.words}} > ${{outputs.made}}/words", output: str = "made"
) -> Path:
    """The file of a pipeline of one node, `write`, in a project of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "penstock.toml").write_text(STAGES)
    job = folder / "job.yml"
    job.write_text(PIPELINE.format(command=command, output=output, environment=ENVIRONMENT))
    return job


def led(environment: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with the variables that lead to the local Azure."""
    return {**os.environ, **environment}
