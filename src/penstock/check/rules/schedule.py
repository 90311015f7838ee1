"""PS93x and PS95x: schedules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.check.time_zones import TIME_ZONES
from penstock.spec.finding import close_match
from penstock.spec.schedule import PATTERN_KEYS
from penstock.spec.source import Mapping, Scalar, Sequence, scalar_text

# "Schedule machine learning pipeline jobs", cron expressions: the day of the month and the month are ignored.
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 6))
_IGNORED = ("day of the month", "month")
_PART = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_LISTED = {name.lower() for name in TIME_ZONES}
_CITY = re.compile(r"[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_+-]+\d*)+")  # as in the IANA list: Europe/Berlin


def _trigger(subject: Subject) -> Mapping | None:
    return subject.root.mapping("trigger") if subject.kind.family == "schedule" else None


@rule("PS931", "The job that a schedule starts does not exist")
def no_job(subject: Subject) -> Iterator[Told]:
    if subject.kind.family != "schedule":
        return
    created = subject.root.get("create_job")
    job = created.get("job") if isinstance(created, Mapping) else created
    for what, named in (("job", job), ("data import", subject.root.get("import_data"))):
        if not isinstance(named, Scalar) or named.value is None:
            continue
        path = scalar_text(named).removeprefix("file:")
        if not path.startswith("azureml:") and not subject.files.is_file(subject.folder / Path(path)):
            fix = "Paths count from the schedule's folder."
            yield Told(f"the {what} file '{path}' does not exist.", named.place, fix)


@rule("PS932", "A cron expression that is none")
def bad_cron(subject: Subject) -> Iterator[Told]:
    trigger = _trigger(subject)
    expression = trigger.get("expression") if trigger is not None else None
    if isinstance(expression, Scalar) and expression.value is not None:
        problem = cron_problem(scalar_text(expression))
        if problem:
            yield Told(f"'{scalar_text(expression)}' is no cron expression: {problem}.", expression.place)


def cron_problem(expression: str) -> str | None:
    """What is wrong with a five-field cron expression of numbers, days, `*`, `,`, `-`, `/`; None if nothing is."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        return f"it has {len(fields)} fields, not five (minute, hour, day of the month, month, day of the week)"
    for field, (name, low, high) in zip(fields, _FIELDS, strict=True):
        text = _with_numbers(field) if name == "day of the week" else field
        for part in text.split(",") if name not in _IGNORED else ():
            match = _PART.fullmatch(part)
            if match is None:
                return f"'{part}' is no {name}"
            numbers = [int(number) for number in match.groups()[:2] if number is not None]
            if any(not low <= number <= high for number in numbers):
                return f"the {name} '{part}' is not within {low} to {high}"
            if match.group(3) == "0":
                return f"the {name} '{part}' has a step of 0"
    return None


def _with_numbers(field: str) -> str:
    """The days of the week by number; Azure takes their names too, in full or the first letters."""

    def number(match: re.Match[str]) -> str:
        word = match.group().lower()
        found = [str(index) for index, day in enumerate(_DAYS) if len(word) >= 3 and day.startswith(word)]
        return found[0] if found else match.group()

    return re.sub(r"[A-Za-z]+", number, field)


@rule("PS934", "A day of the month or a month in a cron expression", "warning")
def ignored_field(subject: Subject) -> Iterator[Told]:
    trigger = _trigger(subject)
    expression = trigger.get("expression") if trigger is not None else None
    fields = scalar_text(expression).split() if isinstance(expression, Scalar) and expression.value is not None else []
    if expression is None or len(fields) != len(_FIELDS):
        return
    for field, (name, _, _) in zip(fields, _FIELDS, strict=True):
        if name in _IGNORED and field != "*":
            message = f"Azure ignores the {name}, which is '{field}': the schedule fires as if it were *."
            yield Told(message, expression.place, "Use a recurrence with month_days: for days of the month.")
            return


@rule("PS933", "A schedule that ends before it starts")
def ends_first(subject: Subject) -> Iterator[Told]:
    trigger = _trigger(subject)
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


def _zone(subject: Subject) -> Scalar | None:
    """The time zone, if it is not one of Azure's list."""
    trigger = _trigger(subject)
    zone = trigger.get("time_zone") if trigger is not None else None
    if not isinstance(zone, Scalar) or not isinstance(zone.value, str):
        return None
    return zone if zone.value.strip().lower() not in _LISTED else None


