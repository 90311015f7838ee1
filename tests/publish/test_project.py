"""What a project publishes: in which order, under which digests, and what a change of it asks for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from publishable import SHOUT, TALK, change, make_project

from penstock.errors import DefinitionError
from penstock.graph.library import Library
from penstock.publish.breaks import deprecated_uses
from penstock.publish.lock import Lock, locked, read_lock, to_text, version_place
from penstock.publish.project import Project, read_project
from penstock.publish.verdict import Verdict, judge, lock_of
from penstock.store.digests import Digests
from penstock.store.discover import yaml_files
from penstock.store.files import Disk

Edit = Callable[[Path], None]


def _read(root: Path) -> Project:
    files = [file for name in ("environments", "components", "pipelines") for file in yaml_files(root / name)]
    return read_project(files, root / "pipelines", Library(Disk()), Digests(root / "no.db"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


def _verdicts(root: Path, edit: Edit) -> dict[str, Verdict]:
    """The verdicts on what `edit` changed, by name."""
    lock = Lock({key: locked(item, item.version or "1.0.0") for key, item in _read(root).items.items()})
    edit(root)
    return {each.item.name: each for each in judge(_read(root), lock) if each.status != "same"}


def test_what_is_needed_comes_first(project: Path) -> None:
    read = _read(project)
    assert [str(item) for item in read.items.values()] == [
        "environment other 1",
        "environment small 3",
        "component count 4",
        "component shout 1.0.0",
        "pipeline talk",
    ]
    assert read.items["pipeline", "talk"].needs == (("component", "shout"), ("component", "count"))
    assert str(read.items["component", "shout"].place) == f"{project / SHOUT}:4:10"
    chosen = read.with_needs([read.items["component", "shout"]])
    assert [item.name for item in chosen] == ["small", "shout"]


def _append(name: str, text: str) -> Edit:
    def edit(root: Path) -> None:
        with (root / name).open("a", encoding="utf-8") as file:
            file.write(text)

    return edit


def _replace(name: str, old: str, new: str) -> Edit:
    return lambda root: change(root / name, old, new)


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (_append("components/shout/src/shout.py", "# a comment\n"), {"shout": "1.0.1", "talk": "1.0.1"}),
        (_append("components/_shared/voice/__init__.py", "#\n"), {"shout": "1.0.1", "talk": "1.0.1"}),
        (_append("environments/small/conda.yml", "#\n"), {"small": "4", "shout": "1.0.1", "talk": "1.0.1"}),
        (
            _replace("environments/other/environment.yml", "inference:1", "inference:2"),
            {"other": "2", "count": "5", "talk": "1.0.1"},
        ),
        (_replace(SHOUT, "--times", "--often"), {"shout": "1.0.1", "talk": "1.0.1"}),
        (_replace(SHOUT, "is_deterministic: true", "is_deterministic: false"), {"shout": "1.0.1", "talk": "1.0.1"}),
        (_append(SHOUT, "resources: {instance_count: 2}\n"), {"shout": "1.0.1", "talk": "1.0.1"}),
        (_replace(SHOUT, "outputs:\n", "  more: {type: string, optional: true}\noutputs:\n"), {"shout": "1.1.0"}),
        (_replace(SHOUT, "said: {type: uri_folder}", "said: {type: uri_file}"), {"shout": "2.0.0"}),
        (_replace(TALK, "tone: high", "tone: low"), {"talk": "1.0.1"}),
        (_replace(TALK, "  times: 3\n", "  times: 4\n"), {"talk": "1.0.1"}),
        (_replace(TALK, "outputs:\n  number: {type: uri_file}\njobs", "jobs"), {"talk": "2.0.0"}),
    ],
)
def test_a_change_needs_a_version_and_so_does_what_names_it(project: Path, edit: Edit, changed: dict[str, str]) -> None:
    found = _verdicts(project, edit)
    assert changed.items() <= {name: verdict.needed for name, verdict in found.items()}.items()
    assert all(verdict.is_wrong for verdict in found.values())
    assert set(found) - set(changed) <= {"talk"}


@pytest.mark.parametrize(
    "edit",
    [
        _append("components/shout/CHANGELOG.md", "\nmore\n"),
        _append(SHOUT, "# a comment\n"),
        _append(SHOUT, "description: Says it.\ndisplay_name: Shout\n"),
        _replace(SHOUT, "{stage: test}", "{stage: other, deprecated: 'use shout 2'}"),
        _replace(SHOUT, "What to say.", "Something else."),
        _replace(
            SHOUT,
            ">-\n  python shout.py --text '${{inputs.text}}' --times",
            ">-\n  python shout.py\n  --text '${{inputs.text}}' --times",
        ),
        _append("environments/small/environment.yml", "description: Small.\n"),
        _replace(TALK, "display_name: Talk", "display_name: Talk more"),
        _replace(TALK, "default_compute: azureml:serverless", "default_compute: azureml:cluster"),
        lambda root: (root / "components/shout/sample").mkdir(),
        lambda root: (root / "components/shout/src/__pycache__").mkdir(),
    ],
)
def test_what_is_no_content_needs_no_version(project: Path, edit: Edit) -> None:
    assert _verdicts(project, edit) == {}


def test_a_number_that_is_written_otherwise_is_told(project: Path) -> None:
    change(project / SHOUT, "type: integer, default: 2, min: 1", "type: number, default: 2, min: 1")
    edit = _replace(SHOUT, "type: number, default: 2, min: 1", "type: number, default: 2.0, min: 1.0")
    assert _verdicts(project, edit)["shout"].reasons == (
        "the input 'times' has another default: 2.0, no longer 2",
        "the input 'times' takes the same values, written otherwise",
    )


def test_a_reason_is_told_whatever_the_lock_says(project: Path) -> None:
    key = ("component", "shout")
    shout = _read(project).items["component", "shout"]
    lock = Lock({("component", "shout"): replace(locked(shout, "1.0.0"), digest="another")})
    [verdict] = [each for each in judge(_read(project), lock) if each.item.key == key]
    assert (verdict.status, verdict.reasons) == ("changed", ("its content changed",))


def test_the_reasons_are_told(project: Path) -> None:
    def edit(root: Path) -> None:
        change(root / SHOUT, "type: integer, default: 2, min: 1", "type: integer, min: 2")
        change(root / SHOUT, "--tone", "--colour")
        _append("environments/small/conda.yml", "#\n")(root)

    shout = _verdicts(project, edit)["shout"]
    assert (shout.needed, shout.bump) == ("2.0.0", "major")
    assert shout.reasons == (
        "the input 'times' has become required",
        "the input 'times' takes less: nothing below 2",
        "the command changed",
        "its environment changed",
    )


@pytest.mark.parametrize(
    ("edit", "line", "message"),
    [
        (
            _replace(SHOUT, "  text: {type: string, description: What to say.}\n", ""),
            15,
            "'shout' gives a value to 'text'",
        ),
        (_replace(SHOUT, "inputs:\n", "inputs:\n  new: {type: string}\n"), 11, "'shout' gives no value to 'new'"),
        (_replace(SHOUT, "enum: [high, low]", "enum: [low]"), 17, "'shout' gives high to 'tone'"),
        (_replace(SHOUT, "said: {type: uri_folder}", "said: {type: mltable}"), 22, "'count' takes 'said' of 'shout'"),
        (_replace(SHOUT, "{type: integer, default", "{type: number, default"), 16, "'shout' gives a value to 'times'"),
        (_replace(SHOUT, "max: 9", "max: 2"), 7, "the pipeline gives 3 to 'times' of 'shout'"),
        (
            _replace("components/count/component.yml", "number: {type: uri_file}", "n: {type: uri_file}"),
            24,
            "'count' says where 'number' goes",
        ),
    ],
)
def test_the_pipelines_that_a_change_breaks(project: Path, edit: Edit, line: int, message: str) -> None:
    found = _verdicts(project, edit)
    broken = [each for verdict in found.values() for each in verdict.breaks]
    assert [(each.place.file, each.message) for each in broken] == [(str(project / TALK), message)]
    assert broken[0].place.line == line


SWEEP = """\
type: pipeline
settings: {default_compute: azureml:serverless}
jobs:
  search:
    type: sweep
    trial: ../components/shout/component.yml
    inputs: {text: hello}
    search_space:
      times: SPACE
      tone: {type: choice, values: [high, low]}
    objective: {goal: maximize, primary_metric: loudness}
    sampling_algorithm: random
    limits: {max_total_trials: 2}
