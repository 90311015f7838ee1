"""When a schedule fires.

Azure's rules, from "CLI (v2) job schedule YAML schema" and "Schedule machine learning pipeline jobs" (both at
learn.microsoft.com/azure/machine-learning: reference-yaml-schedule, how-to-schedule-pipeline-job):

- a cron expression fires at its minutes and hours on its days of the week; days of the month and months count as `*`;
- a recurrence fires every `interval` of its `frequency`; without a pattern from the start on, with one at the pattern's
  times, of which missing hours and minutes are those of the start;
- a month without a 30th or 31st is left out;
- nothing fires before `start_time` or after `end_time`; if the start has passed, the next time that the rule gives is
  the first one. Without a start it is the moment at which the schedule was made.

The pages are silent about clocks that are put forward or back. Here: minutes and hours without a pattern are elapsed
time. All else goes by the clock of the zone: a time that the clock skips fires as much later as the clock was put
forward, a time that it shows twice fires the first time (PEP 495, fold=0). And weeks begin on Monday (RFC 5545's WKST).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from itertools import groupby, islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from msgspec import Struct

from penstock.errors import DefinitionError
from penstock.schedule.zones import zone_of
from penstock.spec.place import Place
from penstock.spec.schedule import Cron, Recurrence, Schedule

if TYPE_CHECKING:
    from dateutil.rrule import rrule

_ELAPSED = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
MOST_COUNTED = 10_000
"""Fires that were missed are counted up to this many: of a year's minutes there are half a million."""


class Passed(Struct, frozen=True):
    """Fires that have come: the last one, and how many there are. `count` is MOST_COUNTED + 1 if there are more."""

    last: datetime
    count: int


