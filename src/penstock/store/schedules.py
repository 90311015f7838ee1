"""What is kept of a schedule that this machine carries out.

schedules/<name>.json   its record: up to when its fires are dealt with, and the last one
schedules/<name>.log    one line for each fire
schedules/<name>.out    what the run of the last fire printed
schedules/<name>.lock   locked by the process that carries it out, and by a run that outlives it
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Struct

from penstock.errors import RunError
from penstock.store.workspace import Workspace, write_atomically

_FIRST, _CLOCKS_DIFFER = datetime(2020, 1, 1, tzinfo=UTC), timedelta(days=1)
Aware = Annotated[datetime, msgspec.Meta(tz=True)]

# `lost`: penstock was killed while the run went on, so how it ended is not known here; `penstock runs` knows.
FireStatus = Literal["running", "completed", "failed", "canceled", "refused", "lost"]


class Fire(Struct, frozen=True):
    """One fire that started a run.

    Attributes:
        due: the moment that the timetable has.
        started: when the run was started, later than `due` if the machine was off or penstock was not there.
        missed: how many fires before it this run stands for, because nobody was there to carry them out; of more than
            10,000 it is 10,000.
        exit_code, run, verdict: those of the run; None while it goes on, and if there is none.
        message: why there is no run.
    """

    due: Aware
    started: Aware
    status: FireStatus
    missed: int = 0
    ended: Aware | None = None
    exit_code: int | None = None
    run: str | None = None
    verdict: str | None = None
    message: str = ""


class Record(Struct, frozen=True):
    """What is known of a schedule.

    Attributes:
        timetable: a text that tells this timetable from another; with another one the record begins anew.
        since: when the schedule was first carried out here; the start of one that names none.
        handled: every fire up to this moment has been dealt with.
        last: the last one that started a run.
    """

    schedule: str
    file: str
    timetable: str
    since: Aware
    handled: Aware
    last: Fire | None = None


def _check_times(record: Record, now: datetime) -> None:
    """A time that cannot be is refused: with a `handled` of next year the schedule would not fire until then.

    Raises:
        msgspec.ValidationError: one is before penstock was there, or later than tomorrow (a clock may be put back).
    """
    last = [record.last.due, record.last.started] if record.last is not None else []
    for moment in (record.since, record.handled, *last):
        if moment < _FIRST or moment > now + _CLOCKS_DIFFER:
            raise msgspec.ValidationError(f"{moment.isoformat()} cannot be one of its times")


class ScheduleFolder(Struct, frozen=True):
    """The files of one schedule. `name` is safe as a file's name (penstock.spec.schedule holds it to that)."""

    root: Path
    name: str

    @property
    def record(self) -> Path:
        return self.root / f"{self.name}.json"

    @property
    def log(self) -> Path:
        return self.root / f"{self.name}.log"

    @property
    def output(self) -> Path:
        return self.root / f"{self.name}.out"

    def read(self, now: datetime) -> Record | None:
        """The record, None if there is none. Raises RunError for one that cannot be read, or not have been written."""
        try:
            record = msgspec.json.decode(self.record.read_bytes(), type=Record)
            _check_times(record, now)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise RunError(f"{self.record} cannot be read ({error}); remove it to begin anew") from None
        return record

    def write(self, record: Record) -> None:
        """Raises RunError if it cannot be written."""
        try:
            write_atomically(self.record, msgspec.json.format(msgspec.json.encode(record)).decode() + "\n")
        except OSError as error:
            raise RunError(f"{self.record} cannot be written: {error.strerror}") from None

    def note(self, line: str) -> None:
        """Add a line to the log."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")

    @contextmanager
    def locked(self) -> Iterator[int]:
        """While this lasts nobody else carries out the schedule. Gives the lock's descriptor.

        A child that inherits the descriptor keeps the lock, should this process be killed. Raises RunError at once if
        somebody else has it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f"{self.name}.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                who = f"process {lock.read().strip() or 'unknown'}"
                raise RunError(
                    f"the schedule {self.name} is carried out by {who} already, in {self.root}; end that one first"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield lock.fileno()


def schedule_folder(workspace: Workspace, name: str) -> ScheduleFolder:
    """The files of the schedule `name`, whether there are any or not."""
    return ScheduleFolder(workspace.schedules, name)
