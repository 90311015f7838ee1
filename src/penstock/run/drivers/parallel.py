"""Runs a parallel step: splits its data into mini-batches and gives them to workers. Standard library alone.

Its orders are a JSON file:

input        {kind: files | table, files, ...}   what parallel_split.py splits
size, keys   of a mini-batch
workers      how many processes; of them `per_instance` are one of Azure's machines
retries      of a mini-batch that raises, takes longer than `timeout` seconds or whose worker dies
overhead     seconds that a mini-batch's data may take to get to run()
limits       {items, batches, count, percent}: how many may fail; null: any number
entry        the script with init(), run() and shutdown(); `arguments` are its command line
append       the file that gets the returned rows, or null
work, logs   folders for what is on its way, and for what the workers print
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from typing import IO, Any

from parallel_process import Stream, Worker

HERE = os.path.dirname(os.path.abspath(__file__))
TOLD_EVERY_S = 5.0
SHOWN = 10
FOREVER = float("inf")


class StepError(Exception):
    """Why the step fails, in words."""


class Batch:
    """A mini-batch: `items` is how many elements run() has to return for it."""

    def __init__(self, number: int, found: dict[str, Any]) -> None:
        self.number = number
        self.items: int = found.pop("items")
        self.label: str = found.pop("label")
        self.found = found
        self.tries = 0

    def __str__(self) -> str:
        return f"mini-batch {self.number} ({self.label})"


class Run:
    """Gives the mini-batches to the workers until all are done or too many have failed."""

    def __init__(self, orders: dict[str, Any], path: str, batches: list[Batch]) -> None:
        self.orders, self.path = orders, path
        self.batches = batches
        self.waiting: deque[Batch] = deque(batches)
        self.workers: list[Worker] = []
        self.started = self.uninitialised = self.done = self.failed_items = 0
        self.failed: list[str] = []
        self.told = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.streams: set[Stream] = set()
        self.append: IO[bytes] | None = None
        self.wake, woken = os.pipe()
        for descriptor in (self.wake, woken):
            os.set_blocking(descriptor, False)
        self.selector.register(self.wake, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)

    def run(self) -> None:
        """Raises StepError."""
        if self.orders["append"] is not None:
            self.append = open(self.orders["append"], "ab")
        try:
            while self.done + len(self.failed) < len(self.batches):
                self.start_workers()
                self.assign()
                self.wait()
                self.take_in()
                self.end_overdue()
            self.shut_down()
        finally:
            for worker in list(self.workers):
                self.dismiss(worker)
            if self.append is not None:
                self.append.close()

    def start_workers(self) -> None:
        """As many as there is work for, up to the number that is wanted."""
        open_batches = len(self.batches) - self.done - len(self.failed)
        while len(self.workers) < min(self.orders["workers"], open_batches):
            instance = self.started // self.orders["per_instance"] % self.orders["instances"]
            worker = Worker(self.orders, self.path, self.started, instance)
            self.started += 1
            self.workers.append(worker)
            self.selector.register(worker.events, selectors.EVENT_READ)
            for stream in worker.streams:
                self.selector.register(stream.pipe, selectors.EVENT_READ, stream)
                self.streams.add(stream)

    def assign(self) -> None:
        for worker in self.workers:
            if worker.ready and worker.batch is None and self.waiting:
                batch = self.waiting.popleft()
                batch.tries += 1
                worker.batch, worker.deadline = batch, time.monotonic() + self.orders["overhead"]
                worker.overdue = f"its data was not there after {self.orders['overhead']:g} s (--task_overhead_timeout)"
                worker.send({"batch": batch.number, "rows": self.rows(batch), **batch.found})

    def rows(self, batch: Batch) -> str:
        return os.path.join(self.orders["work"], f"{batch.number}.{batch.tries}.rows")

    def wait(self) -> None:
        """For something to happen, at most until a worker is overdue."""
        due = min((worker.deadline for worker in self.workers), default=FOREVER)
        for key, _ in self.selector.select(max(0.0, due - time.monotonic()) if due != FOREVER else None):
            if isinstance(key.data, Stream) and not key.data.pump():
                self.selector.unregister(key.fileobj)
                self.streams.discard(key.data)
        with suppress(BlockingIOError):
            while os.read(self.wake, 512):
                pass

    def take_in(self) -> None:
        """What the workers report, and those that have ended."""
        for worker in list(self.workers):
            ended = worker.process.poll() is not None
            for told in worker.told():
                self.hear(worker, told)
            if ended:
                self.dismiss(worker)
                self.lost(worker)

    def hear(self, worker: Worker, told: dict[str, Any]) -> None:
        event, batch = told["event"], worker.batch
        if event == "broken":
            raise StepError(f"the entry script cannot be used:\n{told['error']['traceback']}")
        if event == "uninitialised":
            self.not_initialised(told["error"])
            worker.ending = True
        elif event == "ready":
            self.uninitialised, worker.ready, worker.deadline = 0, True, FOREVER
        elif event == "running" and batch is not None:
            worker.deadline = time.monotonic() + self.orders["timeout"]
            worker.overdue = f"run() was not done after {self.orders['timeout']:g} s (retry_settings: timeout)"
        elif event == "shutdown failed":
            tell(f"shutdown() failed in {worker.name}: {told['error']['traceback']}")
        elif batch is not None and event in ("done", "failed"):
            worker.batch, worker.deadline = None, FOREVER
            if event == "done":
                self.take_rows(batch, told["returned"])
            else:
                self.try_again(batch, told["error"]["summary"], told["error"]["traceback"])

    def not_initialised(self, error: dict[str, str]) -> None:
        """As Azure: another process tries, until as many as three times the workers have failed in a row."""
        self.uninitialised += 1
        tell(f"init() failed: {error['traceback'] if self.uninitialised == 1 else error['summary']}")
        if self.uninitialised >= 3 * self.orders["workers"]:
            raise StepError(f"init() failed {self.uninitialised} times in a row: {error['summary']}")

    def take_rows(self, batch: Batch, returned: int) -> None:
        rows = self.rows(batch)
        if self.append is not None and os.path.exists(rows):
            with open(rows, "rb") as file:
                shutil.copyfileobj(file, self.append)
            self.append.flush()
            os.unlink(rows)
        lacking = batch.items - returned
        if lacking > 0:
            what = f"run() returned {returned} of {batch.items} elements"
            self.fail(batch, f"{what}: {lacking} failed item{'s' * (lacking > 1)}", lacking)
        else:
            self.done += 1
            self.progress()

    def try_again(self, batch: Batch, reason: str, details: str) -> None:
        tell(f"{batch}, attempt {batch.tries} of {self.orders['retries'] + 1}: {details.rstrip() or reason}")
        with suppress(FileNotFoundError):
            os.unlink(self.rows(batch))
        if batch.tries <= self.orders["retries"]:
            self.waiting.append(batch)
        else:
            self.fail(batch, reason, batch.items)

    def fail(self, batch: Batch, reason: str, items: int) -> None:
        """Count it, and stop if that is too much."""
        self.failed.append(f"{batch}: {reason}")
        self.failed_items += items
        failed = len(self.failed)
        percent = 100 * failed / len(self.batches)
        for limit, found, what, name in (
            ("batches", failed, "mini-batches", "mini_batch_error_threshold"),
            ("items", self.failed_items, "items", "error_threshold"),
            ("count", failed, "mini-batches", "allowed_failed_count"),
            ("percent", percent, "% of the mini-batches", "allowed_failed_percent"),
        ):
            allowed = self.orders["limits"][limit]
            if allowed is not None and found > allowed:
                raise StepError(f"{found:.3g} {what} failed ({name}: {allowed:g})")
        self.progress()

    def lost(self, worker: Worker) -> None:
        """A worker has ended by itself."""
        if worker.ending:
            return
        code = worker.process.returncode
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        if worker.batch is None and not worker.ready:
            raise StepError(f"a worker {how} before init() was done; see {worker.name}'s lines above")
        if worker.batch is not None:
            self.try_again(worker.batch, f"its worker {how}", "")
        else:
            tell(f"{worker.name} {how} between two mini-batches")

    def end_overdue(self) -> None:
        now = time.monotonic()
        for worker in [each for each in self.workers if now >= each.deadline]:
            worker.kill()
            for told in worker.told():
                self.hear(worker, told)  # it may have made it after all
            self.dismiss(worker)
            if not worker.ready:
                raise StepError(f"init() was not done after {3 * self.orders['timeout'] + 30:g} s")
            if worker.batch is not None:
                self.try_again(worker.batch, worker.overdue, "")

    def dismiss(self, worker: Worker) -> None:
        """Nothing is left of it."""
        if worker.process.poll() is None:
            worker.kill()
        self.workers.remove(worker)
        self.selector.unregister(worker.events)
        for stream in self.streams.intersection(worker.streams):
            self.selector.unregister(stream.pipe)
            self.streams.discard(stream)
        worker.close()

    def shut_down(self) -> None:
        """Let the workers call shutdown(), each for as long as a run() may take."""
        for worker in self.workers:
            worker.send({"end": True})
            worker.ending, worker.deadline = True, time.monotonic() + self.orders["timeout"]
        while self.workers:
            self.wait()
            self.take_in()
            for worker in [each for each in self.workers if time.monotonic() >= each.deadline]:
                tell(f"{worker.name}: not done with shutdown() after {self.orders['timeout']:g} s; ended")
                self.dismiss(worker)

    def progress(self) -> None:
        if time.monotonic() >= self.told + TOLD_EVERY_S:
            self.told = time.monotonic()
            tell(f"{self.done + len(self.failed)} of {len(self.batches)} mini-batches, {len(self.failed)} failed")

    def summary(self) -> None:
        failed = f", {len(self.failed)} failed ({self.failed_items} items)" if self.failed else ""
        tell(f"{len(self.batches)} mini-batches: {self.done} done{failed}")
        for line in self.failed[:SHOWN]:
            tell(f"failed: {line}")
        if len(self.failed) > SHOWN:
            tell(f"... and {len(self.failed) - SHOWN} more")


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def split(path: str, orders: dict[str, Any]) -> list[Batch]:
    """The mini-batches, made by a process of its own: what it needs of memory is gone with it."""
    code = subprocess.call([sys.executable, os.path.join(HERE, "parallel_split.py"), path], stdin=subprocess.DEVNULL)
    if code != 0:
        raise StepError("the input data could not be split into mini-batches")
    with open(os.path.join(orders["work"], "batches.json"), encoding="utf-8") as file:
        return [Batch(number, found) for number, found in enumerate(json.load(file))]


def main(path: str) -> int:
    """The exit code."""
    with open(path, encoding="utf-8") as file:
        orders = json.load(file)
    os.makedirs(orders["work"])
    run = None
    try:
        batches = split(path, orders)
        if batches:
            tell(f"{len(batches)} mini-batches for {min(orders['workers'], len(batches))} workers")
        else:
            tell("the input is empty: there is no mini-batch")
        run = Run(orders, path, batches)
        run.run()
    except StepError as error:
        if run is not None:
            run.summary()
        tell(f"the step failed: {error}")
        return 1
    finally:
        shutil.rmtree(orders["work"], ignore_errors=True)
    run.summary()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
