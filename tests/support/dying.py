"""Runs steps as processes that are killed at a chosen write, or several of them at the same moment.

A script of its own: what a step imports is loaded once, then each step is a fork of it. Reads from stdin a JSON list of
rounds, each a list of steps that start together:

    {"step": "register", "argv": [...], "env": {...}, "folder": "where what it writes is counted", "die_at": 3 | null}

and prints, as JSON, for each round the list of `{code, writes, stderr}`; `code` is -9 for one that was killed. A write
is a statement's commit in SQLite, a file that is opened for writing or renamed, or a folder that is made.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_WRITES = {"open", "os.rename", "os.mkdir"}
_LOCK = ".champion.lock"


class Counter:
    """Counts the writes of this process and kills it right before one of them."""

    def __init__(self, folder: str, die_at: int | None, told: int) -> None:
        self.folder, self.die_at, self.told = folder, die_at, told
        self.count = 0
        self.changed = False

    def write(self) -> None:
        if self.count == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1
        os.pwrite(self.told, f"{self.count:8}".encode(), 0)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _WRITES or not str(arguments[0]).startswith(self.folder) or str(arguments[0]).endswith(_LOCK):
            return
        if event != "open" or arguments[2] & (os.O_WRONLY | os.O_RDWR):
            self.write()

    def install(self) -> None:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine
        from sqlalchemy.engine.default import DefaultDialect

        @event.listens_for(Engine, "before_cursor_execute")
        def executed(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            self.changed |= not statement.lstrip().upper().startswith(("SELECT", "PRAGMA"))

        commit = DefaultDialect.do_commit

        def counted(dialect: Any, connection: Any) -> None:
            if self.changed:
                self.changed = False
                self.write()
            commit(dialect, connection)

        DefaultDialect.do_commit = counted  # type: ignore[method-assign]
        sys.addaudithook(self.audit)


def child(order: dict[str, Any], start: Any, stderr: int, told: int) -> None:
    os.dup2(stderr, 1)
    os.dup2(stderr, 2)
    os.environ.update(order["env"])
    sys.argv = [order["step"], *order["argv"]]
    from penstock_steps.errors import run_step

    start.wait()
    Counter(order["folder"], order["die_at"], told).install()
    run_step(importlib.import_module(order["step"]).main)


def play(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One round."""
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(len(orders))
    files = [(os.memfd_create("stderr"), os.memfd_create("told")) for _ in orders]
    children = [fork.Process(target=child, args=(o, start, *fds)) for o, fds in zip(orders, files, strict=True)]
    for process in children:
        process.start()
    ended = []
    for process, (stderr, told) in zip(children, files, strict=True):
        process.join(120)
        text = os.pread(stderr, 1 << 20, 0).decode(errors="replace")
        ended.append({"code": process.exitcode, "writes": int(os.pread(told, 8, 0) or 0), "stderr": text})
        os.close(stderr)
        os.close(told)
    return ended


def main() -> None:
    sys.path[:0] = [str(ROOT / "components" / "_shared"), str(ROOT / "components" / "register" / "src")]
    import mlflow
    import mlflow.store.tracking.sqlalchemy_store

    import register  # noqa: F401

    assert mlflow.active_run() is None
    for line in sys.stdin:
        sys.stdout.write(json.dumps([play(orders) for orders in json.loads(line)]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
