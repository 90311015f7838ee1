"""The process that carries out schedules: APScheduler waits, `fire` does what is due.

What survives a restart is the record of each schedule, not APScheduler's own store: it holds only up to when the fires
are dealt with, which is all that is needed, and anybody can read it.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.errors import RunError
from penstock.schedule.fire import Planned, now
from penstock.schedule.timetable import MOST_COUNTED
from penstock.store.schedules import Fire

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

Tell = Callable[[str], None]
_LOOK_S = 0.2
_HEARTBEAT = timedelta(
    minutes=1
)  # a sleeping laptop stops the clock that threads wait by: look at the real one this often
CANCELED = 130


def run_once(held: Sequence[tuple[Planned, int]], tell: Tell) -> tuple[list[tuple[Planned, Fire]], int]:
    """Carry out what is due, one schedule after the other.

    Gives the fires, and the exit code: 0, 1 if a run failed or was refused, 130 after a signal. `held`: schedules with
    the descriptor of their locks.
    """
    fires = []
    with _signals() as signals:
        for planned, lock in held:
            fire = _watched(planned, lock, signals)
            if fire is None:
                tell(f"{planned.schedule.name}: nothing is due; {_next(planned)}")
            else:
                fires.append((planned, fire))
                tell(f"{planned.schedule.name}: {planned.told(fire)}")
            if signals.came:
                return fires, CANCELED
    return fires, int(any(fire.status != "completed" for _, fire in fires))


def _watched(planned: Planned, lock: int, signals: _Signals) -> Fire | None:
    """Fire while this thread, which gets the signals, looks at them."""
    with ThreadPoolExecutor(1) as pool:
        firing = pool.submit(planned.fire, lock)
        while not wait([firing], _LOOK_S).done:
            if signals.came:
                planned.stop()
                break
        return firing.result()


def serve(held: Sequence[tuple[Planned, int]], until: datetime | None, tell: Tell) -> int:
    """Carry out schedules until they have all ended, until `until` (aware), or until SIGINT or SIGTERM.

    A signal ends the runs that go on (130); at the other ends they are waited for (0). A fire that comes while the run
    of the one before goes on is left out; fires that were missed before the start are made up for by one run.
    """
    from apscheduler.events import EVENT_JOB_MAX_INSTANCES

    by_name = {planned.schedule.name: planned for planned, _ in held}
    with _signals() as signals, _scheduler(len(held)) as scheduler:
        scheduler.add_listener(lambda event: _drop(by_name[event.job_id], event, tell), EVENT_JOB_MAX_INSTANCES)
        for planned, lock in held:
            tell(f"{planned.schedule.name}: {_next(planned)}")
            _add(scheduler, planned, lock, tell)
        scheduler.start()
        _wait(scheduler, signals, until)
        _end(scheduler, signals, list(by_name.values()))
    return CANCELED if signals.came else 0


def _wait(scheduler: BackgroundScheduler, signals: _Signals, until: datetime | None) -> None:
    """Until a signal, `until`, or until nothing is due any more."""
    looked = now()
    while not signals.came and (until is None or now() < until) and scheduler.get_jobs():
        time.sleep(_LOOK_S)
        if now() - looked > _HEARTBEAT:
            scheduler.wakeup()
            looked = now()


def _end(scheduler: BackgroundScheduler, signals: _Signals, all_planned: list[Planned]) -> None:
    """Start nothing more, and wait for the runs that go on; a signal ends them, also one that comes only now."""
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(scheduler.shutdown, wait=True)
        while not wait([ending], 0 if signals.came else _LOOK_S).done:
            if signals.came:
                for planned in all_planned:
                    planned.stop()
                break
        ending.result()


def _add(scheduler: BackgroundScheduler, planned: Planned, lock: int, tell: Tell) -> None:
    trigger = _trigger(planned)
    first = trigger.get_next_fire_time(planned.record.handled, now())
    if first is None:
        return

    def fire() -> None:
        try:
            fired = planned.fire(lock)
        except RunError as error:  # the record cannot be written: without it the next fire would run all again
            tell(f"{planned.schedule.name}: {error}; it is not carried out any more")
            planned.stop()
            return
        if fired is not None:
            tell(f"{planned.schedule.name}: {planned.told(fired)}; {_next(planned)}")

    scheduler.add_job(fire, trigger, id=planned.schedule.name, next_run_time=first)


def _trigger(planned: Planned) -> Any:
    """The timetable as a trigger of APScheduler, which asks for fire after fire until one is to come.

    Of those that have come it gets the last: after years there are millions, and one run stands for all of them.
    """
    from apscheduler.triggers.base import BaseTrigger

    class Trigger(BaseTrigger):  # type: ignore[misc]  # APScheduler publishes no types
        def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
            after = previous_fire_time or now
            return planned.timetable.last(after, now) or planned.timetable.next_fire(after)

    return Trigger()


def _drop(planned: Planned, event: Any, tell: Tell) -> None:
    for due in event.scheduled_run_times:
        planned.drop(due)
        tell(f"{planned.schedule.name}: {planned.shown(due)}: left out, the run of an earlier fire goes on")


@contextlib.contextmanager
def _scheduler(count: int) -> Iterator[BackgroundScheduler]:
    """With a thread for each schedule; waits at its end for what runs."""
    from apscheduler.executors.pool import ThreadPoolExecutor as Threads
    from apscheduler.schedulers.background import BackgroundScheduler

    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of what `_drop` tells
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": Threads(max(1, count))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    try:
        yield scheduler
    finally:
        if scheduler.running:
            scheduler.shutdown(wait=True)


class _Signals(Struct):
    """Whether SIGINT or SIGTERM came. A flag that is looked at: what waits may hold locks when a signal comes."""

    came: bool = False

    def note(self, *_: object) -> None:
        self.came = True


@contextlib.contextmanager
def _signals() -> Iterator[_Signals]:
    """Note SIGINT and SIGTERM instead of ending the process."""
    signals = _Signals()
    before = {number: signal.signal(number, signals.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _next(planned: Planned) -> str:
    moment = planned.next_fire()
    if moment is None:
        return "it has ended, nothing more is due"
    due = planned.due()
    if due is not None and due.count > 1:
        missed = due.count if due.count <= MOST_COUNTED else f"more than {MOST_COUNTED}"
        return f"{missed} fires were missed since {planned.shown(moment)}; one run stands for them"
    return f"next fire {planned.shown(moment)}"
