# ruff: noqa: DTZ001 - what a clock on a wall shows has no zone
"""The fires of a trigger against an oracle that looks at every minute of the zone's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.check.time_zones import TIME_ZONES
from penstock.schedule import timetable
from penstock.schedule.timetable import MOST_COUNTED, Passed, Timetable, _rule
from penstock.schedule.zones import zone_of
from penstock.spec.schedule import Cron, Frequency, Recurrence

MINUTE = timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")
# Each around a change of the clock: an hour, half an hour, at midnight, a whole day left out, none.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29)),
    ("Europe/Berlin", datetime(2026, 10, 25)),
    ("America/New_York", datetime(2026, 3, 8)),
    ("Australia/Lord_Howe", datetime(2026, 4, 5)),
    ("Australia/Lord_Howe", datetime(2026, 10, 4)),
    ("America/Asuncion", datetime(2023, 10, 1)),
    ("Asia/Kolkata", datetime(2026, 3, 1)),
]


def clock(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Every minute from `begin` to `end` (UTC): what the clock shows, and the moment; skipped times come when shifted.

    A time that is shown twice counts the first time. Nothing here asks zoneinfo about a local time: only about UTC.
    """
    shown: set[datetime] = set()
    before: datetime | None = None
    moment = begin
    while moment <= end:
        wall = moment.astimezone(zone).replace(tzinfo=None)
        if before is not None and wall - before > MINUTE:
            first, skipped = before + MINUTE, wall - before - MINUTE
            for late in range(int(skipped / MINUTE)):
                yield first + late * MINUTE, moment + late * MINUTE
        if wall not in shown:
            shown.add(wall)
            yield wall, moment
        before, moment = wall, moment + MINUTE


def expected(
    trigger: Cron | Recurrence, zone: ZoneInfo, start: datetime, begin: datetime, end: datetime
) -> list[datetime]:
    first = start.astimezone(zone).replace(tzinfo=None)
    # from a day before, so that the clock is seen before it changes
    found = {
        moment
        for wall, moment in clock(zone, begin - timedelta(days=1), end)
        if matches(trigger, first, wall) and moment >= start and begin < moment <= end
    }
    return sorted(found)


def matches(trigger: Cron | Recurrence, first: datetime, wall: datetime) -> bool:
    if isinstance(trigger, Cron):
        on = wall.weekday() in trigger.week_days
        return on and wall.hour in trigger.hours and wall.minute in trigger.minutes
    if wall.hour not in (trigger.hours or [first.hour]) or wall.minute not in (trigger.minutes or [first.minute]):
        return False
    return matches_day(trigger, first.date(), wall.date())


def matches_day(trigger: Recurrence, first: date, day: date) -> bool:
    if trigger.frequency == "day":
        return (day - first).days % trigger.interval == 0
    if trigger.frequency == "week":
        weeks = (monday(day) - monday(first)).days // 7
        return weeks % trigger.interval == 0 and day.weekday() in (trigger.week_days or [first.weekday()])
    months = (day.year - first.year) * 12 + day.month - first.month
    if months % trigger.interval:
        return False
    if not trigger.week_days and not trigger.month_days:
        return day.day == first.day
    fits_week = not trigger.week_days or day.weekday() in trigger.week_days
    return fits_week and (not trigger.month_days or day.day in trigger.month_days)


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def some(low: int, high: int, least: int = 0) -> st.SearchStrategy[tuple[int, ...]]:
    return st.sets(st.integers(low, high), min_size=least, max_size=4).map(lambda found: tuple(sorted(found)))


crons = st.builds(Cron, some(0, 59, 1), some(0, 23, 1) | some(0, 3, 1), some(0, 6, 1))  # clocks change at night


@st.composite
def recurrences(draw: st.DrawFn) -> Recurrence:
    frequency: Frequency = draw(st.sampled_from(("day", "week", "month")))
    return Recurrence(
        frequency,
        draw(st.integers(1, 3)),
        hours=draw(some(0, 23) | some(0, 3)),
        minutes=draw(some(0, 59)),
        week_days=draw(some(0, 6)) if frequency != "day" else (),
        month_days=draw(some(1, 31)) if frequency == "month" else (),
    )


