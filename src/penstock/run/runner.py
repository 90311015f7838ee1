"""The engine's loop."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.plan import Plan, PlannedNode
from penstock.run import step
from penstock.run.orphans import adopting
from penstock.run.process import Executor, Handle, ProcessSpec
from penstock.run.reporter import Reporter
from penstock.run.result import NodeResult, RunResult, Status
from penstock.run.wakeups import Wakeups
from penstock.spec.files import Files
from penstock.store.workspace import Attempt, RunFolder, shell_safe

GRACE_S = 5.0
SAVE_EVERY_S = 0.25


@dataclass(frozen=True)
class Context:
    """What all nodes of a run share. `tracking` holds each node's MLflow variables."""

    folder: RunFolder
    files: Files
    executor: Executor
    reporter: Reporter
    tracking: Mapping[str, Mapping[str, str]]
    jobs: int
    grace_s: float = GRACE_S


@dataclass
class _Running:
    """A node whose process is alive; `stop_reason` once it has been told to end."""

    planned: PlannedNode
    attempt: Attempt
    handle: Handle
    started: float
    stop_reason: str | None = None
    kill_at: float | None = None


@dataclass
class Runner:
    """Runs a plan to its end.

        while a node waits or runs:
            start every node whose needs are met, while there is a free slot
            wait for a child to end, a signal, or a deadline
            take in what has ended: publish its outputs, or mark it failed
            on a failure or a cancel: stop the others, first politely, then not

    One thread, one loop; only this class decides what happens to a node.
    """

    plan: Plan
    context: Context
    waiting: dict[str, PlannedNode] = field(default_factory=dict)
    running: dict[str, _Running] = field(default_factory=dict)
    results: dict[str, NodeResult] = field(default_factory=dict)
    cancelled: bool = False
    began: float = field(default_factory=time.monotonic)
    saved: float = 0.0
    shell_folder: RunFolder = field(init=False)

    def run(self) -> RunResult:
        """Run every node, and return when no process of the run is left."""
        self.waiting = {planned.name: planned for planned in self.plan.nodes}
        self._save_progress()
        folder = self.context.folder
        with Wakeups() as wakeups, adopting(folder.name), shell_safe(folder) as self.shell_folder:
            while self.waiting or self.running:
                self._start_ready()
                if self.running:
                    wakeups.wait(self._until_next_kill())
                if wakeups.interrupts:
                    self._cancel(again=wakeups.interrupts > 1)
                self._take_in_ended()
                self._kill_overdue()
        result = self._result(self._status())
        self.context.folder.write_summary(result.to_json())
        return result

    def _start_ready(self) -> None:
        for planned in list(self.waiting.values()):
            if len(self.running) >= self.context.jobs or self.cancelled:
                return
            if planned.name in self.waiting and all(self._has_completed(name) for name in planned.needs):
                del self.waiting[planned.name]
                self._start(planned)

    def _has_completed(self, name: str) -> bool:
        result = self.results.get(name)
        return result is not None and result.status == "completed"

    def _start(self, planned: PlannedNode) -> None:
        node, folder = planned.node, self.context.folder
        attempt, started = folder.node(node.name).attempt(1), time.monotonic()
        unwritten = step.unwritten_inputs(node, folder)
        if unwritten:
            self._finish(planned, "failed", "; ".join(unwritten), attempt, started)
            return
        try:
            attempt.prepare(step.snapshot(node, self.context.files), list(node.outputs.values()))
            spec = ProcessSpec(
                command=step.command_line(node, self.shell_folder, self.shell_folder.node(node.name).attempt(1)),
                folder=attempt.working_folder,
                environment=step.environment(node, folder, self.context.tracking.get(node.name, {})),
                log=attempt.log,
            )
            handle = self.context.executor.start(spec)
        except OSError as error:
            self._finish(planned, "failed", f"could not be started: {error}", attempt, started)
            return
        self.running[node.name] = _Running(planned, attempt, handle, started)
        self.context.reporter.started(node.name)

    def _take_in_ended(self) -> None:
        for name, running in list(self.running.items()):
            code = running.handle.poll()
            if code is None:
                continue
            del self.running[name]
            status, reason = self._judge(running, code)
            self._finish(running.planned, status, reason, running.attempt, running.started)

    def _judge(self, running: _Running, code: int) -> tuple[Status, str]:
        if running.stop_reason is not None:
            return "canceled", running.stop_reason
        if code != 0:
            return "failed", f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        node = running.planned.node
        for port in running.attempt.unwritten(list(node.outputs.values())):
            message = f"'{node.name}' wrote nothing to its output '{port}'; on Azure there would be nothing to read"
            self.context.reporter.told(message)
        linked = [port for port in node.outputs.values() if running.attempt.output(port).is_symlink()]
        if linked:
            return "failed", f"its output '{linked[0].name}' is a symbolic link; on Azure only real files are kept"
        try:
            self.context.folder.node(node.name).publish(running.attempt)
        except OSError as error:
            return "failed", f"its outputs could not be published: {error}"
        return "completed", ""

    def _finish(
        self, planned: PlannedNode, status: Status, reason: str, attempt: Attempt | None, started: float
    ) -> None:
        """Note a node's end, tell it, and let a failure have its consequences."""
        folder, log = self.context.folder.node(planned.name), attempt.log if attempt else None
        outputs = {}
        if status == "completed":
            outputs = {p: str(folder.output(p)) for p in planned.node.outputs if folder.output(p).exists()}
        result = NodeResult(
            name=planned.name,
            status=status,
            reason=reason,
            attempts=1 if attempt else 0,
            duration_s=time.monotonic() - started if attempt else 0.0,
            outputs=outputs,
            log=str(log) if log and log.exists() else None,
        )
        self.results[planned.name] = result
        folder.write_result(result.to_json())
        self._save_progress()
        self.context.reporter.ended(result)
        if status == "failed":
            self._after_failure(planned.name)

    def _after_failure(self, name: str) -> None:
        """Skip what needs the failed node; unless the job says to go on, skip and stop everything else too."""
        go_on = self.plan.graph.job.settings.continue_on_step_failure
        for skipped in self.plan.dependents(name) if go_on else list(self.waiting):
            planned = self.waiting.pop(skipped, None)
            if planned is not None:
                self._finish(planned, "skipped", f"'{name}' failed", None, 0.0)
        if not go_on:
            self._stop_running(f"'{name}' failed")

    def _cancel(self, *, again: bool) -> None:
        if not self.cancelled:
            self.cancelled = True
            self.context.reporter.told("cancelled: ending the steps that run (once more to end them at once)")
            self._stop_running("cancelled")
            for planned in list(self.waiting.values()):
                del self.waiting[planned.name]
                self._finish(planned, "canceled", "cancelled", None, 0.0)
        if again:
            for running in self.running.values():
                running.kill_at = running.kill_at and 0.0

    def _stop_running(self, reason: str) -> None:
        for running in self.running.values():
            if running.stop_reason is None:
                running.stop_reason = reason
                running.kill_at = time.monotonic() + self.context.grace_s
                running.handle.signal_all(signal.SIGTERM)

    def _kill_overdue(self) -> None:
        for running in self.running.values():
            if running.kill_at is not None and time.monotonic() >= running.kill_at:
                running.handle.signal_all(signal.SIGKILL)
                running.kill_at = None

    def _until_next_kill(self) -> float | None:
        deadlines = [running.kill_at for running in self.running.values() if running.kill_at is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _status(self) -> Status:
        if self.cancelled:
            return "canceled"
        return "failed" if any(result.status == "failed" for result in self.results.values()) else "completed"

    def _save_progress(self) -> None:
        """Rewrite run.json, at most every `SAVE_EVERY_S`; each node's own end is in its node.json at once."""
        if time.monotonic() >= self.saved + SAVE_EVERY_S:
            self.context.folder.write_summary(self._result("running").to_json())
            self.saved = time.monotonic()

    def _result(self, status: Status) -> RunResult:
        order = [self.results[planned.name] for planned in self.plan.nodes if planned.name in self.results]
        outputs = {
            name: self.results[source.node].outputs[source.port]
            for name, source in self.plan.graph.outputs.items()
            if source.node in self.results and source.port in self.results[source.node].outputs
        }
        duration = time.monotonic() - self.began
        return RunResult(self.context.folder.name, status, duration, outputs, tuple(order))