@rule("PS930", "A time zone by its city", "warning")
def city(subject: Subject) -> Iterator[Told]:
    zone = _zone(subject)
    if zone is not None and _CITY.fullmatch(scalar_text(zone)):
        message = f"Azure's list of time zones has no '{scalar_text(zone)}': it names them as Windows does."
        yield Told(message, zone.place, "Write W. Europe Standard Time, for example, or UTC.")


@rule("PS935", "A time zone that does not exist")
def unknown_zone(subject: Subject) -> Iterator[Told]:
    zone = _zone(subject)
    if zone is not None and not _CITY.fullmatch(scalar_text(zone)):
        known = close_match(scalar_text(zone), TIME_ZONES)
        fix = f"Did you mean '{known}'?" if known else "Write UTC, or W. Europe Standard Time, for example."
        yield Told(f"there is no time zone '{scalar_text(zone)}'.", zone.place, fix)


_RECURRENCE = (("hours", 0, 23), ("minutes", 0, 59), ("month_days", 1, 31))


@rule("PS938", "A recurrence that no clock or calendar has")
def bad_recurrence(subject: Subject) -> Iterator[Told]:
    trigger = _trigger(subject)
    if trigger is None or trigger.text("type") != "recurrence":
        return
    interval = trigger.get("interval")
    if isinstance(interval, Scalar) and _is_whole(interval) and interval.value < 1:
        yield Told(f"the interval must be at least 1, not {interval.text}.", interval.place)
    pattern = trigger.mapping("schedule")
    for key, low, high in _RECURRENCE if pattern is not None else ():
        node = pattern.get(key) if pattern is not None else None
        for item in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(item, Scalar) and _is_whole(item) and not low <= item.value <= high:
                yield Told(f"{key} must be within {low} to {high}, not {item.text}.", item.place)


def _is_whole(node: Scalar) -> bool:
    return isinstance(node.value, int) and not isinstance(node.value, bool)


@rule("PS950", "An offset in a schedule's time, which Azure's client leaves out", "warning")
def left_out_offset(subject: Subject) -> Iterator[Told]:
    trigger = _trigger(subject)
    for key in ("start_time", "end_time") if trigger is not None else ():
        node = trigger.get(key) if trigger is not None else None
        moment = _time(node)
        if trigger is None or not isinstance(node, Scalar) or moment is None or moment.tzinfo is None:
            continue
        zone = (trigger.text("time_zone") or "UTC").strip()
        if zone.upper() != "UTC" or moment.utcoffset():
            local = moment.replace(tzinfo=None).isoformat(" ", "minutes")
            message = f"Azure's client leaves the offset out: it is {local} in {zone} there."
            yield Told(message, node.place, "Write the time without an offset, as the clock of the time_zone shows it.")


@rule("PS951", "A part of a recurrence that its frequency does not use", "warning")
def unused_part(subject: Subject) -> Iterator[Told]:
    trigger = _trigger(subject)
    pattern = trigger.mapping("schedule") if trigger is not None else None
    frequency = (trigger.text("frequency") or "").lower() if trigger is not None else ""
    for entry in (pattern or ()) if frequency in PATTERN_KEYS else ():
        key = entry.key.text
        fitting = [each for each, keys in PATTERN_KEYS.items() if key in keys]
        if fitting and frequency not in fitting:
            message = f"'{key}' is not documented for a recurrence by {frequency}."
            yield Told(message, entry.key.place, f"Take it out, or write frequency: {' or '.join(fitting)}.")


@rule("PS952", "A range in a cron expression that ends before it begins", "warning")
def backward_range(subject: Subject) -> Iterator[Told]:
    trigger = _trigger(subject)
    expression = trigger.get("expression") if trigger is not None else None
    fields = scalar_text(expression).split() if isinstance(expression, Scalar) and expression.value is not None else []
    if expression is None or len(fields) != len(_FIELDS):
        return
    for field, (name, _, _) in zip(fields, _FIELDS, strict=True):
        for part in _with_numbers(field).split(",") if name not in _IGNORED else ():
            match = _PART.fullmatch(part)
            first, last = (match.group(1), match.group(2)) if match is not None else (None, None)
            if first is not None and last is not None and int(last) < int(first):
                message = f"the {name} '{part}' does not go over the end: Azure reads it as {last}-{first}."
                yield Told(message, expression.place, "Write two parts: 22-23,0-4 for the hours from 22 to 4.")
