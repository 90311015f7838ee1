"""Single faults in a good pipeline: what azure-ai-ml says and what penstock says, at the right place."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml import load_job

from penstock.check import check
from penstock.check.subject import Subject, read_subject
from penstock.store.files import Disk

HERE = Path(__file__).parent
FAULTS = [
    {"class": group, **fault}
    for group, faults in yaml.safe_load((HERE / "faults.yml").read_text()).items()
    for fault in faults
]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HERE / "good", tmp_path / "good"))


def put_in(folder: Path, fault: dict[str, Any]) -> None:
    path = folder / fault["file"]
    text = path.read_text()
    if "cut" in fault:
        changed = text[: text.index(fault["cut"])] + fault["new"]
    else:
        assert fault["old"] in text, "the fault has a place to go"
        changed = text.replace(fault["old"], fault["new"], 1)
    path.write_text(changed)


def azure_says(folder: Path) -> str:
    """The client's first complaint, or nothing: what `az ml job create` would say before it uploads anything."""
    try:
        result = load_job(folder / "job.yml")._validate()
        return "" if result.passed else next(iter(result.error_messages.values()))
    except Exception as error:
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


def penstock_says(folder: Path) -> list[Any]:
    subject = read_subject(folder / "job.yml", Disk())
    assert isinstance(subject, Subject)
    return list(check(subject))


def test_the_pipeline_is_good_before(good: Path) -> None:
    assert azure_says(good) == ""
    assert [str(finding) for finding in penstock_says(good)] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["fault"].replace(" ", "_"))
def test_every_fault_is_told_at_its_place(fault: dict[str, Any], good: Path) -> None:
    put_in(good, fault)
    told = [finding for finding in penstock_says(good) if finding.rule == fault["rule"]]
    assert told, [str(finding) for finding in penstock_says(good)]
    file = good / fault.get("place", fault["file"])
    assert told[0].place.file == str(file)
    text = file.read_text()
    at = "\n".join(text.splitlines()[told[0].place.line - 1 :])[told[0].place.column - 1 :]
    assert at.startswith(fault["at"]), f"{told[0]}\n{at[:60]!r}"


def test_the_table(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints fault by fault what both say; the client misses most of them."""
    lines, silent = [], 0
    for number, fault in enumerate(FAULTS):
        folder = Path(shutil.copytree(good, tmp_path / str(number)))
        put_in(folder, fault)
        azure = azure_says(folder).replace(str(folder), "")
        silent += not azure
        own = next(finding for finding in penstock_says(folder) if finding.rule == fault["rule"])
        where = f"{Path(own.place.file).name}:{own.place.line}:{own.place.column}"
        lines.append(f"{fault['class']:10} {fault['fault']:50} {(azure or 'silent')[:44]:46} {own.rule} {where}")
    with capsys.disabled():
        print("\n" + "\n".join(lines))
        print(f"{len(FAULTS)} faults: penstock tells {len(FAULTS)}, azure-ai-ml {len(FAULTS) - silent}")
    assert silent > len(FAULTS) / 2
