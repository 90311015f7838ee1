"""`penstock schedule` as processes: fires, restarts, signals, and what it refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

PENSTOCK = Path(sys.executable).with_name("penstock")
JOB = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
settings: {default_compute: azureml:serverless, force_rerun: true}
inputs: {word: hello, nap: 0}
jobs:
  say:
    command: >-
      echo "${{inputs.word}}" > ${{outputs.said}}/word.txt; sleep ${{inputs.nap}}; test "${{inputs.word}}" != fail
    environment: azureml:none:1
    inputs: {word: "${{parent.inputs.word}}", nap: "${{parent.inputs.nap}}"}
    outputs: {said: {type: uri_folder}}
"""


class Project:
    """A folder with a job and schedules, whose workspace lies in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".penstock").mkdir()
        (folder / "job.yml").write_text(JOB)
        self.services: list[subprocess.Popen[str]] = []

    def schedule(self, name: str = "often", *, start: datetime | None = None, trigger: str = "", **inputs: Any) -> Path:
        """A schedule that fires every minute from `start` on, unless another trigger is given."""
        start_time = f', start_time: "{start:%Y-%m-%dT%H:%M:%S}"' if start is not None else ""
        trigger = trigger or f"type: recurrence, frequency: minute, interval: 1{start_time}"
        created = json.dumps({"type": "pipeline", "job": "./job.yml", "inputs": inputs})
        file = self.folder / f"{name}.schedule.yml"
        file.write_text(f"name: {name}\ntrigger: {{{trigger}}}\ncreate_job: {created}\n")
        return file

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        line = [PENSTOCK, "schedule", *arguments]
        return subprocess.run(line, capture_output=True, text=True, cwd=self.folder, check=False, timeout=60)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        line = [PENSTOCK, "schedule", *arguments]
        service = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, cwd=self.folder)
        self.services.append(service)
        return service

    def record(self, name: str = "often") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f".penstock/schedules/{name}.json").read_text())
        return found

    def was_off(self, since: timedelta, name: str = "often") -> None:
        """As if nobody had carried out the schedule for so long."""
        file = self.folder / f".penstock/schedules/{name}.json"
        file.write_text(json.dumps(self.record(name) | {"handled": (now() - since).isoformat()}))

    def words(self) -> list[str]:
        """What the runs wrote, in their order."""
        runs = sorted(self.folder.glob(".penstock/runs/job-*"))
        return [(run / "nodes/say/outputs/said/word.txt").read_text().strip() for run in runs]


def now() -> datetime:
    return datetime.now(UTC)


def soon() -> datetime:
    """A moment, in whole seconds, before which a process has time to start."""
    return (now() + timedelta(seconds=4)).replace(microsecond=0)


def wait_for(what: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    yield project
    for service in project.services:
        if service.poll() is None:
            service.kill()
            service.wait()
        assert service.stderr is not None
        service.stderr.close()


def test_it_fires_at_its_time_with_what_create_job_changes(project: Project) -> None:
    start = soon()
    files = [project.schedule(name, start=start, word=f"{name}: 'a'") for name in ("one", "two")]
    service = project.start(*files, "--until", (start + timedelta(seconds=2)).isoformat())
    said = service.communicate(timeout=30)[1]
    assert service.returncode == 0, said
    assert sorted(project.words()) == ["one: 'a'", "two: 'a'"]
    for name in ("one", "two"):
        record = project.record(name)
        last = record["last"]
        assert datetime.fromisoformat(last["due"]) == start
        assert start <= datetime.fromisoformat(last["started"]) <= start + timedelta(seconds=10)
        assert (last["status"], last["missed"], last["exit_code"]) == ("completed", 0, 0)
        assert (project.folder / ".penstock/runs" / last["run"]).is_dir()
        at = f"{start:%Y-%m-%d %H:%M}+00:00"
        log = (project.folder / f".penstock/schedules/{name}.log").read_text()
        assert log.endswith(f"{at}: completed, run {last['run']}\n")
        assert len(log.splitlines()) == 1
        assert f"{name}: next fire {at}\n" in said
        assert f"{name}: {at}: completed, run {last['run']}; next fire " in said


def test_one_run_makes_up_for_all_that_was_missed(project: Project) -> None:
    file = project.schedule(start=now() - timedelta(days=2, seconds=30))
    first = project.run(file, "--once", "--format", "json")
    assert (first.returncode, json.loads(first.stdout)) == (0, []), "a start in the past is no missed fire"
    assert "often: nothing is due; next fire " in first.stderr

    project.was_off(timedelta(hours=2))
    second = project.run(file, "--once", "--format", "json")
    [fire] = json.loads(second.stdout)
    assert (second.returncode, fire["status"], fire["missed"]) == (0, "completed", 119)
    assert now() - datetime.fromisoformat(fire["due"]) < timedelta(minutes=2)
    assert "; it stands for 119 missed before it" in second.stderr

    assert json.loads(project.run(file, "--once", "--format", "json").stdout) == []
    assert len(project.words()) == 1


def test_a_restarted_service_tells_what_it_missed_and_runs_once(project: Project) -> None:
    file = project.schedule(start=now() - timedelta(days=2, seconds=30))
    project.run(file, "--once")
    project.was_off(timedelta(minutes=10))
    service = project.start(file)
    wait_for(lambda: (project.record()["last"] or {}).get("ended"))
    service.send_signal(signal.SIGINT)
    said = service.communicate(timeout=30)[1]
    assert service.returncode == 130
    assert "often: 10 fires were missed since " in said
    assert "; one run stands for them\n" in said
    assert project.record()["last"]["missed"] == 9
    assert len(project.words()) == 1


def test_without_a_start_it_begins_when_it_is_first_seen_and_anew_with_another_trigger(project: Project) -> None:
    [fire] = json.loads(project.run(project.schedule(), "--once", "--format", "json").stdout)
    assert now() - datetime.fromisoformat(fire["due"]) < timedelta(seconds=20)
    cron = project.schedule(trigger='type: cron, expression: "0 0 * * *", start_time: "2020-01-01T00:00:00"')
    project.was_off(timedelta(days=30))
    done = project.run(cron, "--once", "--format", "json")
    assert json.loads(done.stdout) == [], "the fires of another trigger were never missed"
    assert project.record()["last"]["due"] == fire["due"].replace("+00:00", "Z")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_that_goes_on(project: Project, number: signal.Signals) -> None:
    file = project.schedule(nap=60)
    service = project.start(file)
    wait_for(lambda: any(project.folder.glob(".penstock/runs/*/nodes/say/attempt-1/outputs/said/word.txt")))
    service.send_signal(number)
    said = service.communicate(timeout=30)[1]
    assert service.returncode == 130, said
    last = project.record()["last"]
    assert (last["status"], last["exit_code"]) == ("canceled", 130)
    [run] = project.folder.glob(".penstock/runs/job-*")
    assert json.loads((run / "run.json").read_text())["status"] == "canceled"
    assert project.run(file, "--once").returncode == 0, "what was canceled is dealt with"


def test_a_signal_ends_the_last_run_too_that_until_waits_for(project: Project) -> None:
    service = project.start(project.schedule(nap=60), "--until", (now() + timedelta(seconds=2)).isoformat())
    wait_for(lambda: any(project.folder.glob(".penstock/runs/*/nodes/say/attempt-1/outputs/said/word.txt")))
    with pytest.raises(subprocess.TimeoutExpired):
        service.wait(timeout=2.5)
    service.send_signal(signal.SIGTERM)
    said = service.communicate(timeout=30)[1]
    assert service.returncode == 130, said
    assert project.record()["last"]["status"] == "canceled"


def test_nobody_else_carries_it_out_not_even_after_a_kill_while_its_run_goes_on(project: Project) -> None:
    gate = project.folder / "go on"
    waiting = f"until test -e '{gate}'; do sleep 0.1; done"
    (project.folder / "job.yml").write_text(JOB.replace("sleep ${{inputs.nap}}", waiting))
    file = project.schedule()
    service = project.start(file)
    wait_for(lambda: any(project.folder.glob(".penstock/runs/*/nodes/say/attempt-1/outputs/said/word.txt")))
    second = project.run(file, "--once")
    told = (
        f"the schedule often is carried out by process {service.pid} already, in {project.folder}/.penstock/schedules"
    )
    assert (second.returncode, second.stderr) == (1, f"{told}; end that one first\n")

    service.kill()
    service.wait()
    assert told in project.run(file, "--once").stderr
    gate.touch()
    wait_for(lambda: project.run(file, "--once").returncode == 0)
    assert project.record()["last"]["status"] == "lost"
    assert project.words() == ["hello"]


def test_a_run_that_fails(project: Project) -> None:
    file = project.schedule(word="fail")
    done = project.run(file, "--once")
    assert done.returncode == 1
    assert ": failed, run job-" in done.stderr
    assert "say: failed" in (project.folder / ".penstock/schedules/often.out").read_text()


def test_a_job_that_has_become_wrong_is_told_at_its_fire(project: Project) -> None:
    file = project.schedule(start=soon())
    service = project.start(file)
    wait_for((project.folder / ".penstock/schedules/often.json").exists)
    (project.folder / "job.yml").write_text(JOB.replace("parent.inputs.word", "parent.inputs.wort"))
    wait_for(lambda: (project.record()["last"] or {}).get("ended"))
    service.send_signal(signal.SIGTERM)
    said = service.communicate(timeout=30)[1]
    output = f"{project.folder}/.penstock/schedules/often.out"
    assert f": refused: {project.folder}/job.yml: 1 error; nothing was started, see {output}; next fire " in said
    assert "error PS101: " in Path(output).read_text()


def test_the_next_fires(project: Project) -> None:
    cron = 'type: cron, expression: "30 2 * * *", start_time: "2026-03-28T12:00:00", time_zone: W. Europe Standard Time'
    ended = 'type: recurrence, frequency: day, interval: 1, end_time: "2020-02-01T00:00:00"'
    files = [project.schedule("nightly", trigger=cron), project.schedule("over", trigger=ended)]
    done = project.run(*files, "--list", "--count", "3", "--format", "json")
    nightly, over = json.loads(done.stdout)
    assert (over["fires"], nightly["schedule"], nightly["last"]) == ([], "nightly", None)
    fires = [datetime.fromisoformat(fire) for fire in nightly["fires"]]
    assert len(fires) == 3
    assert fires[0] > now()
    assert {(fire.hour, fire.minute) for fire in fires} <= {(2, 30), (3, 30)}
    text = project.run(*files, "--list").stdout.splitlines()
    assert text[0] == f"nightly: {project.folder}/job.yml"
    assert text[-2:] == [f"over: {project.folder}/job.yml", "  it has ended"]
    assert not (project.folder / ".penstock/schedules").exists(), "looking changes nothing"


def test_one_that_has_ended_ends_the_service(project: Project) -> None:
    trigger = 'type: recurrence, frequency: day, interval: 1, end_time: "2020-02-01T00:00:00"'
    done = project.run(project.schedule(trigger=trigger))
    assert done.returncode == 0
    assert done.stderr.endswith("often: it has ended, nothing more is due\n")


REFUSED = {
    "unknown zone": (
        'type: cron, expression: "0 3 * * *", time_zone: CEST',
        "often.schedule.yml:2:59: error PS935: there is no time zone 'CEST'",
    ),
    "an offset": (
        'type: cron, expression: "0 3 * * *", start_time: "2026-05-10T10:15:00-04:00"',
        "often.schedule.yml:2:60: Azure's client leaves out the offset of 2026-05-10T10:15:00-04:00: it would be "
        "2026-05-10T10:15:00+00:00 there. Write the time without an offset, in the time_zone of the trigger",
    ),
    "the end of the calendar": (
        'type: recurrence, frequency: day, interval: 1, start_time: "0001-01-01T00:00:00"',
        "0001-01-01T00:00:00 is at an end of the calendar. Write a year between them",
    ),
    "two faults": (
        'type: cron, expression: "0 99 * * *", time_zone: CEST',
        "often.schedule.yml: 2 errors; nothing was started",
    ),
    "a pattern": (
        "type: recurrence, frequency: hour, interval: 1, schedule: {hours: 3, minutes: 0}",
        "2:70: error PR130: 'hours' means nothing for a recurrence by hour",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, project: Project) -> None:
    trigger, told = REFUSED[case]
    done = project.run(project.schedule(trigger=trigger), "--once")
    assert done.returncode == 2
    assert told in done.stderr
    assert not (project.folder / ".penstock/schedules/often.json").exists()


def test_what_else_is_refused(project: Project) -> None:
    file = project.schedule(words="typo")
    done = project.run(file, "--once")
    assert done.returncode == 2
    assert "error PS109: " in done.stderr
    for arguments, told in (
        ([project.folder / "job.yml"], "job.yml:1:1: this is no schedule: it is a pipeline job"),
        ([project.folder / "none.yml"], "none.yml cannot be read: No such file or directory"),
        ([project.folder], "is a folder; name the schedule's YAML file in it"),
        ([file, file], "are both named 'often'; give each a name of its own"),
        ([file, "--format", "json"], "--format json goes with --list or --once"),
        ([file, "--until", "tomorrow"], "--until tomorrow: write it as 2026-12-24T18:00"),
    ):
        done = project.run(*arguments)
        assert (done.returncode, told in done.stderr) == (2, True), done.stderr


def test_a_record_that_cannot_be_read_is_told(project: Project) -> None:
    file = project.schedule()
    project.run(file, "--once")
    (project.folder / ".penstock/schedules/often.json").write_text('{"schedule": "often"}')
    done = project.run(file, "--once")
    assert done.returncode == 1
    assert "often.json cannot be read (Object missing required field `file`); remove it to begin anew" in done.stderr


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"handled": "2026-03-01T00:00:00"}, "Expected `datetime` with a timezone component - at `$.handled`"),
        ({"since": "2026-03-01T00:00:00"}, "Expected `datetime` with a timezone component - at `$.since`"),
        ({"handled": "9999-12-31T23:59:59Z"}, "9999-12-31T23:59:59+00:00 cannot be one of its times"),
        ({"handled": "0001-01-01T00:00:00Z"}, "0001-01-01T00:00:00+00:00 cannot be one of its times"),
        ({"since": "0001-01-01T00:00:00Z"}, "0001-01-01T00:00:00+00:00 cannot be one of its times"),
        (
            {"last": {"due": "0001-01-01T00:00:00Z", "started": "2026-03-01T00:00:00Z", "status": "lost"}},
            "0001-01-01T00:00:00+00:00 cannot be one of its times",
        ),
    ],
)
def test_a_record_with_a_time_that_cannot_be_is_told(project: Project, changes: dict[str, Any], told: str) -> None:
    file = project.schedule(start=now() + timedelta(days=1))
    project.run(file, "--once")
    record = project.folder / ".penstock/schedules/often.json"
    record.write_text(json.dumps(project.record() | changes))
    for options in (["--once"], ["--list"], []):
        done = project.run(file, *options)
        assert (done.returncode, done.stderr) == (1, f"{record} cannot be read ({told}); remove it to begin anew\n")


def test_years_without_penstock_are_counted_up_to_a_bound(project: Project) -> None:
    minute = (now() + timedelta(minutes=30)).minute  # so that none is due while this test looks
    file = project.schedule(trigger=f'type: cron, expression: "{minute} * * * *", start_time: "2000-01-01T00:00:00"')
    project.run(file, "--once")
    project.was_off(timedelta(days=1500))
    [listed] = json.loads(project.run(file, "--list", "--format", "json").stdout)
    assert listed["missed"] == 10_001
    service = project.start(file, "--until", (now() + timedelta(seconds=1)).isoformat())
    said = service.communicate(timeout=30)[1]
    assert service.returncode == 0, said
    assert "often: more than 10000 fires were missed since " in said
    assert "; it stands for at least 10000 missed before it" in said
    assert project.record()["last"]["missed"] == 10_000
    assert len(project.words()) == 1


def test_ended_processes_leave_nothing_running(project: Project) -> None:
    service = project.start(project.schedule(nap=60))
    wait_for(lambda: any(project.folder.glob(".penstock/runs/*/nodes/say/attempt-1/outputs/said/word.txt")))
    service.send_signal(signal.SIGTERM)
    service.communicate(timeout=30)
    folder = str(project.folder).encode()
    assert [process for process in Path("/proc").iterdir() if folder in _environment(process)] == []


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
