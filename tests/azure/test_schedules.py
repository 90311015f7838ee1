"""`penstock schedule --stage`: schedules at the local Azure by the real client, and what they start when they fire."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure_project import led, project
from click.testing import CliRunner, Result

from penstock.cli.schedule import command

if TYPE_CHECKING:
    from local_azure import LocalAzure

PENSTOCK = Path(sys.executable).with_name("penstock")
SCHEDULE = """\
name: weekly
trigger:
  type: recurrence
  frequency: week
  interval: 1
  schedule: {hours: 4, minutes: [30, 0], week_days: [monday]}
  start_time: "2026-01-05T00:00:00"
  time_zone: W. Europe Standard Time
create_job:
  type: pipeline
  job: ./job.yml
  inputs: {words: said at the fire}
"""
INPUTS = 'inputs: {words: "${{parent.inputs.words}}", rows: {type: uri_file, path: ./rows.csv}}'
At = Callable[..., Result]


@pytest.fixture
def weekly(tmp_path: Path) -> Path:
    """A schedule in a project that knows the local Azure as its stage dev; the job's step runs a script of its own."""
    job = project(tmp_path, "sh write.sh '${{inputs.words}}' '${{outputs.made}}'")
    text = job.read_text().replace("    environment:", "    code: ./src\n    environment:")
    text = text.replace('inputs: {words: "${{parent.inputs.words}}"}', INPUTS)
    assert INPUTS in text
    job.write_text(text)
    (tmp_path / "rows.csv").write_text("1\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "write.sh").write_text('echo "$1" > "$2/words"\n')
    file = tmp_path / "weekly.schedule.yml"
    file.write_text(SCHEDULE)
    return file


@pytest.fixture
def at_azure(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> At:
    """The verb in this process, which is led to the local Azure as another would be; with what it wrote there."""
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str | Path) -> Result:
        azure.requests.clear()
        line = [*map(str, arguments), "--stage", "dev", "--format", "json"]
        return CliRunner().invoke(command, line)

    return call


def told(result: Result) -> dict[str, Any]:
    assert result.exception is None, result.exception
    [found] = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def kept(azure: LocalAzure) -> dict[str, Any]:
    document = azure.documents.get(f"{azure.workspace}/schedules/weekly")
    assert document is not None
    properties: dict[str, Any] = document["properties"]
    return properties


def written(azure: LocalAzure) -> list[str]:
    """What was written, without the workspace's path."""
    return [f"{request.method} {request.path.partition('/workspaces/')[2]}" for request in azure.writes()]


SET_UP = "PUT mlw-penstock/schedules/weekly"


def test_it_is_set_up_once_and_fires(at_azure: At, azure: LocalAzure, weekly: Path) -> None:
    azure.faults.slow_operations = 2  # the client prints a dot for each time that it asks
    assert told(at_azure(weekly)) == {"schedule": "weekly", "action": "created", "enabled": True}
    assert kept(azure)["trigger"] == {
        "triggerType": "Recurrence",
        "frequency": "Week",
        "interval": 1,
        "schedule": {"hours": [4], "minutes": [30, 0], "weekDays": ["Monday"]},
        "startTime": "2026-01-05T00:00:00",
        "timeZone": "W. Europe Standard Time",
    }
    job = kept(azure)["action"]["jobDefinition"]
    assert job["settings"]["default_compute"].endswith("/computes/serverless"), "the stage's overlay"
    assert job["inputs"]["words"]["value"] == "said at the fire"

    assert told(at_azure(weekly)) == {"schedule": "weekly", "action": "unchanged", "enabled": True}
    assert written(azure) == []

    fired = azure.schedules.fire(f"{azure.workspace}/schedules/weekly")
    assert fired.status == "Completed", fired.document
    run = azure.jobs.run(fired)
    assert run is not None
    assert (Path(run.summary["outputs"]["made"]) / "words").read_text() == "said at the fire\n"
    assert azure.refused == []


CHANGES: dict[str, Callable[[Path], object]] = {
    "the trigger": lambda folder: edit(folder / "weekly.schedule.yml", "hours: 4", "hours: 5"),
    "what create_job changes": lambda folder: edit(folder / "weekly.schedule.yml", "said at", "told at"),
    "the job": lambda folder: edit(folder / "job.yml", "experiment_name: small", "experiment_name: large"),
    "a script that the job uploads": lambda folder: edit(folder / "src" / "write.sh", "echo", "printf %s"),
    "data that the job uploads": lambda folder: edit(folder / "rows.csv", "1", "2"),
    "the overlay of the stage": lambda folder: edit(
        folder / "penstock.toml", '"azureml:serverless"', '"azureml:serverless"\n"description" = "at dev"'
    ),
}


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_each_change_and_only_a_change_is_written(at_azure: At, azure: LocalAzure, weekly: Path) -> None:
    told(at_azure(weekly))
    for what, change in CHANGES.items():
        change(weekly.parent)
        assert told(at_azure(weekly))["action"] == "updated", what
        assert written(azure).count(SET_UP) == 1
    edit(weekly, "name: weekly", "# every week\nname: weekly")
    (weekly.parent / "src" / "__pycache__").mkdir()
    (weekly.parent / "src" / "__pycache__" / "x.pyc").write_text("")
    assert told(at_azure(weekly))["action"] == "unchanged"


def test_what_somebody_changed_in_the_studio_is_set_right(at_azure: At, azure: LocalAzure, weekly: Path) -> None:
    told(at_azure(weekly))
    kept(azure)["trigger"]["frequency"] = "Day"
    assert told(at_azure(weekly))["action"] == "updated"
    assert kept(azure)["trigger"]["frequency"] == "Week"


def test_a_disabled_schedule_stays_so_until_it_is_enabled(at_azure: At, azure: LocalAzure, weekly: Path) -> None:
    told(at_azure(weekly))
    before = kept(azure)["action"]
    assert told(at_azure(weekly, "--disable")) == {"schedule": "weekly", "action": "disabled", "enabled": False}
    assert kept(azure)["action"]["jobDefinition"]["jobs"] == before["jobDefinition"]["jobs"]
    assert told(at_azure(weekly, "--disable"))["action"] == "unchanged"
    assert told(at_azure(weekly)) == {"schedule": "weekly", "action": "unchanged", "enabled": False}
    edit(weekly, "hours: 4", "hours: 6")
    assert told(at_azure(weekly)) == {"schedule": "weekly", "action": "updated", "enabled": False}
    assert told(at_azure(weekly, "--enable")) == {"schedule": "weekly", "action": "enabled", "enabled": True}
    assert kept(azure)["isEnabled"] is True


def test_an_enabled_schedule_is_removed_and_a_second_time_is_no_fault(
    at_azure: At, azure: LocalAzure, weekly: Path
) -> None:
    told(at_azure(weekly))
    assert told(at_azure(weekly, "--remove"))["action"] == "removed"
    assert f"{azure.workspace}/schedules/weekly" not in azure.documents
    assert told(at_azure(weekly, "--remove"))["action"] == "absent"
    assert written(azure) == []
    assert told(at_azure(weekly))["action"] == "created"


def test_what_goes_wrong(at_azure: At, azure: LocalAzure, weekly: Path) -> None:
    for option, message in (
        ("--enable", "schedule weekly: there is none in mlw-penstock; set it up first"),
        ("--once", "--list, --once, --until and --workspace are for this machine, --stage is for Azure"),
    ):
        assert message in str(at_azure(weekly, option).exception or "") + at_azure(weekly, option).output
    edit(weekly.parent / "job.yml", "parent.inputs.words", "parent.inputs.word")
    assert "error PS101" in str(at_azure(weekly).exception)
    edit(weekly.parent / "job.yml", "parent.inputs.word}", "parent.inputs.words}")
    edit(weekly, '"2026-01-05T00:00:00"', '"2026-01-05T00:00:00-07:00"')
    assert "Azure's client leaves out the offset" in str(at_azure(weekly).exception)
    assert written(azure) == []


def test_each_fire_takes_the_newest_data_without_a_new_schedule(at_azure: At, azure: LocalAzure, weekly: Path) -> None:
    """What `@latest` would not do: the service resolves that when the schedule is put."""
    component = Path(__file__).parents[2] / "components" / "newest_data" / "component.yml"
    (weekly.parent / "job.yml").write_text(NEWEST.format(component=component))
    edit(weekly, "  inputs: {words: said at the fire}\n", "")
    told(at_azure(weekly))
    schedule = f"{azure.workspace}/schedules/weekly"
    for month in ("2026-04", "2026-05"):
        file = weekly.parent / f"{month}.csv"
        file.write_text(month)
        azure.blobs.upload(azure.workspace, "workspaceblobstore", f"readings/{month}.csv", file)
        azure.requests.clear()
        fired = azure.schedules.fire(schedule)
        assert fired.status == "Completed", fired.document
        assert azure.writes() == []
        run = azure.jobs.run(fired)
        assert run is not None
        chosen = json.loads((Path(run.summary["outputs"]["selection"]) / "selection.json").read_text())
        assert chosen["file"] == f"{month}.csv"


NEWEST = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
settings: {{default_compute: azureml:cpu}}
inputs:
  folder: {{type: uri_folder, path: azureml://datastores/workspaceblobstore/paths/readings}}
outputs:
  selection: {{type: uri_folder}}
jobs:
  newest_data:
    type: command
    component: {component}
    inputs: {{folder: "${{{{parent.inputs.folder}}}}"}}
    outputs: {{selection: "${{{{parent.outputs.selection}}}}"}}
"""


def test_a_refusal_is_told_and_the_call_can_be_repeated(at_azure: At, azure: LocalAzure, weekly: Path) -> None:
    azure.faults.add("PUT .*/schedules/weekly", "conflict", times=None)
    message = "schedule weekly: Azure says: Another operation is in progress on the resource (409)."
    assert message in str(at_azure(weekly).exception)
    azure.faults.lift()
    assert told(at_azure(weekly))["action"] == "created"


def test_a_lost_answer_is_asked_for_again(at_azure: At, azure: LocalAzure, weekly: Path) -> None:
    """As a process: what is left of the connection goes with it."""
    lost = azure.faults.add("PUT .*/schedules/weekly", "lost_after")
    line = [PENSTOCK, "schedule", weekly, "--stage", "dev"]
    done = subprocess.run(line, env=led(azure.environment), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "schedule weekly in mlw-penstock: created\n"
    assert lost.met > 1
    assert told(at_azure(weekly))["action"] == "unchanged"
