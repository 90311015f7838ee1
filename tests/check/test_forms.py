"""No false alarm: forms that public, working repositories use, in tests/check/forms.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from azure_says import refusal

from penstock.check.project import Report, Target, check_project
from penstock.cli.suppressed import suppressions
from penstock.spec.kind import kind_of
from penstock.spec.source import parse
from penstock.store.files import Disk

FORMS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "forms.yml").read_text(encoding="utf-8"))


def write(form: dict[str, Any], folder: Path) -> Path:
    """Write the files of a form below `folder`; returns the path of the first."""
    for name, text in form["files"].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_text(text, encoding="utf-8")
    return folder / next(iter(form["files"]))


def check(path: Path, *, named: bool) -> Report:
    disk = Disk()
    return check_project([Target(path, named=named)], disk, suppressions(disk))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form["form"]))
def test_it_has_no_error(form: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "project" / ".penstock").mkdir(parents=True)  # the root of a project, whatever lies above
    report = check(write(form, tmp_path / "project"), named=False)
    assert [finding.rule for finding in report.findings] == form.get("told", []), list(map(str, report.findings))
    assert report.files == (0 if form.get("unseen") else 1)


@pytest.mark.parametrize("form", [form for form in FORMS if not form.get("unseen")], ids=lambda form: str(form["form"]))
def test_the_client_takes_it(form: dict[str, Any], tmp_path: Path) -> None:
    first = write(form, tmp_path / "project")
    root = parse(first.read_bytes(), str(first)).root
    kind = kind_of(root)
    assert kind is not None
    assert refusal(first, kind, yaml.safe_load(first.read_text())) == ""


@pytest.mark.parametrize("form", [form for form in FORMS if form.get("unseen")], ids=lambda form: str(form["form"]))
def test_what_is_somebody_else_s_is_no_fault_by_name(form: dict[str, Any], tmp_path: Path) -> None:
    """As a pre-commit hook names it."""
    report = check(write(form, tmp_path / "project"), named=True)
    assert [(finding.rule, finding.severity) for finding in report.findings] == [("PS004", "info")]


SEEN = {
    "a pipeline whose nodes are not written yet": "type: pipeline\njobs:\n  train:\n  score:\n",
    "a pipeline without its type": "jobs:\n  a: {component: ./train.yml}\n",
    "a node with a reference": "jobs:\n  a: {command: ls, environment: 'azureml:e:1'}\n",
    "a command with an expression": "command: ls ${{inputs.x}}\nenvironment: x\ninputs: {x: 1}\n",
    "a command with an image": "command: ls\nenvironment: {image: python}\n",
    "a sweep without its type": "trial: {command: 'ls ${{search_space.x}}'}\nsearch_space: {}\n",
    "a misspelt schema": "$schema: https://azuremlschemas.azureedge.net/latest/piplineJob.schema.json\n",
    "two documents, one of them Azure ML's": "a: 1\n---\ntype: pipeline\njobs: {a: {component: x.yml}}\n",
    "a template that speaks of Azure ML": "{% if x %}\ncomponent: azureml:x:1\n{% endif %}\n",
}


@pytest.mark.parametrize("text", SEEN.values(), ids=SEEN)
def test_it_is_told_in_a_folder(text: str, tmp_path: Path) -> None:
    report = check(write({"files": {"x.yml": text}}, tmp_path), named=False)
    assert report.findings
