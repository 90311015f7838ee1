"""Single faults in good pipelines, schedules and deployments: what azure-ai-ml says, what penstock says and where."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml._utils._endpoint_utils import validate_scoring_script
from azure.ai.ml.entities._load_functions import load_online_deployment
from azure_says import refusal

from penstock.check.project import Target, check_project
from penstock.check.subject import Subject, read_subject
from penstock.cli.suppressed import suppressions
from penstock.spec.finding import Finding
from penstock.spec.kind import Kind
from penstock.store.discover import yaml_files
from penstock.store.files import Disk

HERE = Path(__file__).parent
FILES = {path.stem.replace("faults", "good"): yaml.safe_load(path.read_text()) for path in HERE.glob("faults*.yml")}
FAULTS = [
    {"good": good, "class": group, **fault}
    for good, content in sorted(FILES.items())
    for group, faults in content.items()
    for fault in faults
]
SECRETS = {
    "KEY": base64.b64encode(hashlib.sha512(b"x").digest()).decode(),
    "SIGNATURE": base64.b64encode(hashlib.sha256(b"x").digest()).decode().replace("+", "%2B").replace("/", "%2F")[:-1]
    + "%3D",
}


def name_of(fault: dict[str, Any]) -> str:
    return f"{fault['class']}-{fault['fault']}".replace(" ", "_")


def put_in(fault: dict[str, Any], folder: Path) -> Path:
    """A copy of the good folder below `folder`, with the fault in it."""
    copy = Path(shutil.copytree(HERE / fault["good"], folder / "good"))
    for name, content in fault.get("add", {}).items():
        (copy / name).write_text(content)
    if "file" in fault:
        path = copy / fault["file"]
        text = path.read_text()
        old = text[text.index(fault["cut"]) :] if "cut" in fault else fault["old"]
        assert old in text, "the fault has a place to go"
        path.write_text(text.replace(old, with_secrets(fault["new"]), 1))
    return copy


def with_secrets(text: str) -> str:
    for word, secret in SECRETS.items():
        text = text.replace(word, secret)
    return text


def azure_says(folder: Path, changed: str) -> str:
    """The client's first complaint, or nothing: what `az ml ... create` would say before it uploads anything.

    It is called with the changed file, and with all that may use it: the job first.
    """
    paths = sorted(yaml_files(folder), key=lambda path: path.name != "job.yml")
    if kind_of_file(folder / changed) not in (None, "component", "environment"):
        paths = [folder / changed]
    for path in paths:
        if path.name != changed and kind_of_file(path) in (None, "component"):
            continue
        try:
            content = yaml.safe_load(path.read_text())
        except yaml.YAMLError as error:
            return f"{type(error).__name__}: {error}"
        found = read_subject(path, Disk())
        said = refusal(path, found.kind, content) or scoring(path, found.kind) if isinstance(found, Subject) else ""
        if said:
            return said
    return ""


def kind_of_file(path: Path) -> str | None:
    """The family of what the file describes; None if it is not Azure ML's."""
    found = read_subject(path, Disk()) if path.suffix == ".yml" else None
    return found.kind.family if isinstance(found, Subject) else None


def scoring(path: Path, kind: Kind) -> str:
    """What the client says of a deployment's script, before it uploads it."""
    if kind.family != "deployment":
        return ""
    try:
        validate_scoring_script(load_online_deployment(path))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def shortly(said: str) -> str:
    """The client's message, out of the JSON that it comes in."""
    found = re.search(r'"message": "([^"]+)', said)
    return re.sub(r"\s+", " ", found[1] if found else said).strip() or "silent"


def penstock_says(folder: Path) -> tuple[Finding, ...]:
    """What `penstock check FOLDER` tells."""
    disk = Disk()
    targets = [Target(path, named=False) for path in yaml_files(folder)]
    return check_project(targets, disk, suppressions(disk), [folder]).findings


def told(fault: dict[str, Any], folder: Path, findings: tuple[Finding, ...]) -> Finding | None:
    """The finding of the fault's rule at the fault's place."""
    file = folder / (fault.get("place") or fault["file"])
    lines = file.read_text().splitlines(keepends=True)
    for finding in findings:
        if finding.rule == fault["rule"] and finding.place.file == str(file):
            at = "".join(lines[finding.place.line - 1 :])[finding.place.column - 1 :]
            if at.startswith(with_secrets(fault["at"])):
                return finding
    return None


@pytest.mark.parametrize("good", sorted(FILES))
def test_the_whole_is_good_before(good: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(HERE / good, tmp_path / good))
    assert [azure_says(folder, path.name) for path in yaml_files(folder)] == [""] * len(list(yaml_files(folder)))
    assert [str(finding) for finding in penstock_says(folder)] == []


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_every_fault_is_told_at_its_place(fault: dict[str, Any], tmp_path: Path) -> None:
    folder = put_in(fault, tmp_path)
    findings = penstock_says(folder)
    assert told(fault, folder, findings), [str(finding) for finding in findings]


def test_no_fault_twice() -> None:
    changes = [(f["good"], f.get("file"), f.get("old"), f.get("cut"), f.get("new"), str(f.get("add"))) for f in FAULTS]
    assert len(set(changes)) == len(changes) >= 75
    assert len({name_of(fault) for fault in FAULTS}) == len(FAULTS)


@pytest.mark.long
def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints fault by fault what both say. The client misses most of them."""
    rows, silent, warnings, errors = [], 0, 0, 0
    for number, fault in enumerate(FAULTS):
        folder = put_in(fault, tmp_path / str(number))
        azure = azure_says(folder, fault.get("file", "")).replace(str(folder), "")
        own = told(fault, folder, penstock_says(folder))
        silent += not azure
        errors += own is not None and own.severity == "error"
        warnings += own is not None and own.severity == "warning"
        where = f"{Path(own.place.file).name}:{own.place.line}:{own.place.column}" if own else ""
        mine = f"{own.rule} {own.severity:7} {where}" if own else "silent"
        rows.append(f"{fault['class'][:14]:14} {fault['fault'][:58]:58} {shortly(azure)[:46]:46} {mine}")
    with capsys.disabled():
        print(f"\n{'class':14} {'fault':58} {'azure-ai-ml':46} penstock\n" + "\n".join(rows))
        print(f"{len(FAULTS)} single faults in {len(FILES)} good folders, told before anything is uploaded:")
        print(f"azure-ai-ml {len(FAULTS) - silent}, penstock {errors + warnings}", end=" ")
        print(f"({errors} errors, {warnings} warnings), each at its line and column")
    assert errors + warnings == len(FAULTS)
    assert silent > len(FAULTS) / 2
