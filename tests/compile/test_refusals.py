"""What job YAML cannot say is refused with a message that names the node; nothing is dropped in silence."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.compile.files import Compiled, compile_pipeline, verify, write
from penstock.errors import DefinitionError

Compile = Callable[[str], Compiled]


def _node(line: str) -> str:
    """A pipeline of one node and a line about it."""
    return f"""\
@pipeline(default_compute="cpu")
def p():
    a = STEP()
    {line}

job = p()
"""


UNSAYABLE = {
    "a setting that does not exist": (
        _node("a.enviroment_variables = {'A': '1'}"),
        r"jobs\.a: a command node has no setting 'enviroment_variables'; did you mean 'environment_variables'\?",
    ),
    "the environment of a node": (
        _node("a.environment = 'azureml:other:1'"),
        r"jobs\.a: Azure's client ignores the environment of a node; set it in the component\.yml",
    ),
    "the command of a node": (
        _node("a.command = 'echo'"),
        r"jobs\.a: its component was changed in Python after it was loaded \(command\).*step\.yml",
    ),
    "a changed component": (
        _node("a.component.inputs['count'].default = 9"),
        r"jobs\.a: its component was changed in Python after it was loaded \(inputs\)",
    ),
    "an enum": (
        "from enum import Enum\nKind = Enum('Kind', {'ONE': 'one'})\n" + _node("b = STEP(text=Kind.ONE)"),
        r"jobs\.b\.inputs\.text: Azure's client would send 'Kind\.ONE' for this enum; give its value, 'one'",
    ),
    "an inline command": (
        "from azure.ai.ml import command\n"
        + _node("b = command(command='echo', environment='azureml:e:1', display_name='B')()"),
        r"jobs\.b: the component .* is made in Python and has no file.*load_component",
    ),
    "an AutoML node": (
        "from azure.ai.ml import automl\n"
        + _node(
            "b = automl.regression(target_column_name='y', primary_metric='r2_score', "
            "training_data=Input(type='mltable', path='azureml:d:1')); b.set_limits(max_trials=1)"
        ),
        r"jobs\.b: automl nodes are not supported",
    ),
    "an output on a local path": (
        _node("a.outputs.folder = Output(type='uri_folder', path='out')"),
        r"jobs\.a\.outputs\.folder: an output is written to a datastore, and out is a local path",
    ),
    "data outside of the project": (
        _node("b = STEP(data=Input(type='uri_folder', path='/somewhere/else'))"),
        r"jobs\.b\.inputs\.data: /somewhere/else lies outside of the project .*/project, so no other machine has it",
    ),
    "a setting of the pipeline that does not exist": (
        _node("pass") + "job.settings.defualt_compute = 'x'\n",
        r"settings\.defualt_compute: there is no such setting; there are default_compute, ",
    ),
    "a pipeline input without a value": (
        """\
@pipeline(default_compute="cpu")
def p(commit: Input(type="string", optional=True)):
    a = STEP(text=commit)

job = p()
""",
        r"jobs\.a\.inputs\.text is bound to the pipeline's input 'commit', which has no value, and a job YAML cannot .*"
        r"do not bind 'text', and set jobs\.a\.inputs\.text where it is wanted \(--set\)",
    ),
    "a parameter of a nested pipeline whose type nobody knows": (
        """\
@pipeline()
def inner(data):
    a = STEP(data=data)

@pipeline(default_compute="cpu")
def p(data: Input(type="uri_folder")):
    b = inner(data=data)

