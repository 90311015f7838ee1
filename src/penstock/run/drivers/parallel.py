"""Runs a parallel step: mini-batches of files or of a table's rows, worker processes, retries, thresholds.

The standard library alone, but for pandas where the input is a table. The workers are `parallel_worker.py`.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("parallel_worker.py")
# beside this file, which is on the path of a script
_worker = import_module(WORKER.stem)
send, receive = _worker.send, _worker.receive


class Worker:
    """A worker process and the mini-batch that it has."""

    def __init__(self, path: str, orders: dict[str, Any], number: int) -> None:
        self.number = number
        self.channel, other = socket.socketpair()
        folder = Path(orders["logs"])
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"worker_{number}.txt"
        with other, self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(WORKER), path, str(number), str(other.fileno())],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PENSTOCK_WORKER_LOGS": str(folder)},
            )
        self.ready = False
        self.batch: dict[str, Any] | None = None
        self.deadline: float | None = None

    def end(self) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()


class Driver:
    """Hands mini-batches to workers and keeps the account of what failed."""

    def __init__(self, path: str, orders: dict[str, Any], batches: list[dict[str, Any]]) -> None:
        self.path, self.orders = path, orders
        self.waiting = batches
        self.total = len(batches)
        self.workers: dict[int, Worker] = {}
        self.started = 0
        self.done = self.failed_batches = self.failed_items = 0
        self.rows: Any = None
        self.selector = selectors.DefaultSelector()

    def run(self) -> int:
        if self.orders["append_row_to"]:
            self.rows = open(self.orders["append_row_to"], "a", encoding="utf-8")
        for _ in range(min(self.orders["workers"], self.total)):
            self.start()
        reason = None
        while self.workers and reason is None and self.done < self.total:
            reason = self.turn()
        graceful = reason is None
        for worker in list(self.workers.values()):
            self.stop(worker, graceful)
        reason = reason or self.verdict()
        if self.rows is not None:
            self.rows.close()
        say(f"{self.total} mini-batches: {self.total - self.failed_batches} done, {self.failed_batches} failed")
        if reason is not None:
            say(reason)
        return 1 if reason is not None else 0

    def start(self) -> None:
        worker = Worker(self.path, self.orders, self.started)
        self.started += 1
        self.workers[worker.number] = worker
        self.selector.register(worker.channel, selectors.EVENT_READ, worker)

    def stop(self, worker: Worker, graceful: bool) -> None:
        """End a worker; one that is not busy may shut itself down."""
        del self.workers[worker.number]
        self.selector.unregister(worker.channel)
        if graceful and worker.batch is None:
            worker.channel.close()
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(timeout=10)
        worker.end()

    def turn(self) -> "str | None":
        """Take in what has come; why the step is to be ended, if it is."""
        deadlines = [worker.deadline for worker in self.workers.values() if worker.deadline is not None]
        wait = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        for key, _ in self.selector.select(wait):
            reason = self.take_in(key.data)
            if reason is not None:
                return reason
        for worker in list(self.workers.values()):
            if worker.deadline is not None and time.monotonic() >= worker.deadline:
                reason = self.lost(worker, f"not done after {self.orders['timeout_s']} s")
                if reason is not None:
                    return reason
        return None

    def take_in(self, worker: Worker) -> "str | None":
        try:
            message = receive(worker.channel)
        except EOFError:
            code = worker.process.wait()
            told = (
                f"the worker was ended by {signal.Signals(-code).name}"
                if code < 0
                else f"the worker exited with {code}"
            )
            return self.lost(worker, told)
        if "init" in message:
            if message["init"] is not None:
                return f"init() failed:\n{message['init']}"
            worker.ready = True
        else:
            batch, worker.batch, worker.deadline = worker.batch, None, None
            reason = self.judged(batch, message["rows"], message["error"])
            if reason is not None:
                return reason
        self.hand_out(worker)
        return None

    def hand_out(self, worker: Worker) -> None:
        if self.waiting:
            worker.batch = self.waiting.pop(0)
            worker.deadline = time.monotonic() + self.orders["timeout_s"]
            send(worker.channel, {name: worker.batch[name] for name in ("data", "index", "partition")})

    def lost(self, worker: Worker, told: str) -> "str | None":
        """A worker that crashed or hangs: another takes its place."""
        batch, worker.batch = worker.batch, None
        ready = worker.ready
        self.stop(worker, graceful=False)
        if batch is None:
            return f"a worker ended before its first mini-batch: {told}" if not ready else self.replaced(None)
        reason = self.judged(batch, [], told)
        return self.replaced(reason)

    def replaced(self, reason: "str | None") -> "str | None":
        if reason is None and self.waiting:
            self.start()
        return reason

    def judged(self, batch: Any, rows: list[str], error: "str | None") -> "str | None":
        """Count a mini-batch, or put it back to be tried again; why the step is to be ended, if it is."""
        batch["attempts"] += 1
        if error is not None and batch["attempts"] <= self.orders["max_retries"]:
            say(f"mini-batch {batch['index']}: {error}; once more")
            self.waiting.insert(0, batch)
            return None
        self.done += 1
        missing = max(0, batch["items"] - len(rows)) if error is None else batch["items"]
        if error is not None:
            say(f"mini-batch {batch['index']} failed: {error}")
        elif missing:
            say(f"mini-batch {batch['index']} failed: run() returned {len(rows)} of {batch['items']}")
        self.failed_items += missing
        self.failed_batches += 1 if missing or error is not None else 0
        if self.rows is not None and rows:
            self.rows.write("".join(f"{row}\n" for row in rows))
            self.rows.flush()
        return self.over()

    def over(self) -> "str | None":
        """Which threshold is passed."""
        items, batches = self.orders["error_threshold"], self.orders["mini_batch_error_threshold"]
        if 0 <= items < self.failed_items:
            return f"{self.failed_items} items failed; error_threshold allows {items}"
        if 0 <= batches < self.failed_batches:
            return f"{self.failed_batches} mini-batches failed; mini_batch_error_threshold allows {batches}"
        count = self.orders["allowed_failed_count"]
        if 0 <= count < self.failed_batches:
            return f"{self.failed_batches} mini-batches failed; --allowed_failed_count allows {count}"
        return None

    def verdict(self) -> "str | None":
        percent = 100 * self.failed_batches / self.total if self.total else 0.0
        allowed = self.orders["allowed_failed_percent"]
        if percent > allowed:
            return f"{percent:.0f} % of the mini-batches failed; --allowed_failed_percent allows {allowed:g}"
        return None


def batches_of(orders: dict[str, Any]) -> list[dict[str, Any]]:
    """The mini-batches, in order."""
    source, size = orders["input"], orders["mini_batch"]
    if source["kind"] == "files":
        if orders["partition_keys"]:
            raise ValueError("partition_keys are columns of a table; the input is files")
        files = source["files"]
        parts: Any = [(files[i : i + size], None) for i in range(0, len(files), size)]
    else:
        frame = import_module("mltable_frame").table_of(source["files"], source["transformations"])
        parts = partitions(frame, orders["partition_keys"]) if orders["partition_keys"] else slices(frame, source, size)
    return [
        {"index": index, "data": data, "partition": partition, "items": len(data), "attempts": 0}
        for index, (data, partition) in enumerate(parts)
    ]


def partitions(frame: Any, keys: list[str]) -> list[Any]:
    """The rows of each combination of values."""
    missing = [key for key in keys if key not in frame.columns]
    if missing:
        raise ValueError(
            f"partition_keys: the table has no column {', '.join(missing)}; it has {', '.join(frame.columns)}"
        )
    groups = frame.groupby(keys, sort=True, dropna=False)
    return [(group, dict(zip(keys, values if isinstance(values, tuple) else (values,)))) for values, group in groups]


def slices(frame: Any, source: dict[str, Any], size: int) -> list[Any]:
    """As many rows as come to about `size` bytes of the files."""
    total = sum(os.path.getsize(file) for file in source["files"])
    rows = max(1, int(size * len(frame) / total)) if total and len(frame) else 1
    return [(frame.iloc[i : i + rows], None) for i in range(0, len(frame), rows)]


def say(text: str) -> None:
    """A line of the step's log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    with open(arguments[0], encoding="utf-8") as file:
        orders = json.load(file)
    try:
        batches = batches_of(orders)
    except (ValueError, ImportError) as error:
        say(str(error))
        return 1
    if not batches:
        say("the input is empty: there is no mini-batch")
    code = Driver(arguments[0], orders, batches).run()
    for log in sorted(Path(orders["logs"]).glob("worker_*.txt")) if os.path.isdir(orders["logs"]) else ():
        text = log.read_text(encoding="utf-8", errors="replace")
        if text:
            say(f"--- {log.stem}")
            sys.stdout.write(text if text.endswith("\n") else text + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
