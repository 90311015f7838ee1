"""A schedule YAML as values: when it fires, and which job it starts with what changed.

It reads what `az ml schedule create -f` reads ("CLI (v2) job schedule YAML schema",
learn.microsoft.com/azure/machine-learning/reference-yaml-schedule). What is wrong with the file as such, an unknown key
say, is for `penstock.check` to tell; here is told what keeps a schedule from being carried out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal, cast

from msgspec import Struct

from penstock.spec.finding import Finding
from penstock.spec.place import Place
from penstock.spec.source import Mapping, Node, Scalar, Sequence, plain, scalar_text

Frequency = Literal["minute", "hour", "day", "week", "month"]
WEEK_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# "Schedule machine learning pipeline jobs": what a recurrence's `schedule:` may hold, by frequency.
PATTERN_KEYS: dict[str, tuple[str, ...]] = {
    "minute": (),
    "hour": (),
    "day": ("hours", "minutes"),
    "week": ("hours", "minutes", "week_days"),
    "month": ("hours", "minutes", "week_days", "month_days"),
}
REFUSED = "PR130"  # as the refusals of `penstock.plan.refusals`: no rule of `penstock check`
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_CRON_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_PART = re.compile(r"(?:(\*)|(\d+)(?:-(\d+))?)(?:/(\d+))?")


class Cron(Struct, frozen=True):
    """The minutes, hours and days of the week (0: Monday) that a cron expression names.

    The days of the month and the months are not kept: Azure ignores them ("Schedule machine learning pipeline jobs",
    Limitations). `penstock check` tells of them (PS934).
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    week_days: tuple[int, ...]


class Recurrence(Struct, frozen=True):
    """Every `interval` minutes, hours, days, weeks or months; at the times of the pattern, if it has one.

    `week_days` count from Monday, 0. Without a pattern all four are empty, and the start says the rest.
    """

    frequency: Frequency
    interval: int
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    week_days: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()

    @property
    def has_pattern(self) -> bool:
        return bool(self.hours or self.minutes or self.week_days or self.month_days)


class Schedule(Struct, frozen=True):
    """A schedule. `start` and `end` are as they were written; without an offset they count in the zone.

    `job` is the path of the job's YAML; `changes` are what `create_job` changes in it, as `--set` takes them: dotted
    path -> value, in JSON. As with Azure's client, paths in the changes count from the job's folder.
    """

    name: str
    file: Path
    trigger: Cron | Recurrence
    zone: str
    zone_place: Place
    start: datetime | None
    start_place: Place
    end: datetime | None
    end_place: Place
    job: Path
    changes: dict[str, str]


class _FaultError(Exception):
    def __init__(self, message: str, place: Place, fix: str = "") -> None:
        super().__init__(message)
        self.finding = Finding(REFUSED, "error", message, place, fix)


def read_schedule(root: Mapping, file: Path) -> tuple[Schedule | None, tuple[Finding, ...]]:
    """The schedule; or None and all that keeps it from being carried out on this machine."""
    faults: list[Finding] = []
    reader = _Reader(root, file)
    values: dict[str, object] = {}
    for part in (reader.name, reader.trigger, reader.times, reader.job):
        try:
            values |= part()
        except _FaultError as fault:
            faults.append(fault.finding)
    if faults:
        return None, tuple(faults)
    return Schedule(file=file, **values), ()  # type: ignore[arg-type]  # each part gives the fields that bear its types


class _Reader(Struct):
    """Reads one schedule; each method the part of the same name, as fields of `Schedule`."""

    root: Mapping
    file: Path

    def name(self) -> dict[str, object]:
        name = self.root.text("name")
        if name is None or not _NAME.fullmatch(name):
            message = "a schedule needs a 'name'" if name is None else f"'{name}' is no name for a schedule"
            raise _FaultError(f"{message}.", self.root.key_place("name"), "Write letters, digits, '_', '-' and '.'.")
        return {"name": name}

    def trigger(self) -> dict[str, object]:
        trigger = self.root.mapping("trigger")
        kind = (trigger.text("type") or "").lower() if trigger is not None else ""
        if trigger is None or kind not in ("cron", "recurrence"):
            message = "a schedule needs a 'trigger' of type cron or recurrence."
            raise _FaultError(message, (trigger or self.root).key_place("type" if trigger is not None else "trigger"))
        return {"trigger": _cron(trigger) if kind == "cron" else _recurrence(trigger)}

    def times(self) -> dict[str, object]:
        trigger = self.root.mapping("trigger") or Mapping(self.root.place, {})
        found: dict[str, object] = {
            "zone": (trigger.text("time_zone") or "UTC").strip(),
            "zone_place": _value_place(trigger, "time_zone"),
        }
        for field, key in (("start", "start_time"), ("end", "end_time")):
            found |= {field: _time(trigger, key), f"{field}_place": _value_place(trigger, key)}
        return found

    def job(self) -> dict[str, object]:
        """The job's file, and what `create_job` changes in it: all of its keys but `job` and `type`."""
        created = self.root.get("create_job")
        place = self.root.key_place("create_job")
        named = created.get("job") if isinstance(created, Mapping) else created
        if not isinstance(named, Scalar) or not isinstance(named.value, str):
            fix = "Write create_job: ./pipeline.yml, or {type: pipeline, job: ./pipeline.yml}."
            raise _FaultError("a schedule starts a job from a file.", place, fix)
        if named.value.startswith("azureml:"):
            fix = "Name the job's YAML file."
            raise _FaultError(f"the job '{named.value}' is known only to Azure.", named.place, fix)
        entries = created if isinstance(created, Mapping) else ()
        changed = [entry for entry in entries if entry.key.text not in ("job", "type")]
        changes = {path: text for entry in changed for path, text in _leaves(entry.key.text, entry.value)}
        return {"job": self.file.parent / named.value.removeprefix("file:"), "changes": changes}


