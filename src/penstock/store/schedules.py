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
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from penstock.errors import RunError
from penstock.store.workspace import Workspace, write_atomically

# `lost`: penstock was killed while the run went on, so how it ended is not known here; `penstock runs` knows.
FireStatus = Literal["running", "completed", "failed", "canceled", "refused", "lost"]


class Fire(Struct, frozen=True):
    """One fire that started a run.

    Attributes:
        due: the moment that the timetable has.
        started: when the run was started, later than `due` if the machine was off or penstock was not there.
        missed: how many fires before it this run stands for, because nobody was there to carry them out.
        exit_code, run, verdict: those of the run; None while it goes on, and if there is none.
        message: why there is no run.
    """

    due: datetime
    started: datetime
    status: FireStatus
    missed: int = 0
    ended: datetime | None = None
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
    since: datetime
    handled: datetime
    last: Fire | None = None


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

    def read(self) -> Record | None:
        """The record, None if there is none. Raises RunError for one that cannot be read."""
        try:
            return msgspec.json.decode(self.record.read_bytes(), type=Record)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise RunError(f"{self.record} cannot be read ({error}); remove it to begin anew") from None

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