"""
CHOICE, QUNIFORM = "{type: choice, values: [1, 5, 9]}", "{type: quniform, min_value: 1, max_value: 9, q: 1}"
RANDINT, LOG = "{type: randint, upper: 9}", "{type: qloguniform, min_value: 0, max_value: 9, q: 1}"
LESS = _replace(SHOUT, "min: 1, max: 9", "min: 1, max: 5")
GONE = _replace(SHOUT, "  times: {type: integer, default: 2, min: 1, max: 9}\n", "")


@pytest.mark.parametrize(
    ("space", "edit", "broken"),
    [
        (CHOICE, LESS, [(9, "'search' searches 'times' at 9")]),
        (QUNIFORM, LESS, [(9, "'search' searches 'times' at 9")]),
        (RANDINT, LESS, [(9, "'search' searches 'times' at 0"), (9, "'search' searches 'times' at 8")]),
        (LOG, LESS, []),
        (CHOICE, _replace(SHOUT, "enum: [high, low]", "enum: [low]"), [(10, "'search' searches 'tone' at high")]),
        (LOG, GONE, [(9, "'search' searches 'times'")]),
        (CHOICE, _replace(SHOUT, "default: 2, min: 1, max: 9", "min: 1, max: 9"), []),
    ],
)
def test_the_sweeps_that_a_change_breaks(project: Path, space: str, edit: Edit, broken: list[tuple[int, str]]) -> None:
    (project / TALK).write_text(SWEEP.replace("SPACE", space))
    found = _verdicts(project, edit)["shout"].breaks
    assert [(each.place.line, each.message) for each in found] == broken


def test_a_default_of_a_pipeline_component_outside_of_what_is_taken(project: Path) -> None:
    nested = NESTED.replace("inputs: {text: {type: string}}", "inputs: {tone: {type: string, default: high}}")
    bound = nested.replace(
        'inputs: {text: "${{parent.inputs.text}}"}', 'inputs: {text: a, tone: "${{parent.inputs.tone}}"}'
    )
    (project / "pipelines/nested.component.yml").write_text(bound)
    (project / TALK).unlink()
    [found] = _verdicts(project, _replace(SHOUT, "enum: [high, low]", "enum: [low]"))["shout"].breaks
    assert (found.place.line, found.message) == (4, "the pipeline gives high to 'tone' of 'shout'")


def test_a_pipeline_that_takes_the_newest_breaks_and_one_of_a_version_does_not(project: Path) -> None:
    change(project / TALK, "../components/shout/component.yml", "azureml:shout@latest")
    edit = _replace(SHOUT, "inputs:\n", "inputs:\n  new: {type: string}\n")
    assert len(_verdicts(project, edit)["shout"].breaks) == 1
    change(project / SHOUT, "inputs:\n  new: {type: string}\n", "inputs:\n")
    change(project / TALK, "azureml:shout@latest", "azureml:shout:1.0.0")
    assert _verdicts(project, edit)["shout"].breaks == ()


def test_an_optional_port_breaks_nothing(project: Path) -> None:
    edit = _replace(SHOUT, "inputs:\n", "inputs:\n  new: {type: string, optional: true}\n")
    assert _verdicts(project, edit)["shout"].breaks == ()


def test_uses_of_what_is_deprecated(project: Path) -> None:
    assert deprecated_uses(_read(project)) == []
    change(project / SHOUT, "{stage: test}", "{deprecated: use shout 2}")
    [use] = deprecated_uses(_read(project))
    assert str(use.place) == f"{project / TALK}:13:16"
    assert use.message == "'shout' uses component shout 1.0.0, which is deprecated: use shout 2"


@pytest.mark.parametrize(
    ("version", "status", "needed"),
    [
        ("1.0.1", "changed", "1.1.0"),
        ("1.1.0", "raised", None),
        ("3.0.0", "raised", None),
        ("0.9.0", "changed", "1.1.0"),
    ],
)
def test_a_version_may_be_higher_than_needed_never_lower(
    project: Path, version: str, status: str, needed: str | None
) -> None:
    def edit(root: Path) -> None:
        change(root / SHOUT, "version: 1.0.0 ", f"version: {version} ")
        change(root / SHOUT, "outputs:\n", "  more: {type: string, optional: true}\noutputs:\n")

    verdict = _verdicts(project, edit)["shout"]
    assert (verdict.status, verdict.needed) == (status, needed)


@pytest.mark.parametrize("odd", ["1.1.0-rc.1", "2.0.0.1", "2024-01-01", "v2"])
@pytest.mark.parametrize(("is_changed", "needed"), [(False, "1.0.0"), (True, "1.0.1")])
def test_a_version_in_order_is_followed_by_no_odd_one(project: Path, odd: str, is_changed: bool, needed: str) -> None:
    def edit(root: Path) -> None:
        change(root / SHOUT, "version: 1.0.0 ", f"version: {odd} ")
        if is_changed:
            change(root / SHOUT, "--tone", "--colour")

    verdict = _verdicts(project, edit)["shout"]
    assert (verdict.status, verdict.needed, verdict.is_wrong) == ("odd", needed, True)


def test_what_begins_with_an_odd_version_may_stay_and_go_on_with_another(project: Path) -> None:
    change(project / SHOUT, "version: 1.0.0 ", "version: 2024-01-01 ")
    assert _verdicts(project, lambda _: None) == {}
    for version in ("2024-02-01", "1.0.0"):
        edit = _replace(SHOUT, "version: 2024-01-01 ", f"version: {version} ")
        assert _verdicts(project, edit)["shout"].status == "raised"
        change(project / SHOUT, f"version: {version} ", "version: 2024-01-01 ")


def test_a_version_is_not_lowered(project: Path) -> None:
    verdict = _verdicts(project, _replace(SHOUT, "version: 1.0.0 ", "version: 0.9.0 "))["shout"]
    assert (verdict.status, verdict.needed) == ("lowered", "1.0.0")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            _replace("components/count/component.yml", "version: 4\n", ""),
            r"count/component\.yml:1:1: the component 'count' has no version, .*published; add version: 1\.0\.0",
        ),
        (
            _replace("components/count/component.yml", "name: count", "name: shout"),
            r"shout/component\.yml:4:10: the component 'shout' bears the name of .*count/component\.yml; give it",
        ),
        (
            _replace("components/count/component.yml", "name: count", "name: talk"),
            r"pipelines/talk\.yml:1:1: the pipeline 'talk' bears the name of .*count/component\.yml",
        ),
        (
            _append(SHOUT, '"'),
            r"shout/component\.yml:22:1: error PS001: the file is not YAML: the quote that opens here",
        ),
        (
            _replace("environments/small/environment.yml", "name: small", "name: s/m"),
            r"environment\.yml:1:7: 's/m' is no name that this environment can be published under",
        ),
        (
            _replace(TALK, "../components/shout", "../components/shut"),
            r"talk\.yml:13:16: the component file .*shut/component\.yml does not exist",
        ),
        (
            _replace(SHOUT, "environments/small", "environments/smaller"),
            r"component\.yml:18:14: the environment file .*smaller/environment\.yml does not exist",
        ),
    ],
)
def test_what_cannot_be_published(project: Path, edit: Edit, message: str) -> None:
    edit(project)
    with pytest.raises(DefinitionError, match=message):
        _read(project)


NESTED = """\
type: pipeline
name: nested
version: 1
inputs: {text: {type: string}}
jobs:
  shout: {type: command, component: ../components/shout/component.yml, inputs: {text: "${{parent.inputs.text}}"}}
