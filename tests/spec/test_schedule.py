"""A schedule's YAML as values, and what keeps it from being carried out."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from penstock.spec.schedule import Cron, Recurrence, Schedule, read_schedule
from penstock.spec.source import Mapping, parse

FILE = Path("jobs") / "nightly.yml"
NIGHTLY = """\
name: nightly
trigger: {type: cron, expression: "15 3 * * 1-5", time_zone: W. Europe Standard Time, start_time: "2026-01-05T00:00:00"}
create_job: ./job.yml
"""


def read(text: str) -> Schedule:
    root = parse(text, str(FILE)).root
    assert isinstance(root, Mapping)
    schedule, findings = read_schedule(root, FILE)
    assert schedule is not None, findings
    return schedule


def refused(text: str) -> list[str]:
    root = parse(text, str(FILE)).root
    assert isinstance(root, Mapping)
    schedule, findings = read_schedule(root, FILE)
    assert schedule is None
    return [str(finding) for finding in findings]


def test_a_schedule() -> None:
    schedule = read(NIGHTLY)
    assert (schedule.name, schedule.zone) == ("nightly", "W. Europe Standard Time")
    assert schedule.trigger == Cron((15,), (3,), (0, 1, 2, 3, 4))
    assert schedule.start == datetime.fromisoformat("2026-01-05T00:00:00")
    assert schedule.end is None
    assert schedule.job == Path("jobs/job.yml")
    assert schedule.changes == {}


@pytest.mark.parametrize(
    ("expression", "minutes", "hours", "days"),
    [
        ("*/20 3,4 * * *", (0, 20, 40), (3, 4), tuple(range(7))),
        ("5/25 0-6/3 1 JAN mon-Wednesday", (5, 30, 55), (0, 3, 6), (0, 1, 2)),
        ("0 22-20 * * 0,6", (0,), (20, 21, 22), (5, 6)),
        ("59 23 L * Sun", (59,), (23,), (6,)),
    ],
)
def test_cron_expressions(
    expression: str, minutes: tuple[int, ...], hours: tuple[int, ...], days: tuple[int, ...]
) -> None:
    """0 is Sunday in the expression and 6 in the value; the day of the month and the month are as good as not there."""
    assert read(NIGHTLY.replace("15 3 * * 1-5", expression)).trigger == Cron(minutes, hours, days)


RECURRENCES = {
    "type: recurrence, frequency: hour, interval: 6": Recurrence("hour", 6),
    "type: Recurrence, frequency: Day, interval: 1, schedule: {hours: 4, minutes: [30, 0]}": Recurrence(
        "day", 1, (4,), (0, 30)
    ),
    "type: recurrence, frequency: week, interval: 2, schedule: {hours: [4], minutes: 0, week_days: Friday}": Recurrence(
        "week", 2, (4,), (0,), (4,)
    ),
    "type: recurrence, frequency: month, interval: 1, schedule: {hours: 4, minutes: 0, month_days: [1, 9]}": Recurrence(
        "month", 1, (4,), (0,), (), (1, 9)
    ),
}


@pytest.mark.parametrize("trigger", RECURRENCES)
def test_recurrences(trigger: str) -> None:
    assert read(f"name: n\ntrigger: {{{trigger}}}\ncreate_job: file:./job.yml\n").trigger == RECURRENCES[trigger]


def test_what_create_job_changes_is_what_set_takes() -> None:
    text = NIGHTLY.replace(
        "./job.yml",
        """
  type: pipeline
  job: ./job.yml
  experiment_name: nightly
  inputs: {rate: 0.1, word: "a: b", data: {type: uri_file, path: ./x.csv}, none: null}
  settings: {continue_on_step_failure: false}
  tags: {}
""",
    )
    assert read(text).changes == {
        "experiment_name": '"nightly"',
        "inputs.rate": "0.1",
        "inputs.word": '"a: b"',
        "inputs.data.type": '"uri_file"',
        "inputs.data.path": '"./x.csv"',
        "inputs.none": "null",
        "settings.continue_on_step_failure": "false",
    }


WRONG = [
    ("name: nightly", "title: x", "jobs/nightly.yml:1:1: error PR130: a schedule needs a 'name'. Write letters"),
    ("name: nightly", "name: ../x", "jobs/nightly.yml:1:1: error PR130: '../x' is no name for a schedule"),
    ("type: cron", "type: event", "2:11: error PR130: a schedule needs a 'trigger' of type cron or recurrence."),
    ("15 3 * * 1-5", "15 3", "an 'expression' of five fields. Write \"15 3 * * 1-5\": minute, hour"),
    ("15 3 * * 1-5", "15 24 * * *", "'15 24 * * *' is no cron expression: '24' is not within 0 to 23."),
    ("15 3 * * 1-5", "15 3 * * mo", "is no cron expression: 'mo' is none of its parts."),
    ("15 3 * * 1-5", "*/0 3 * * *", "'*/0' is not within 0 to 59"),
    ("2026-01-05T00:00:00", "soon", "2:99: error PR130: 'soon' is no date and time. Write \"2026-01-05T03:15:00\""),
    ("./job.yml", "azureml:retrain", "3:13: error PR130: the job 'azureml:retrain' is known only to Azure."),
    ("./job.yml", "{type: pipeline}", "3:1: error PR130: a schedule starts a job from a file. Write create_job:"),
]


@pytest.mark.parametrize(("old", "new", "told"), WRONG)
def test_what_is_refused(old: str, new: str, told: str) -> None:
    [line] = refused(NIGHTLY.replace(old, new))
    assert told in line


RECURRENCE = (
    "name: n\ntrigger: {type: recurrence, frequency: day, interval: 1, schedule: {hours: 4}}\ncreate_job: j.yml\n"
)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("frequency: day", "frequency: year", "needs a 'frequency': minute, hour, day, week or month."),
        ("interval: 1", "interval: 0", "needs an 'interval', a whole number of at least 1."),
        ("interval: 1, ", "", "needs an 'interval'"),
        ("hours: 4", "hours: [4, 24]", "2:80: error PR130: hours are whole numbers within 0 to 23, not 24."),
        ("frequency: day", "frequency: hour", "'hours' means nothing for a recurrence by hour; Azure documents it"),
        ("hours: 4", "week_days: monday", "Take it out, or write frequency: week or month."),
        ("hours: 4", "weekdays: monday", "'weekdays' means nothing for a recurrence by day"),
        ("day, interval: 1, schedule: {hours: 4", "week, interval: 1, schedule: {week_days: mon", "no day of the week"),
    ],
)
def test_what_is_refused_of_a_recurrence(old: str, new: str, told: str) -> None:
    [line] = refused(RECURRENCE.replace(old, new))
    assert told in line


def test_all_faults_are_told_at_once() -> None:
    text = (
        NIGHTLY.replace("nightly", "../x", 1).replace("1-5", "8").replace("2026-01", "26-1").replace("./", "azureml:")
    )
    assert len(refused(text)) == 4
