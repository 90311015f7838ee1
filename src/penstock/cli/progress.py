"""How a run looks while it goes on: lines, or a table that moves on a terminal. All of it on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.findings import printable
from penstock.run.reporter import Reporter
from penstock.run.result import NodeResult

if TYPE_CHECKING:
    from rich.console import ConsoleRenderable

_TAIL_LINES = 25
_TAIL_WIDTH = 2_000
_TAIL_BYTES = 16_384


def duration_text(seconds: float) -> str:
    """A duration for a person: 0.4 s, 12.3 s, 3 min 05 s."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def log_tail(log: str) -> str:
    """The last lines of a step's log, indented."""
    with Path(log).open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - _TAIL_BYTES))
        return indented(stream.read().decode(errors="replace"))


def indented(text: str) -> str:
    """The last lines of a text, indented, without what a terminal would take for commands."""
    return "\n".join(f"    {printable(line[-_TAIL_WIDTH:])}" for line in text.splitlines()[-_TAIL_LINES:])


def describe(result: NodeResult) -> str:
    """One line for a node that has ended; of a failed one also the end of its log."""
    took = f" {duration_text(result.duration_s)}" if result.attempts else ""
    reason = f" ({result.reason})" if result.reason else ""
    line = f"{result.name}: {result.status}{took}{reason}"
    if result.status == "failed" and result.log:
        line += f"\n{log_tail(result.log)}\n    log: {result.log}"
    return line


class Lines:
    """A line for each start and end."""

    def started(self, node: str) -> None:
        click.echo(f"{node}: started", err=True)

    def ended(self, result: NodeResult) -> None:
        click.echo(describe(result), err=True)

    def told(self, message: str) -> None:
        click.echo(message, err=True)


class Live:
    """The running nodes with their times at the bottom of the terminal, the ended ones above."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._console = Console(stderr=True, highlight=False)
        self._started: dict[str, float] = {}
        self._live = RichLive(console=self._console, get_renderable=self._render, refresh_per_second=8, transient=True)

    def _render(self) -> ConsoleRenderable:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        now = time.monotonic()
        running = list(self._started.items())
        return Group(*(Spinner("dots", Text(f"{node} {duration_text(now - began)}")) for node, began in running))

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._live:
            yield

    def started(self, node: str) -> None:
        self._started[node] = time.monotonic()

    def ended(self, result: NodeResult) -> None:
        self._started.pop(result.name, None)
        style = {"completed": "green", "failed": "red", "canceled": "yellow"}.get(result.status, "dim")
        self._console.print(describe(result), style=style, markup=False)

    def told(self, message: str) -> None:
        self._console.print(message, style="yellow", markup=False)


@contextmanager
def reporting() -> Iterator[Reporter]:
    """The reporter that suits stderr."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    live = Live()
    with live.shown():
        yield live