"""
OUTER = """\
type: pipeline
settings: {default_compute: azureml:serverless}
jobs:
  talk: {type: pipeline, component: ./nested.component.yml, inputs: {text: hi}}
  own:
    type: command
    code: ./code
    command: python own.py
    environment: file:../environments/other/environment.yml
"""


def test_what_stands_in_a_pipeline_itself_and_pipelines_in_it_are_its_content(project: Path) -> None:
    (project / "pipelines/nested.component.yml").write_text(NESTED)
    (project / "pipelines/outer.yml").write_text(OUTER)
    (project / "pipelines/code").mkdir()
    (project / "pipelines/code/own.py").write_text("print()\n")
    outer = _read(project).items["pipeline", "outer"]
    assert outer.needs == (("component", "nested"), ("environment", "other"))
    assert set(_verdicts(project, _append("pipelines/code/own.py", "#\n"))) == {"outer"}
    assert set(_verdicts(project, _append("components/shout/src/shout.py", "#\n"))) == {
        "shout",
        "nested",
        "outer",
        "talk",
    }
    change(project / "pipelines/nested.component.yml", "../components/shout/component.yml", "./nested.component.yml")
    with pytest.raises(DefinitionError, match=r"nested\.component\.yml:1:1: the component contains itself"):
        _read(project)


def test_the_lock_is_text_of_its_content(project: Path) -> None:
    read = _read(project)
    lock = lock_of(judge(read, Lock()))
    text = to_text(lock)
    assert read_lock(text, "lock") == lock
    assert to_text(Lock(dict(reversed(lock.entries.items())))) == text
    assert text.endswith("}\n")
    place = version_place(text, "lock", read.items["pipeline", "talk"])
    assert text.splitlines()[place.line - 1][place.column - 1 :] == '"1.0.0"'
    one_line = json.dumps(json.loads(text))
    assert read_lock(one_line, "lock") == lock
    place = version_place(one_line, "lock", read.items["pipeline", "talk"])
    assert one_line[place.column - 1 :] == '"1.0.0"}}}'
    assert str(project) not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{\n <<<<",
            r"lock:2:2: this is not JSON: .* Take one side of a merge conflict, and call penstock publish --bump",
        ),
        ("{}", r"lock:1:1: its format is None, and this penstock reads 1\. Write it anew: penstock publish --bump"),
        ("[]", r"lock:1:1: its format is None, and this penstock reads 1\. Write it anew: penstock publish --bump"),
        (b"\xff", r"lock:1:1: this is not UTF-8 text\. Write it anew: penstock publish --bump"),
        ('{"format": 9}', r"lock:1:1: its format is 9, and this penstock reads 1; use the penstock that wrote it"),
        ('{"format": 1, "components": {"a": {}}}', r"lock:1:1: .*version.* Write it anew: penstock publish --bump"),
    ],
)
def test_a_lock_that_cannot_be_read(text: bytes | str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        read_lock(text, "lock")


def test_a_pipeline_is_one_component_of_those_that_it_names(project: Path) -> None:
    block = _read(project).items["pipeline", "talk"].block
    assert block is not None
    document = block.document("talk", "1.0.0")
    assert document["inputs"] == {
        "text": {"type": "string", "default": "hello"},
        "times": {"type": "integer", "default": 3},
    }
    assert document["outputs"] == {"number": {"type": "uri_file"}}
    assert [node["component"] for node in document["jobs"].values()] == ["azureml:shout:1.0.0", "azureml:count:4"]
    assert "settings" not in document
