"""PS93x: schedules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.spec.source import Mapping, Scalar, scalar_text

# minute, hour, day of month, month, day of week: "Schedule machine learning pipeline jobs", cron expressions
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 6))
_PART = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")


@rule("PS931", "The job that a schedule starts does not exist")
def no_job(subject: Subject) -> Iterator[Told]:
    if subject.kind.family != "schedule":
        return
    created = subject.root.get("create_job")
    job = created.get("job") if isinstance(created, Mapping) else created
    if not isinstance(job, Scalar) or job.value is None:
        return
    path = scalar_text(job).removeprefix("file:")
    if path.startswith("azureml:") or subject.files.is_file(subject.folder / Path(path)):
        return
    yield Told(f"the job file '{path}' does not exist.", job.place, "Paths count from the schedule's folder.")


@rule("PS932", "A cron expression that is none")
def bad_cron(subject: Subject) -> Iterator[Told]:
    trigger = subject.root.mapping("trigger") if subject.kind.family == "schedule" else None
    expression = trigger.get("expression") if trigger is not None else None
    if isinstance(expression, Scalar) and expression.value is not None:
        problem = cron_problem(scalar_text(expression))
        if problem:
            yield Told(f"'{scalar_text(expression)}' is no cron expression: {problem}.", expression.place)


def cron_problem(expression: str) -> str | None:
    """What is wrong with a five-field cron expression of numbers, `*`, `,`, `-` and `/`; None if nothing is."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        return f"it has {len(fields)} fields, not five (minute, hour, day of the month, month, day of the week)"
    for field, (name, low, high) in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            match = _PART.fullmatch(part)
            if match is None:
                return f"'{part}' is no {name}"
            numbers = [int(number) for number in match.groups()[:2] if number is not None]
            if any(not low <= number <= high for number in numbers) or numbers != sorted(numbers):
                return f"the {name} '{part}' is not within {low} to {high}"
            if match.group(3) == "0":
                return f"the {name} '{part}' has a step of 0"
    return None


@rule("PS933", "A schedule that ends before it starts")
def ends_first(subject: Subject) -> Iterator[Told]:
    trigger = subject.root.mapping("trigger") if subject.kind.family == "schedule" else None
    if trigger is None:
        return
    start, end = _time(trigger.get("start_time")), _time(trigger.get("end_time"))
    if start is not None and end is not None and (start.tzinfo is None) == (end.tzinfo is None) and end <= start:
        yield Told(f"it ends at {end:%Y-%m-%d %H:%M}, before it starts.", trigger.key_place("end_time"))


def _time(node: object) -> datetime | None:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
