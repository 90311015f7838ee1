"""Pipelines written by a test, compiled in a project of their own."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.compile.files import Compiled, compile_pipeline

CASES = Path(__file__).parent / "cases"
HEAD = """\
from azure.ai.ml import Input, Output, load_component
from azure.ai.ml.dsl import pipeline

STEP = load_component("components/step.yml")

"""


@pytest.fixture
def cases() -> Path:
    return CASES


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the components of the cases in `pipelines/components`."""
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    shutil.copytree(CASES / "components", root / "pipelines" / "components")
    return root


Writer = Callable[[str], Path]


@pytest.fixture
def write_pipeline(project: Path) -> Writer:
    """Writes pipelines/x.py: imports, STEP (the component step.yml), and the given text, which may be indented."""

    def write(text: str) -> Path:
        source = project / "pipelines" / "x.py"
        source.write_text(HEAD + textwrap.dedent(text))
        return source

    return write


@pytest.fixture
def compile_text(write_pipeline: Writer, project: Path) -> Callable[[str], Compiled]:
    """Compiles such a text in memory."""
    return lambda text: compile_pipeline(write_pipeline(text), project, "pipelines/x.py")
