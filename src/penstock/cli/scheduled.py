"""From schedule files to schedules whose jobs can be run: `spec -> check`, and the plan of each job."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.check import check
from penstock.check.subject import subject_of
from penstock.cli.definition import InvalidJobError, catalog_of, check_job, for_this_machine, load_plan
from penstock.cli.staged import overrides_of
from penstock.cli.suppressed import suppressions
from penstock.errors import DefinitionError
from penstock.spec.finding import Finding
from penstock.spec.schedule import Schedule, read_schedule
from penstock.spec.source import Mapping, parse
from penstock.store.files import Disk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azure.ai.ml.entities import JobSchedule

    from penstock.store.stages import Stage


def read_schedules(
    files: Iterable[Path], disk: Disk, *, for_azure: bool = False
) -> tuple[list[Schedule], tuple[Finding, ...]]:
    """The schedules of some files, each with a name of its own; the findings are warnings.

    `for_azure`: what only Azure minds is an error, too. Raises DefinitionError for the first file that cannot be read
    or has errors, and for a name that stands in two.
    """
    _refuse_without_libraries()
    schedules: dict[str, Schedule] = {}
    warnings: list[Finding] = []
    for file in files:
        schedule, found = _read(file, disk, for_azure=for_azure)
        if schedule.name in schedules:
            other = schedules[schedule.name].file
            raise DefinitionError(f"{file} and {other} are both named '{schedule.name}'; give each a name of its own")
        schedules[schedule.name] = schedule
        warnings += found
    return list(schedules.values()), tuple(warnings)


def _refuse_without_libraries() -> None:
    missing = [name for name in ("apscheduler", "dateutil", "tzlocal") if find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        raise DefinitionError(
            f"schedules need {names}, not installed here; install them: pip install 'penstock[schedule]'"
        )


def _read(file: Path, disk: Disk, *, for_azure: bool) -> tuple[Schedule, tuple[Finding, ...]]:
    try:
        document = parse(disk.read(file), str(file))
    except IsADirectoryError:
        raise DefinitionError(f"{file} is a folder; name the schedule's YAML file in it") from None
    except OSError as error:
        raise DefinitionError(f"{file} cannot be read: {error.strerror}") from None
    if document.root is None:
        raise InvalidJobError(file, document.findings)
    subject = subject_of(document, file, disk)
    if subject is None or subject.kind.family != "schedule" or not isinstance(document.root, Mapping):
        what = f"it is a {subject.kind}" if subject is not None else "a schedule has a trigger and create_job"
        raise DefinitionError(f"{document.root.place}: this is no schedule: {what}")
    told = suppressions(disk).apply(check(subject), [str(file)])
    findings = told if for_azure else tuple(map(for_this_machine, told))
    errors = [finding for finding in findings if finding.severity == "error"]
    schedule, refused = read_schedule(document.root, file)
    if errors or schedule is None:
        places = {finding.place for finding in errors}
        raise InvalidJobError(file, (*findings, *(each for each in refused if each.place not in places)))
    return schedule, findings


def sets_of(schedule: Schedule) -> tuple[str, ...]:
    """What `create_job` changes, as the options `--set` of `penstock run`."""
    return tuple(f"{path}={value}" for path, value in schedule.changes.items())


def for_stage(schedule: Schedule, stage: Stage, disk: Disk) -> JobSchedule:
    """The schedule as azure-ai-ml has it, its job changed by the stage's overlay and then by `create_job`.

    Raises DefinitionError for a job that `check` finds errors in, and for what Azure's client refuses.
    """
    from penstock.azure import jobs, schedules
    from penstock.schedule.fire import now
    from penstock.schedule.timetable import timetable_of

    timetable_of(schedule, now())
    changes = overrides_of(stage, schedule.job, sets_of(schedule))
    check_job(schedule.job, changes, disk)
    return schedules.load(schedule.file, schedule.job, jobs.load(schedule.job, changes))


def refuse_unfit_jobs(schedules: Iterable[Schedule], workspace: Path | None, disk: Disk) -> None:
    """Read and plan each job as a fire would: what is wrong with it is told now. Raises DefinitionError."""
    for schedule in schedules:
        load_plan(schedule.job, sets_of(schedule), disk, catalog_of(schedule.job, workspace))