class Timetable(Struct, frozen=True):
    """The moments at which a trigger fires: from `start` on, until `end` if there is one, both inclusive and aware.

    `start` has whole seconds.
    """

    trigger: Cron | Recurrence
    zone: ZoneInfo
    start: datetime
    end: datetime | None = None

    def fires(self, after: datetime) -> Iterator[datetime]:
        """The fires later than `after` (aware), in order, in UTC; without an end unless the timetable has one."""
        try:
            for moment in self._moments(max(after, self.start - timedelta(microseconds=1)).astimezone(UTC)):
                if self.end is not None and moment > self.end:
                    return
                yield moment
        except OverflowError:  # the calendar ends with the year 9999
            return

    def next_fire(self, after: datetime) -> datetime | None:
        """The first fire later than `after`, None if there is none."""
        return next(self.fires(after), None)

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """The fires later than `after` and not later than `until`."""
        found = []
        for moment in self.fires(after):
            if moment > until:
                break
            found.append(moment)
        return found

    def last(self, after: datetime, until: datetime) -> datetime | None:
        """The last fire of `between`, None if there is none; however long the time is, only its end is looked at."""
        span = _HOUR
        while after < until:
            begin = max(after, until - span)
            found = self.between(begin, until)
            if found or begin == after:
                return found[-1] if found else None
            span *= 8
        return None

    def passed(self, after: datetime, until: datetime) -> Passed | None:
        """What `between` gives, in short."""
        last = self.last(after, until)
        if last is None:
            return None
        counted = islice(self.fires(after), MOST_COUNTED + 1)
        return Passed(last, sum(1 for moment in counted if moment <= until))

    def next_fires(self, after: datetime, count: int) -> list[datetime]:
        """At most `count` fires later than `after`."""
        return list(islice(self.fires(after), count))

    def _moments(self, after: datetime) -> Iterator[datetime]:
        trigger = self.trigger
        if isinstance(trigger, Recurrence) and trigger.frequency in _ELAPSED and not trigger.has_pattern:
            yield from self._elapsed(_ELAPSED[trigger.frequency] * trigger.interval, after)
            return
        start = self.start.astimezone(self.zone).replace(tzinfo=None)
        from_day = after.astimezone(self.zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0) - _DAY
        last = after
        walls = _rule(trigger, start, from_day).xafter(from_day, inc=True)
        for _, day in groupby(walls, key=datetime.date):  # by day, for a skipped time comes after those that follow it
            for moment in sorted({wall.replace(tzinfo=self.zone).astimezone(UTC) for wall in day}):
                if moment > last:
                    yield moment
                    last = moment

    def _elapsed(self, step: timedelta, after: datetime) -> Iterator[datetime]:
        start = self.start.astimezone(UTC)
        moment = start + max(0, (after - start) // step + 1) * step
        while True:
            yield moment
            moment += step


def _begin(trigger: Cron | Recurrence, start: datetime, from_day: datetime) -> datetime:
    """Where the rule of `start` may begin, for what comes from `from_day` on to be the same: not later than that day.

    dateutil goes through a rule from its beginning: for a start of years ago that takes seconds. The rhythm of the
    interval and the time of day, which a pattern may leave to the start, are kept.
    """
    if from_day - _DAY <= start:
        return start
    if isinstance(trigger, Recurrence) and trigger.frequency == "month":
        near = from_day - _DAY
        months = (near.year - start.year) * 12 + near.month - start.month
        years, month = divmod(start.month - 1 + months // trigger.interval * trigger.interval, 12)
        return max(start, start.replace(year=start.year + years, month=month + 1, day=1))
    step = 1
    if isinstance(trigger, Recurrence):
        step = trigger.interval * (7 if trigger.frequency == "week" else 1)
    return start + (from_day - start).days // step * step * _DAY


def _rule(trigger: Cron | Recurrence, first: datetime, from_day: datetime) -> rrule:
    """RFC 5545's rule over the clock of the zone, from `first` (naive) on; it may lack what is before `from_day`."""
    from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule

    start = _begin(trigger, first, from_day)
    if isinstance(trigger, Cron):
        hours, minutes, days = trigger.hours, trigger.minutes, trigger.week_days
        return rrule(DAILY, dtstart=start, byhour=hours, byminute=minutes, bysecond=0, byweekday=days)
    frequency = {"day": DAILY, "week": WEEKLY, "month": MONTHLY}[trigger.frequency]
    month_days = trigger.month_days
    if trigger.frequency == "month" and not month_days and not trigger.week_days:
        month_days = (first.day,)
    if not trigger.has_pattern:
        return rrule(frequency, dtstart=start, interval=trigger.interval, bymonthday=month_days or None)
    return rrule(
        frequency,
        dtstart=start,
        interval=trigger.interval,
        byhour=trigger.hours or None,
        byminute=trigger.minutes or None,
        bysecond=0,
        byweekday=trigger.week_days or None,
        bymonthday=month_days or None,
    )


def timetable_of(schedule: Schedule, since: datetime) -> Timetable:
    """The timetable of a schedule that was first seen at `since` (aware), which is its start if it names none.

    Raises:
        DefinitionError: the zone is unknown; a time is in the first or the last year that there is; or it has an offset
            other than the zone's, which Azure's client leaves out (azure-ai-ml 1.35: `_format_trigger_time`), so that
            it would be another time there.
    """
    try:
        zone = zone_of(schedule.zone)
    except ValueError as error:
        raise DefinitionError(f"{schedule.zone_place}: {error}") from None
    start = (
        _aware(schedule.start, zone, schedule.start_place)
        if schedule.start is not None
        else since.replace(microsecond=0)
    )
    end = _aware(schedule.end, zone, schedule.end_place) if schedule.end is not None else None
    return Timetable(schedule.trigger, zone, start.replace(microsecond=0), end)


def _aware(moment: datetime, zone: ZoneInfo, place: Place) -> datetime:
    if not MINYEAR < moment.year < MAXYEAR:
        raise DefinitionError(f"{place}: {moment.isoformat()} is at an end of the calendar. Write a year between them")
    local = moment.replace(tzinfo=zone)
    if moment.tzinfo is not None and moment != local:
        raise DefinitionError(
            f"{place}: Azure's client leaves out the offset of {moment.isoformat()}: it would be "
            f"{local.isoformat()} there. Write the time without an offset, in the time_zone of the trigger"
        )
    return local
