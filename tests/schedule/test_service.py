"""The service with a timetable of seconds, which no schedule has: what comes while a run goes on is left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penstock.schedule.fire import Planned
from penstock.schedule.service import serve
from penstock.schedule.timetable import Timetable
from penstock.spec.schedule import Schedule, read_schedule
from penstock.spec.source import Mapping, parse
from penstock.store.workspace import Workspace

JOB = """\
type: pipeline
settings: {default_compute: azureml:serverless, force_rerun: true}
jobs:
  nap: {command: sleep 1.5, environment: azureml:none:1}
"""


class EverySecond(Timetable, frozen=True):
    """A fire at each full second."""

    def _moments(self, after: datetime) -> Iterator[datetime]:
        yield from self._elapsed(timedelta(seconds=1), after)


@pytest.fixture
def schedule(tmp_path: Path) -> Schedule:
    (tmp_path / "job.yml").write_text(JOB)
    text = "name: often\ntrigger: {type: recurrence, frequency: minute, interval: 1}\ncreate_job: ./job.yml\n"
    root = parse(text, str(tmp_path / "often.yml")).root
    assert isinstance(root, Mapping)
    found, _ = read_schedule(root, tmp_path / "often.yml")
    assert found is not None
    return found


def test_no_two_runs_at_once(schedule: Schedule, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    told: list[str] = []
    planned = Planned(schedule, workspace)
    planned.timetable = EverySecond(schedule.trigger, planned.timetable.zone, planned.timetable.start)
    with planned.folder.locked() as lock:
        planned.begin()
        assert serve([(planned, lock)], datetime.now(UTC) + timedelta(seconds=3.2), told.append) == 0
    log = planned.folder.log.read_text().splitlines()
    ran = [line for line in log if ": completed, run job-" in line]
    left_out = [line for line in log if line.endswith(" goes on")]
    assert ran
    assert left_out
    assert len(ran) + len(left_out) == len(log)
    assert any("left out, the run of an earlier fire goes on" in line for line in told)
    runs = sorted(path.name for path in workspace.runs.iterdir())
    assert len(runs) == len(ran)
