"""One schedule, carried out: which fires are due, the run that a fire starts, and the record of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import msgspec
from msgspec.structs import replace

from penstock.report.run import decisions
from penstock.schedule.timetable import MOST_COUNTED, Passed, Timetable, timetable_of
from penstock.spec.schedule import Schedule
from penstock.store.history import past_run
from penstock.store.schedules import Fire, FireStatus, Record, ScheduleFolder, schedule_folder
from penstock.store.workspace import Workspace

_BEFORE = timedelta(microseconds=1)
_STATUS: dict[int, FireStatus] = {0: "completed", 2: "refused", 130: "canceled"}


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Planned:
    """A schedule in a workspace whose lock is held: what it has done, and what is due.

    `run_options` are options of `penstock run` for all of its runs. Its methods may be called from several threads.
    """

    def __init__(self, schedule: Schedule, workspace: Workspace, run_options: tuple[str, ...] = ()) -> None:
        self.schedule, self._workspace, self._run_options = schedule, workspace, run_options
        self.folder: ScheduleFolder = schedule_folder(workspace, schedule.name)
        self._guard = Lock()
        self._process: subprocess.Popen[str] | None = None
        self._ending = False
        self.record, self.timetable = known(schedule, self.folder, now())

    def begin(self) -> str | None:
        """Keep the record; tells what is not known of the last fire, if a process was killed while its run went on."""
        last = self.record.last
        if last is None or last.status != "running":
            self._keep()
            return None
        self._keep(last=replace(last, status="lost"))
        return f"penstock was killed during the fire of {self.shown(last.due)}; penstock runs tells what became of it"

    def shown(self, moment: datetime) -> str:
        """A moment by the clock of the schedule's zone."""
        return moment.astimezone(self.timetable.zone).isoformat(" ", "minutes")

    def due(self) -> Passed | None:
        """The fires that have come and have not been dealt with."""
        return self.timetable.passed(self.record.handled, now())

    def next_fire(self) -> datetime | None:
        """The first fire that has not been dealt with."""
        return self.timetable.next_fire(self.record.handled)

    def fire(self, lock: int) -> Fire | None:
        """Run the job once for all fires that are due; None if none is.

        `lock` is inherited by the run. That the fires are dealt with is written before it starts: should all be killed,
        no fire runs its job twice.
        """
        with self._guard:
            due = self.due()
            if due is None or self._ending:
                return None
            fire = Fire(due.last, now(), "running", missed=min(due.count - 1, MOST_COUNTED))
            self._keep(handled=due.last, last=fire)
            process = self._process = self._start(lock)
        printed = process.communicate()[0]
        with self._guard:
            self._process = None
            fire = self._ended(fire, process.returncode, printed)
            self._keep(last=fire)
        self.folder.note(f"{fire.started.isoformat(' ', 'seconds')} {self.told(fire)}")
        return fire

    def drop(self, due: datetime) -> None:
        """Deal with a fire that came while the run of an earlier one goes on: nothing runs for it."""
        with self._guard:
            if due > self.record.handled:
                self._keep(handled=due)
                running = self.record.last
                since = f" of {self.shown(running.due)}" if running is not None else ""
                self.folder.note(
                    f"{now().isoformat(' ', 'seconds')} {self.shown(due)}: left out, the run{since} goes on"
                )

    def stop(self) -> None:
        """Let nothing start any more, and end the run that goes on."""
        with self._guard:
            self._ending = True
            process = self._process
        if process is not None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)

    def told(self, fire: Fire) -> str:
        """A fire in one line."""
        least = "at least " if fire.missed == MOST_COUNTED else ""
        missed = f"; it stands for {least}{fire.missed} missed before it" if fire.missed else ""
        late = "" if fire.started - fire.due < timedelta(minutes=1) else f" (late, at {self.shown(fire.started)})"
        run = f", run {fire.run}" if fire.run else ""
        verdict = f", verdict {fire.verdict}" if fire.verdict else ""
        message = f": {fire.message}" if fire.message else ""
        return f"{self.shown(fire.due)}{late}: {fire.status}{run}{verdict}{message}{missed}"

    def _keep(self, **changes: Any) -> None:
        self.record = replace(self.record, **changes)
        self.folder.write(self.record)

    def _start(self, lock: int) -> subprocess.Popen[str]:
        """`penstock run` in a process group of its own: a Ctrl-C at the terminal reaches it by `stop` alone."""
        sets = [part for path, value in self.schedule.changes.items() for part in ("--set", f"{path}={value}")]
        workspace = ("--workspace", str(self._workspace.root))
        command = [sys.executable, "-m", "penstock", "run", str(self.schedule.job), *sets, *workspace]
        with self.folder.output.open("w", encoding="utf-8") as output:
            return subprocess.Popen(
                [*command, *self._run_options, "--format", "json"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                start_new_session=True,
                pass_fds=(lock,),
            )

    def _ended(self, fire: Fire, code: int, printed: str) -> Fire:
        said: dict[str, Any] = {}
        with suppress(ValueError):
            said = json.loads(printed)
        run = said.get("run")
        message = "" if run else f"{_last_line(said.get('error')) or f'exit code {code}'}, see {self.folder.output}"
        return replace(
            fire,
            status=_STATUS.get(code, "failed"),
            ended=now(),
            exit_code=code,
            run=run,
            verdict=_verdict(self._workspace, run) if run else None,
            message=message if code != 130 else "",
        )


def known(schedule: Schedule, folder: ScheduleFolder, moment: datetime) -> tuple[Record, Timetable]:
    """The record of a schedule and its timetable; of one that is new, or has another timetable now, a new record.

    Raises:
        DefinitionError: its zone or its times are none.
        RunError: the record cannot be read, or has times that cannot be.
    """
    text = _text(schedule)
    record = folder.read(moment)
    if record is None or record.timetable != text:
        since = moment.replace(microsecond=0)
        last = record.last if record is not None else None
        record = Record(schedule.name, str(schedule.file), text, since, since - _BEFORE, last)
    return record, timetable_of(schedule, record.since)


def _text(schedule: Schedule) -> str:
    times = [moment.isoformat() if moment is not None else None for moment in (schedule.start, schedule.end)]
    return msgspec.json.encode([type(schedule.trigger).__name__, schedule.trigger, schedule.zone, *times]).decode()


def _verdict(workspace: Workspace, run: str) -> str | None:
    """That of the run's decision, if one of its nodes took one."""
    found = decisions(past_run(workspace, run))
    return str(found[-1]["verdict"]) if found else None


def _last_line(text: str | None) -> str:
    return (text or "").strip().rpartition("\n")[2]