def _leaves(path: str, node: Node) -> Iterator[tuple[str, str]]:
    """Dotted paths of what a mapping sets, the values in JSON: Azure's client merges mappings key by key.

    An empty mapping changes nothing.
    """
    if isinstance(node, Mapping):
        for entry in node:
            yield from _leaves(f"{path}.{entry.key.text}", entry.value)
    else:
        yield path, json.dumps(plain(node), default=str, ensure_ascii=False)


def _cron(trigger: Mapping) -> Cron:
    expression = trigger.text("expression")
    fields = expression.split() if expression is not None else []
    if len(fields) != 5:
        fix = 'Write "15 3 * * 1-5": minute, hour, day of the month, month, day of the week.'
        raise _FaultError(
            "a cron trigger needs an 'expression' of five fields.", _value_place(trigger, "expression"), fix
        )
    try:
        days = _numbers(_with_numbers(fields[4]), 0, 6)
        return Cron(_numbers(fields[0], 0, 59), _numbers(fields[1], 0, 23), tuple(sorted((d - 1) % 7 for d in days)))
    except ValueError as error:
        message = f"'{expression}' is no cron expression: {error}."
        raise _FaultError(message, _value_place(trigger, "expression")) from None


def _numbers(field: str, low: int, high: int) -> tuple[int, ...]:
    """The numbers of a field with `*`, `,`, `-` and `/`: `1-5`, `*/15`, `3/10` (from 3 on). Raises ValueError.

    Of a range that ends before it begins the ends are exchanged, as NCrontab does (github.com/atifaziz/NCrontab,
    CrontabField.Accumulate), which Azure's pages refer to: the hours 22-4 are those from 4 to 22.
    """
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"'{part}' is none of its parts")
        every, first, last, step = match.groups()
        begin = low if every else int(first)
        end = int(last) if last else high if every or step else begin
        begin, end = min(begin, end), max(begin, end)
        if begin < low or end > high or step == "0":
            raise ValueError(f"'{part}' is not within {low} to {high}")
        found.update(range(begin, end + 1, int(step or 1)))
    return tuple(sorted(found))


def _with_numbers(field: str) -> str:
    """The days of the week by number; Azure takes their names, in full or the first letters."""

    def number(match: re.Match[str]) -> str:
        word = match.group().lower()
        found = [str(index) for index, day in enumerate(_CRON_DAYS) if len(word) >= 3 and day.startswith(word)]
        return found[0] if found else match.group()

    return re.sub(r"[A-Za-z]+", number, field)


def _recurrence(trigger: Mapping) -> Recurrence:
    frequency, interval = (trigger.text("frequency") or "").lower(), trigger.get("interval")
    if frequency not in PATTERN_KEYS:
        message = "a recurrence needs a 'frequency': minute, hour, day, week or month."
        raise _FaultError(message, _value_place(trigger, "frequency"))
    if not isinstance(interval, Scalar) or type(interval.value) is not int or interval.value < 1:
        message = "a recurrence needs an 'interval', a whole number of at least 1."
        raise _FaultError(message, _value_place(trigger, "interval"))
    pattern = trigger.mapping("schedule") or Mapping(trigger.place, {})
    for entry in pattern:
        if entry.key.text not in PATTERN_KEYS[frequency]:
            message = (
                f"'{entry.key.text}' means nothing for a recurrence by {frequency}; Azure documents it for others."
            )
            raise _FaultError(message, entry.key.place, _fitting(entry.key.text))
    return Recurrence(
        cast("Frequency", frequency),
        interval.value,
        hours=_within(pattern, "hours", 0, 23),
        minutes=_within(pattern, "minutes", 0, 59),
        week_days=tuple(sorted({_week_day(item) for item in _items(pattern, "week_days")})),
        month_days=_within(pattern, "month_days", 1, 31),
    )


def _fitting(key: str) -> str:
    fitting = [frequency for frequency, keys in PATTERN_KEYS.items() if key in keys]
    return f"Take it out, or write frequency: {' or '.join(fitting)}." if fitting else "Take it out."


def _within(pattern: Mapping, key: str, low: int, high: int) -> tuple[int, ...]:
    found = set()
    for item in _items(pattern, key):
        if type(item.value) is not int or not low <= item.value <= high:
            raise _FaultError(f"{key} are whole numbers within {low} to {high}, not {item.text}.", item.place)
        found.add(item.value)
    return tuple(sorted(found))


def _items(pattern: Mapping, key: str) -> list[Scalar]:
    """The values of a key that takes one or a list."""
    node = pattern.get(key)
    nodes = node.items if isinstance(node, Sequence) else (node,)
    return [item for item in nodes if isinstance(item, Scalar) and item.value is not None]


def _week_day(item: Scalar) -> int:
    name = scalar_text(item).lower()
    if name not in WEEK_DAYS:
        raise _FaultError(f"'{scalar_text(item)}' is no day of the week.", item.place, "Write monday, for example.")
    return WEEK_DAYS.index(name)


def _time(trigger: Mapping, key: str) -> datetime | None:
    text = trigger.text(key)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        fix = 'Write "2026-01-05T03:15:00", in quotes.'
        raise _FaultError(f"'{text}' is no date and time.", _value_place(trigger, key), fix) from None


def _value_place(mapping: Mapping, key: str) -> Place:
    node = mapping.get(key)
    return node.place if node is not None else mapping.place
