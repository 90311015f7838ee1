"""`penstock schedule`: carry out schedules on this machine, or set them up at Azure."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.looking import FORMAT, WORKSPACE, print_json
from penstock.errors import DefinitionError

if TYPE_CHECKING:
    from penstock.schedule.fire import Planned
    from penstock.spec.schedule import Schedule
    from penstock.store.schedules import Fire
    from penstock.store.workspace import Workspace


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--list", "listed", is_flag=True, help="Print the next fires, and carry out nothing.")
@click.option("--count", type=click.IntRange(min=1), default=5, show_default=True, help="How many fires --list prints.")
@click.option("--once", is_flag=True, help="Carry out what is due now, and end: for cron or a systemd timer.")
@click.option("--until", metavar="TIME", help="End at this time: 2026-12-24T18:00, in UTC unless it has an offset.")
@click.option(
    "--env", type=click.Choice(["host", "venv"]), default="host", show_default=True, help="As for penstock run."
)
@WORKSPACE
@click.option("--stage", metavar="NAME", help="Set them up in the workspace of this stage of penstock.toml instead.")
@click.option("--disable", "change", flag_value="disable", help="With --stage: let them fire no more, until --enable.")
@click.option("--enable", "change", flag_value="enable", help="With --stage: let them fire again.")
@click.option("--remove", "change", flag_value="remove", help="With --stage: remove them.")
@FORMAT
@click.pass_context
def command(
    context: click.Context,
    files: tuple[Path, ...],
    listed: bool,
    count: int,
    once: bool,
    until: str | None,
    env: str,
    workspace: Path | None,
    stage: str | None,
    change: str | None,
    form: str,
) -> None:
    """Carry out the schedules in FILE... (Azure ML's schedule YAML) on this machine, until Ctrl-C or SIGTERM.

    At each fire the job runs as by `penstock run`, with what create_job changes in it. What was done is kept in the
    workspace folder, in schedules/. Fires that come while nobody carries them out are missed: the next start tells how
    many, and runs once for them. A fire that comes while the run of the one before goes on is left out. FILE is read at
    the start, the job anew at each fire.

    With --stage they are created or updated at Azure, which then carries them out; nothing is written if nothing has
    changed. The stage's overlay changes the job, what create_job says counts before it.
    """
    if stage is not None:
        if listed or once or until is not None or workspace is not None:
            raise click.UsageError("--list, --once, --until and --workspace are for this machine, --stage is for Azure")
        _at_azure(files, stage, change, form)
        return
    if change is not None:
        raise click.UsageError(f"--{change} goes with --stage: on this machine, end `penstock schedule`")
    if form == "json" and not (listed or once):
        raise click.UsageError("--format json goes with --list or --once, or with --stage")
    schedules = _schedules(files)
    if listed:
        _list(schedules, workspace, count, form)
        return
    end = _time(until) if until is not None else None
    context.exit(_carry_out(schedules, workspace, once=once, until=end, env=env, form=form))


def _at_azure(files: tuple[Path, ...], stage: str, change: str | None, form: str) -> None:
    from penstock.azure.client import connect
    from penstock.azure.schedules import enable, put, remove
    from penstock.cli.scheduled import for_stage
    from penstock.cli.staged import stage_of
    from penstock.store.files import Disk

    schedules = _schedules(files, for_azure=True)
    chosen = stage_of(files[0], stage)
    entities = [for_stage(schedule, chosen, Disk()) for schedule in schedules] if change is None else []
    client = connect(chosen)
    if change is None:
        done = [put(client, entity) for entity in entities]
    elif change == "remove":
        done = [remove(client, schedule.name) for schedule in schedules]
    else:
        done = [enable(client, schedule.name, enabled=change == "enable") for schedule in schedules]
    if form == "json":
        print_json([{"schedule": d.schedule, "action": d.action, "enabled": d.enabled} for d in done])
        return
    for each in done:
        held = "" if each.enabled or each.action in ("disabled", "removed", "absent") else " (disabled)"
        click.echo(f"schedule {each.schedule} in {chosen.workspace}: {each.action}{held}")


def _schedules(files: tuple[Path, ...], *, for_azure: bool = False) -> list[Schedule]:
    from penstock.cli.scheduled import read_schedules
    from penstock.store.files import Disk

    schedules, warnings = read_schedules(files, Disk(), for_azure=for_azure)
    for warning in warnings:
        _tell(str(warning))
    return schedules


def _carry_out(
    schedules: list[Schedule], workspace: Path | None, *, once: bool, until: datetime | None, env: str, form: str
) -> int:
    from penstock.cli.scheduled import refuse_unfit_jobs
    from penstock.schedule.service import run_once, serve
    from penstock.store.files import Disk

    refuse_unfit_jobs(schedules, workspace, Disk())
    with ExitStack() as stack:
        held = [_held(schedule, _workspace(schedule, workspace), env, stack) for schedule in schedules]
        if not once:
            return serve(held, until, _tell)
        fires, code = run_once(held, _tell)
    if form == "json":
        print_json([_fired(planned, fire) for planned, fire in fires])
    return code


def _held(schedule: Schedule, workspace: Workspace, env: str, stack: ExitStack) -> tuple[Planned, int]:
    """The schedule with its lock, which lasts as long as `stack`."""
    from penstock.schedule.fire import Planned
    from penstock.store.schedules import schedule_folder

    workspace.prepare()
    lock = stack.enter_context(schedule_folder(workspace, schedule.name).locked())
    planned = Planned(schedule, workspace, ("--env", env))
    lost = planned.begin()
    if lost is not None:
        _tell(f"{schedule.name}: {lost}")
    return planned, lock


def _workspace(schedule: Schedule, given: Path | None) -> Workspace:
    from penstock.store.workspace import Workspace, workspace_folder

    return Workspace(workspace_folder(schedule.job, given))


def _list(schedules: list[Schedule], given: Path | None, count: int, form: str) -> None:
    from penstock.schedule.fire import known, now
    from penstock.store.schedules import schedule_folder

    listed: list[dict[str, Any]] = []
    for schedule in schedules:
        folder = schedule_folder(_workspace(schedule, given), schedule.name)
        record, timetable = known(schedule, folder, now())
        fires = timetable.next_fires(max(record.handled, now()), count)
        passed = timetable.passed(record.handled, now())
        local = [fire.astimezone(timetable.zone).isoformat() for fire in fires]
        last = {"due": record.last.due.isoformat(), "status": record.last.status} if record.last is not None else None
        row = {"schedule": schedule.name, "file": str(schedule.file), "job": str(schedule.job), "fires": local}
        listed.append({**row, "missed": passed.count if passed is not None else 0, "last": last})
    if form == "json":
        print_json(listed)
        return
    for each in listed:
        click.echo(f"{each['schedule']}: {each['job']}")
        click.echo("".join(f"  {fire.replace('T', ' ')}\n" for fire in each["fires"]) or "  it has ended\n", nl=False)


def _fired(planned: Planned, fire: Fire) -> dict[str, Any]:
    """`{schedule, due, started, ended, status, missed, run, verdict, exit_code, message}`, moments in UTC."""
    import msgspec

    return {"schedule": planned.schedule.name, **msgspec.to_builtins(fire)}


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DefinitionError(f"--until {text}: write it as 2026-12-24T18:00 or 2026-12-24T18:00+01:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _tell(line: str) -> None:
    click.echo(line, err=True)
