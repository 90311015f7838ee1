"""What the verbs share that serve packages: options, and how an endpoint is shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penstock.release.service import Endpoints, Options
    from penstock.release.smoke import Check
    from penstock.store.endpoints import Endpoint, EndpointFolder
    from penstock.store.workspace import Workspace

WORKERS = click.option(
    "--workers", type=click.IntRange(min=1), default=2, show_default=True, help="How many processes answer."
)
WATCH = click.option(
    "--watch",
    type=click.FloatRange(min=0),
    default=None,
    metavar="SECONDS",
    help="How long it is watched, with a share of the traffic, before it takes over.  [default: 2; at Azure 60]",
)
ON = click.option(
    "--on",
    "where",
    type=click.Choice(["local", "azure"]),
    default="local",
    show_default=True,
    help="This machine, or the online endpoints of a workspace.",
)
PORT = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The port of an endpoint that has none yet.  [default: one that is free]",
)


def options_of(workers: int, watch: float | None, port: int | None = None) -> Options:
    """How to release on this machine."""
    from penstock.release.service import WATCH_S, Options

    return Options(workers=workers, watch_s=WATCH_S if watch is None else watch, port=port)


def print_smoke(endpoint: str, checks: Sequence[Check], form: str, junit: Path | None = None) -> None:
    """What a smoke test has found. Raises RunError if something is not as it should be."""
    from penstock.cli.looking import print_json
    from penstock.cli.summary import table
    from penstock.errors import RunError

    wrong = [check for check in checks if check.problem is not None]
    if junit is not None:
        from penstock.cli.junit import write_junit

        write_junit(junit, endpoint, checks)
    if form == "json":
        told = [{"check": one.name, "problem": one.problem, "seconds": one.seconds} for one in checks]
        print_json({"endpoint": endpoint, "passed": not wrong, "checks": told})
    else:
        rows = [(one.name, one.problem or "ok", f"{one.seconds * 1000:.1f} ms") for one in checks]
        click.echo("\n".join(table([("CHECK", "ANSWER", "TIME"), *rows])))
    if wrong:
        raise RunError(f"{endpoint} fails the smoke test: {len(wrong)} of {len(checks)} checks")


@contextmanager
def serving(workspace: Workspace) -> Iterator[Endpoints]:
    """The endpoints of a workspace; what goes on is told on stderr. SIGTERM ends the verb as Ctrl-C does."""
    import signal

    from penstock.release.service import Endpoints

    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield Endpoints(workspace, told)
    finally:
        signal.signal(signal.SIGTERM, before)


def told(message: str) -> None:
    """What goes on, on stderr."""
    click.echo(message, err=True)


def row(folder: EndpointFolder, record: Endpoint) -> dict[str, Any]:
    """An endpoint as JSON has it."""
    from penstock.release.service import is_served

    current = record.current
    return {
        "endpoint": folder.name,
        "stage": record.stage,
        "status": "serving" if is_served(record) else "stopped" if current is not None else "empty",
        "model": current.model if current else None,
        "version": current.version if current else None,
        "digest": current.digest if current else None,
        "since": current.since if current else None,
        "run": current.run if current else None,
        "previous": record.previous.version if record.previous else None,
        "url": f"http://127.0.0.1:{record.port}/score" if record.port else None,
        "key_file": str(folder.key),
        "curl": curl(folder, record),
        "history": [
            {"when": event.when, "what": event.what, "version": event.version, "reason": event.reason}
            for event in record.history
        ],
    }


def curl(folder: EndpointFolder, record: Endpoint) -> str | None:
    """A line for the shell that asks the endpoint for predictions; the key does not stand in it."""
    from penstock.store.project import shown

    if record.current is None or record.port is None:
        return None
    sample = shlex.quote(str(shown(folder.package(record.current.id) / "sample_request.json")))
    key = shlex.quote(str(shown(folder.key)))
    return (
        f'curl -sS -H "Authorization: Bearer $(head -n 1 {key})" -H "Content-Type: application/json" '
        f"-d @{sample} http://127.0.0.1:{record.port}/score"
    )


def print_endpoint(folder: EndpointFolder, record: Endpoint, form: str) -> None:
    """An endpoint that has been changed, on stdout."""
    from penstock.cli.looking import print_json

    told = row(folder, record)
    if form == "json":
        print_json(told)
    elif told["status"] == "serving":
        click.echo(f"{folder.name}: version {told['version']} of {told['model']} at {told['url']}\n  {told['curl']}")
    else:
        click.echo(f"{folder.name}: {told['status']}")