@settings(max_examples=60)
@given(
    trigger=crons | recurrences(),
    change=st.sampled_from(CHANGES),
    days_before=st.integers(0, 45),
    minutes=st.integers(0, 24 * 60),
)
def test_as_somebody_who_watches_the_clock(
    trigger: Cron | Recurrence, change: tuple[str, datetime], days_before: int, minutes: int
) -> None:
    zone, change_day = ZoneInfo(change[0]), change[1].replace(tzinfo=UTC)
    start = change_day - timedelta(days=days_before) + minutes * MINUTE
    begin, end = change_day - timedelta(days=1), change_day + timedelta(days=2)
    assert Timetable(trigger, zone, start).between(begin, end) == expected(trigger, zone, start, begin, end)


@given(
    frequency=st.sampled_from(("minute", "hour")),
    interval=st.integers(1, 100),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda each: each.replace(microsecond=0)),
    late=st.timedeltas(timedelta(0), timedelta(days=400)),
)
def test_minutes_and_hours_are_elapsed_time(
    frequency: Frequency, interval: int, start: datetime, late: timedelta
) -> None:
    begin = start.replace(tzinfo=UTC)
    timetable = Timetable(Recurrence(frequency, interval), ZoneInfo("Europe/Berlin"), begin)
    step = interval * (MINUTE if frequency == "minute" else timedelta(hours=1))
    first, second = timetable.next_fires(begin + late, 2)
    assert second - first == step
    assert (first - begin) % step == timedelta(0)
    assert timedelta(0) < first - (begin + late) <= step


@given(trigger=crons | recurrences(), after=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))
def test_one_fire_after_the_other(trigger: Cron | Recurrence, after: datetime) -> None:
    """Asking for the next one after each gives what the list gives: a restart changes nothing."""
    begin = after.replace(tzinfo=UTC, microsecond=0)
    timetable = Timetable(trigger, ZoneInfo("America/New_York"), datetime(2026, 1, 1, tzinfo=UTC))
    fires = timetable.next_fires(begin, 5)
    assert fires == sorted(set(fires))
    moment = begin
    for fire in fires:
        assert timetable.next_fire(moment) == fire
        moment = fire


@given(
    trigger=crons
    | recurrences()
    | st.builds(Recurrence, st.sampled_from(("day", "week", "month")), st.integers(1, 30)),
    start=st.datetimes(datetime(2018, 1, 1), datetime(2024, 12, 31)).map(lambda each: each.replace(microsecond=0)),
    late=st.timedeltas(timedelta(0), timedelta(days=900)),
)
def test_an_early_start_changes_nothing(trigger: Cron | Recurrence, start: datetime, late: timedelta) -> None:
    """The rule may begin near the moment that is asked for: the same comes of it as from a walk from the start."""
    after = (start + late).replace(hour=0, minute=0, second=0)
    walked = islice(_rule(trigger, start, start).xafter(after, inc=True), 20)
    assert list(islice(_rule(trigger, start, after).xafter(after, inc=True), 20)) == list(walked)


