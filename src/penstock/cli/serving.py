"""What the verbs share that serve packages: options, and how an endpoint is shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penstock.release.service import Endpoints
    from penstock.store.endpoints import Endpoint, EndpointFolder
    from penstock.store.workspace import Workspace

WORKERS = click.option(
    "--workers", type=click.IntRange(min=1), default=2, show_default=True, help="How many processes answer."
)
WATCH = click.option(
    "--watch",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long it is watched, with a share of the traffic, before it takes over.",
)
PORT = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The port of an endpoint that has none yet.  [default: one that is free]",
)


@contextmanager
def serving(workspace: Workspace) -> Iterator[Endpoints]:
    """The endpoints of a workspace; what goes on is told on stderr. SIGTERM ends the verb as Ctrl-C does."""
    import signal

    from penstock.release.service import Endpoints

    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield Endpoints(workspace, lambda message: click.echo(message, err=True))
    finally:
        signal.signal(signal.SIGTERM, before)


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