job = p(data=Input(type="uri_folder", path="azureml:d:1"))
""",
        r"jobs\.b\.inputs\.data: the type of this parameter is unknown; annotate it",
    ),
    "an input without a path": (
        _node("b = STEP(data=Input(type='uri_folder'))"),
        r"jobs\.b\.inputs\.data: the Input has no path; write Input\(type=\.\.\., path=\.\.\.\)",
    ),
}


@pytest.mark.parametrize("what", UNSAYABLE)
def test_refused_with_the_place_and_the_way_out(what: str, compile_text: Compile) -> None:
    text, message = UNSAYABLE[what]
    with pytest.raises(DefinitionError, match=f"^pipelines/x.py: (?s:{message})"):
        compile_text(text)


def test_what_the_yaml_would_lose_is_refused_when_it_is_written(compile_text: Compile, project: Path) -> None:
    """A value that the writer of the client keeps and its reader changes, so only the comparison of bodies sees it."""
    compiled = compile_text(
        'BATCH = load_component("components/batch.yml")\n'
        + _node("b = BATCH(rows=a.outputs.folder); b.mini_batch_size = '100kb'")
    )
    message = (
        r'job YAML cannot say jobs\.b\.mini_batch_size: Azure\'s client would send "100kb" for the Python, and 102400 '
    )
    with pytest.raises(DefinitionError, match=message):
        write(compiled, "pipelines/x.py")
    assert not (project / "pipelines" / "x.yml").exists()


def test_a_refused_pipeline_leaves_the_old_files(compile_text: Compile, project: Path) -> None:
    write(compile_text(_node("a.display_name = 'first'")), "x.py")
    before = (project / "pipelines" / "x.yml").read_bytes()
    invalid = compile_text(_node("a.display_name = 'second'").replace('default_compute="cpu"', ""))
    with pytest.raises(DefinitionError, match=r"x\.py, compiled: .*[Cc]ompute not set"):
        write(invalid, "x.py")
    assert (project / "pipelines" / "x.yml").read_bytes() == before
    assert sorted(path.name for path in (project / "pipelines").iterdir()) == ["components", "x.py", "x.yml"]


def test_a_missing_input_is_told_by_the_place_in_the_yaml(compile_text: Compile) -> None:
    compiled = compile_text(
        'MANY = load_component("components/many_nodes.yml")\n' + _node("b = MANY()"),
    )
    with pytest.raises(
        DefinitionError, match=r"jobs\.b\.inputs\.data: Required input 'data' for component 'b' not provided"
    ):
        write(compiled, "x.py")


def test_verify_compares_what_is_on_disk(compile_text: Compile, project: Path) -> None:
    compiled = compile_text(_node("a.compute = 'gpu'"))
    write(compiled, "x.py")
    file = project / "pipelines" / "x.yml"
    file.write_text(file.read_text().replace("azureml:gpu", "azureml:cheap"))
    with pytest.raises(DefinitionError, match=r'jobs\.a\.computeId: .* "gpu" for the Python, and "cheap" for the YAML'):
        verify(compiled, "x.py")


NOT_A_PIPELINE = {
    "no job": (
        "x = 1\n",
        r"x\.py: there is no pipeline job at the top level of the file\. Call the function under @pipeline",
    ),
    "two jobs": (_node("pass") + "other = p()\n", r"x\.py: there are several pipeline jobs \(job, other\)"),
    "a typing error": ("x = 1\ny = x +\n", r"x\.py:7: invalid syntax"),
    "an exception": (
        "def f():\n    raise ValueError('no such\\nthing')\n\nf()\n",
        r"x\.py:7: ValueError: no such\nthing",
    ),
    "an exit": ("import sys\nsys.exit('enough')\n", r"x\.py:7: SystemExit: enough"),
    "a missing module": ("import no_such_module\n", r"x\.py:6: No module named 'no_such_module'"),
    "a missing component": ("load_component('components/stp.yml')\n", r"x\.py:6: .*stp\.yml"),
    "an unknown input": (_node("b = STEP(cuont=1)"), r"x\.py:9: UnexpectedKeywordError: .*'cuont'"),
}


@pytest.mark.parametrize("what", NOT_A_PIPELINE)
def test_a_file_that_is_no_pipeline_is_told_by_its_line(what: str, compile_text: Compile) -> None:
    text, message = NOT_A_PIPELINE[what]
    with pytest.raises(DefinitionError, match=f"^pipelines/{message}"):
        compile_text(text)


def test_the_same_job_under_two_names_is_one(compile_text: Compile) -> None:
    assert compile_text(_node("pass") + "also = job\n").files


def test_the_file_sees_its_own_folder_and_leaves_no_trace(
    compile_text: Compile, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    (project / "pipelines" / "shared_names.py").write_text("NAME = 'from beside'\n")
    (project / "pipelines" / "also").mkdir()
    (project / "pipelines" / "also" / "deeper.py").write_text("")
    monkeypatch.chdir("/")
    text = "import shared_names, also.deeper\nprint('hello')\n" + _node("a.display_name = shared_names.NAME")
    assert "display_name: from beside" in compile_text(text).files["x.yml"]
    assert Path.cwd() == Path("/")
    assert not {"shared_names", "also.deeper"} & set(sys.modules)
    assert str(project / "pipelines") not in sys.path
    assert not list(project.rglob("__pycache__"))
    out, err = capsys.readouterr()
    assert (out, err) == ("", "hello\n")
    (project / "pipelines" / "shared_names.py").write_text("NAME = 'changed since'\n")
    assert "display_name: changed since" in compile_text(text).files["x.yml"]


def test_warnings_of_the_client_are_told_and_its_chatter_is_not(
    compile_text: Compile, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled = compile_text(_node("b = STEP(); b.name = 'Upper'"))
    assert len(compiled.warnings) == 1
    assert re.search("Changing node name Upper to lower case", compiled.warnings[0])
    assert capsys.readouterr() == ("", "")


def test_a_description_of_an_output_is_told_to_be_lost(compile_text: Compile) -> None:
    compiled = compile_text(_node("a.outputs.folder.description = 'Mine'; a.outputs.model.mode = 'upload'"))
    message = "the description of jobs.a.outputs.folder is left out, job YAML has no key for it: 'Mine'"
    assert compiled.warnings == (message,)


def test_paths_do_not_depend_on_the_working_directory(cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = compile_pipeline(cases / "data.py", cases, "data.py").files
    monkeypatch.chdir("/")
    assert compile_pipeline(cases / "data.py", cases, "data.py").files == here