@pytest.mark.parametrize(
    "trigger", [Cron(tuple(range(60)), tuple(range(24)), tuple(range(7))), Recurrence("month", 1, month_days=(31,))]
)
def test_an_early_start_is_not_walked_from(trigger: Cron | Recurrence, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[datetime] = []
    begin = timetable._begin
    monkeypatch.setattr(timetable, "_begin", lambda *asked: begun.append(begin(*asked)) or begun[-1])
    since, after = datetime(2000, 1, 1, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC)
    assert Timetable(trigger, ZoneInfo("UTC"), since).next_fire(after) is not None
    assert after.replace(tzinfo=None) - begun[0] < timedelta(days=60)


@settings(max_examples=60)
@given(
    trigger=crons | recurrences() | st.builds(Recurrence, st.sampled_from(("minute", "hour")), st.integers(1, 5000)),
    late=st.timedeltas(timedelta(0), timedelta(days=70)),
)
def test_what_has_passed_is_the_last_of_what_is_between(trigger: Cron | Recurrence, late: timedelta) -> None:
    after = datetime(2026, 1, 20, 3, 7, tzinfo=UTC)
    tried = Timetable(trigger, BERLIN, datetime(2026, 1, 1, tzinfo=UTC))
    fires = tried.between(after, after + late)
    assert tried.passed(after, after + late) == (
        Passed(fires[-1], min(len(fires), MOST_COUNTED + 1)) if fires else None
    )


def test_fires_are_counted_up_to_a_bound() -> None:
    each = Timetable(Recurrence("minute", 1), BERLIN, datetime(1990, 1, 1, tzinfo=UTC))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert each.passed(datetime(1990, 1, 1, tzinfo=UTC), now) == Passed(now, MOST_COUNTED + 1)


@pytest.mark.parametrize("trigger", [Recurrence("hour", 10**12), Recurrence("day", 10**9), Recurrence("month", 10**6)])
def test_after_the_end_of_the_calendar_nothing_fires(trigger: Recurrence) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert Timetable(trigger, BERLIN, start).next_fire(start) is None
    assert Timetable(Recurrence("day", 1), BERLIN, start).next_fire(datetime(9999, 12, 31, tzinfo=UTC)) is None


def at(*moments: str) -> list[datetime]:
    return [datetime.fromisoformat(moment).astimezone(UTC) for moment in moments]


CASES: dict[str, tuple[Timetable, str, list[datetime]]] = {
    "weekdays at a quarter past three": (
        Timetable(Cron((15,), (3,), (0, 1, 2, 3, 4)), BERLIN, *at("2026-01-01T00:00+01:00")),
        "2026-03-27T04:00+01:00",
        at("2026-03-30T03:15+02:00", "2026-03-31T03:15+02:00"),
    ),
    "a time that the clock skips": (
        Timetable(Cron((30,), (2,), tuple(range(7))), BERLIN, *at("2026-01-01T00:00+01:00")),
        "2026-03-28T12:00+01:00",
        at("2026-03-29T03:30+02:00", "2026-03-30T02:30+02:00"),
    ),
    "a time that the clock shows twice": (
        Timetable(Cron((30,), (2,), tuple(range(7))), BERLIN, *at("2026-01-01T00:00+01:00")),
        "2026-10-24T12:00+02:00",
        at("2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"),
    ),
    "the 31st is left out of short months": (
        Timetable(Recurrence("month", 1, (4,), (0,), month_days=(31,)), BERLIN, *at("2026-01-31T04:00+01:00")),
        "2026-01-31T04:00+01:00",
        at("2026-03-31T04:00+02:00", "2026-05-31T04:00+02:00"),
    ),
    "every second week from the week of the start": (
        Timetable(Recurrence("week", 2, (4,), (30,), (0, 3)), BERLIN, *at("2026-01-07T00:00+01:00")),
        "2026-01-01T00:00+01:00",
        at("2026-01-08T04:30+01:00", "2026-01-19T04:30+01:00"),
    ),
    "days without a pattern keep the time of the start": (
        Timetable(Recurrence("day", 2), BERLIN, *at("2026-03-28T09:30+01:00")),
        "2026-01-01T00:00+01:00",
        at("2026-03-28T09:30+01:00", "2026-03-30T09:30+02:00"),
    ),
    "a start in the past does not move the rhythm": (
        Timetable(Recurrence("hour", 5), BERLIN, *at("2020-01-01T00:00+01:00")),
        "2020-01-02T00:30+01:00",
        at("2020-01-02T01:00+01:00", "2020-01-02T06:00+01:00"),
    ),
    "the end itself is still a fire": (
        Timetable(Recurrence("day", 1), BERLIN, *at("2026-01-01T00:00+01:00", "2026-01-02T00:00+01:00")),
        "2025-12-31T00:00+01:00",
        at("2026-01-01T00:00+01:00", "2026-01-02T00:00+01:00"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_by_hand(case: str) -> None:
    timetable, after, fires = CASES[case]
    assert timetable.next_fires(datetime.fromisoformat(after), 2) == fires


def test_a_timetable_that_has_ended_has_no_next_fire() -> None:
    timetable = CASES["the end itself is still a fire"][0]
    assert timetable.next_fire(datetime(2026, 1, 2, tzinfo=UTC)) is None


# --- zones ----------------------------------------------------------------------------------------------------------


def test_every_zone_that_azure_takes_is_known() -> None:
    assert {name for name in TIME_ZONES if zone_of(name).key} == set(TIME_ZONES)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("w. europe standard time", "Europe/Berlin"),
        ("Pacific Standard Time", "America/Los_Angeles"),
        ("UTC", "Etc/UTC"),
        ("UTC-02", "Etc/GMT+2"),
        ("India Standard Time", "Asia/Kolkata"),
        ("Europe/Paris", "Europe/Paris"),
    ],
)
def test_a_zone_by_its_windows_name(name: str, key: str) -> None:
    moment = datetime(2026, 7, 1, 12)
    assert moment.replace(tzinfo=zone_of(name)).utcoffset() == moment.replace(tzinfo=ZoneInfo(key)).utcoffset()


@pytest.mark.parametrize("name", ["CEST", "W. Europe", "", "../../etc/passwd", "Europe"])
def test_an_unknown_zone(name: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone"):
        zone_of(name)
