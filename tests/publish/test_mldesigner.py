"""A pipeline's one component is what Azure's own compiler, mldesigner, makes of the same pipeline in Python.

Of those that it can compile: of a sweep 0.1.0b23 says that an '_AttrDict' has no '_source', and of a parallel step it
writes the code's absolute path and all of its environment into the pipeline.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.cli.published import read_published

REPOSITORY = Path(__file__).parents[2]
MLDESIGNER = Path(sys.executable).with_name("mldesigner")


def _comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Without the version, which mldesigner knows none of; components by name, and defaults as the texts it makes."""
    jobs = {}
    for name, node in document["jobs"].items():
        reference = node["component"]
        used = reference.split(":")[1] if reference.startswith("azureml:") else Path(reference).parent.name
        jobs[name] = {**node, "component": used}
    inputs = {
        name: {key: str(value) if key == "default" else value for key, value in port.items()}
        for name, port in document["inputs"].items()
    }
    return {**{key: value for key, value in document.items() if key != "version"}, "jobs": jobs, "inputs": inputs}


@pytest.mark.parametrize("name", ["retrain_diabetes", "retrain_breast_cancer", "retrain_diabetes_newest"])
def test_it_is_what_mldesigner_compiles(name: str, tmp_path: Path) -> None:
    line = [str(MLDESIGNER), "compile", "--source", f"pipelines/{name}.py", "--output", str(tmp_path)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(line, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = yaml.safe_load((tmp_path / name / f"{name}.yaml").read_text(encoding="utf-8"))
    block = read_published((REPOSITORY,)).project.items["pipeline", name].block
    assert block is not None
    assert _comparable(block.document(name, "1.0.0")) == _comparable(theirs)
