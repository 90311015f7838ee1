"""The engine's loop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct, field

from penstock.errors import RunError
from penstock.graph.model import GraphNode
from penstock.plan import Plan, PlannedNode
from penstock.run import kinds
from penstock.run.guards import judged
from penstock.run.inputs import Inputs, in_words
from penstock.run.logs import LOOK_EVERY_S, Logs, told
from penstock.run.ports import unwritten_inputs
from penstock.run.process import Executor, Handle
from penstock.run.publish import Publishing
from penstock.run.reporter import Reporter
from penstock.run.result import NodeResult, RunResult, Status
from penstock.run.reuse import Reuse
from penstock.run.step import THIS_INTERPRETER, Step
from penstock.run.tracker import Tracker
from penstock.run.wakeups import Wakeups
from penstock.spec.files import Files
from penstock.store.workspace import RunFolder, shell_safe

GRACE_S = 5.0
SAVE_EVERY_S = 0.25


class Context(Struct, frozen=True):
    """What all nodes of a run share. `tracking` holds each node's MLflow variables.

    `programs` holds the folder of the interpreter of each node that has one of its own.
    `deliver` puts what a node has made where else it is to go, or says why it cannot.
    `guarded`: whether this machine can keep a process from writing to its inputs.
    `retries`: how many more attempts a node gets that fails or is not done in time.
    """

    folder: RunFolder
    files: Files
    executor: Executor
    reporter: Reporter
    tracking: Mapping[str, Mapping[str, str]]
    jobs: int
    reuse: Reuse
    imports: Callable[[GraphNode], tuple[str, ...]]
    programs: Mapping[str, Path]
    deliver: Callable[[str], str | None]
    tracker: Tracker | None = None
    retries: int = 0
    spark_master: str = "local[*]"
    guarded: bool = True
    grace_s: float = GRACE_S


class _Running(Struct):
    """A node whose process is alive; `stopped` is how it will have ended once it has been told to end.

    `began` is the start of its first attempt, `deadline` that of this attempt by its `limits: timeout`.
    """

    planned: PlannedNode
    step: Step
    handle: Handle
    began: float
    deadline: float | None
    logs: Logs
    inputs: Inputs
    stopped: tuple[Status, str] | None = None
    kill_at: float | None = None

    def stop(self, status: Status, reason: str, grace_s: float) -> None:
        if self.stopped is None:
            self.stopped, self.deadline = (status, reason), None
            self.kill_at = time.monotonic() + grace_s
            self.handle.signal_all(signal.SIGTERM)

    @property
    def due(self) -> float | None:
        """When something has to be done about it even if it does not end."""
        own = self.kill_at if self.kill_at is not None else self.deadline
        return min((due for due in (own, self.handle.due) if due is not None), default=None)


class Runner(Struct):
    """Runs a plan to its end.

        while a node waits or runs:
            start every node whose needs are met, while there is a free slot
            write down what has ended, now that others run meanwhile
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
    stopping: bool = False
    began: float = field(default_factory=time.monotonic)
    saved: float = 0.0
    looked: float = field(default_factory=time.monotonic)
    shell_folder: RunFolder | None = None
    unwritten: list[Callable[[], None]] = field(default_factory=list)

    def run(self) -> RunResult:
        """Run every node; returns when all have ended."""
        self.waiting = {planned.name: planned for planned in self.plan.nodes}
        self._save_progress()
        folder = self.context.folder
        with Wakeups() as wakeups, shell_safe(folder) as self.shell_folder:
            while self.waiting or self.running:
                self._start_ready()
                self._write_down()
                if self.running:
                    wakeups.wait(self._until_next_due(), self.context.executor.sockets)
                if wakeups.interrupts:
                    self._cancel(again=wakeups.interrupts > 1)
                self._take_in_ended()
                self._end_overdue()
                self._look_at_logs()
            self._write_down()
        result = self._result(self._status())
        self.context.folder.write_summary(result.to_json())
        return result

    def _write_down(self) -> None:
        """Keep for reuse, write and tell what has ended: nothing that a node waits for."""
        while self.unwritten:
            self.unwritten.pop(0)()

    def _start_ready(self) -> None:
        for planned in list(self.waiting.values()):
            if len(self.running) >= self.context.jobs or self.cancelled:
                return
            if planned.name in self.waiting and self._is_ready(planned):
                del self.waiting[planned.name]
                if self._may_run(planned):
                    self._start(planned)

    def _is_ready(self, planned: PlannedNode) -> bool:
        return all(self._has_completed(name) for name in planned.needs) and all(
            name in self.results for name in planned.after
        )

    def _may_run(self, planned: PlannedNode) -> bool:
        """Whether the conditions of the node are met; if not, it has been skipped, or has failed for lack of one."""
        for guard in planned.node.guards:
            verdict = judged(guard, self.results, self.context.folder)
            if verdict is not None:
                self._leave_out(planned, *verdict, quiet=guard.quiet and verdict[0] == "skipped")
                return False
        broken = [name for name in planned.after if self.results[name].status in ("failed", "canceled")]
        if planned.node.iterations and broken:
            self._leave_out(planned, "skipped", f"'{broken[0]}' {self.results[broken[0]].status}")
            return False
        return True

    def _leave_out(self, planned: PlannedNode, status: Status, reason: str, *, quiet: bool = False) -> None:
        """End a node that is not to run, and those that need it."""
        if quiet:
            self.results[planned.name] = NodeResult.unreached(planned.name)
        else:
            self._finish(planned, status, reason, None)
        if status == "skipped":
            for name in self.plan.dependents(planned.name):
                waiting = self.waiting.pop(name, None)
                if waiting is not None:
                    self._leave_out(waiting, "skipped", f"'{planned.name}' was skipped", quiet=quiet)

    def _has_completed(self, name: str) -> bool:
        result = self.results.get(name)
        return result is not None and result.status in ("completed", "reused")

    def _start(self, planned: PlannedNode, number: int = 1, began: float | None = None) -> None:
        node, context = planned.node, self.context
        started = time.monotonic()
        began = began if began is not None else started
        step = Step(
            node=node,
            run=context.folder,
            shell=self.shell_folder or self.context.folder,
            number=number,
            tracking=context.tracking.get(node.name, {}),
            files=context.files,
            executor=context.executor,
            imports=context.imports,
            programs=context.programs.get(node.name, THIS_INTERPRETER),
            reporter=context.reporter,
            jobs=context.jobs,
            tracker=context.tracker,
            spark_master=context.spark_master,
            guarded=context.guarded,
        )
        unwritten = unwritten_inputs(node, context.folder)
        if unwritten:
            self._finish(planned, "failed", "; ".join(unwritten), step, began)
            return
        if number == 1 and self._reused(planned, began):
            return
        inputs = Inputs.of(node, context.folder, guarded=context.guarded)
        try:
            handle = kinds.start(step)
        except (OSError, RunError) as error:
            self._finish(planned, "failed", f"could not be started: {error}", step, began)
            return
        deadline = started + node.timeout_s if node.timeout_s is not None else None
        self.running[node.name] = _Running(planned, step, handle, began, deadline, Logs(step.attempt.path), inputs)
        if number == 1:
            context.reporter.started(node.name)

    def _reused(self, planned: PlannedNode, began: float) -> bool:
        """Take over what an earlier run has made of the same, if it is there."""
        entry = self.context.reuse.find(planned.node)
        if entry is None:
            return False
        try:
            self.context.reuse.restore(planned.node, entry)
        except OSError as error:
            self.context.reporter.told(f"'{planned.name}': what was kept of {entry.run} cannot be used: {error}")
            return False
        problem = self.context.deliver(planned.name)
        status: Status = "reused" if problem is None else "failed"
        self._finish(planned, status, problem or f"as in {entry.run}", None, began, log=entry.log)
        return True

    def _take_in_ended(self) -> None:
        for name, running in list(self.running.items()):
            code = running.handle.poll()
            if code is None:
                continue
            del self.running[name]
            self._tell_of_logs(name, running.logs.close())
            status, reason = self._judge(running, code)
            if status == "failed" and running.step.number <= self.context.retries and not self._is_final(name):
                self.context.reporter.told(f"'{name}': attempt {running.step.number} failed ({reason}); once more")
                self._start(running.planned, running.step.number + 1, running.began)
            else:
                self._finish(running.planned, status, reason, running.step, running.began)

    def _look_at_logs(self) -> None:
        if time.monotonic() >= self.looked + LOOK_EVERY_S:
            self.looked = time.monotonic()
            for name, running in self.running.items():
                self._tell_of_logs(name, running.logs.look())

    def _tell_of_logs(self, name: str, grown: list[Path]) -> None:
        for path in grown:
            self.context.reporter.told(f"'{name}': the log {path} {told()}")

    def _is_final(self, name: str) -> bool:
        """Whether a failed node stays that: all is being stopped, or its outputs are there and could not go on."""
        return self.stopping or self.context.folder.node(name).outputs.exists()

    def _judge(self, running: _Running, code: int) -> tuple[Status, str]:
        changed = running.inputs.changed()
        self.context.reuse.forget(running.planned.node, changed)
        if running.stopped is not None:
            return running.stopped
        if code != 0:
            return "failed", f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        if changed:
            return "failed", in_words(changed)
        try:
            problem = self._publishing.publish(running.planned.node, running.step.attempt)
        except OSError as error:
            problem = f"its outputs could not be published: {error}"
        return ("failed", problem) if problem is not None else ("completed", "")

    def _finish(
        self,
        planned: PlannedNode,
        status: Status,
        reason: str,
        step: Step | None,
        began: float | None = None,
        *,
        log: str | None = None,
    ) -> None:
        """Note a node's end, and let a failure have its consequences."""
        folder = self.context.folder.node(planned.name)
        if step is not None and step.attempt.log.exists():
            log = str(step.attempt.log)
        outputs = {}
        if status in ("completed", "reused"):
            outputs = {p: str(folder.output(p)) for p in planned.node.outputs if folder.output(p).exists()}
        result = NodeResult(
            name=planned.name,
            status=status,
            reason=reason,
            attempts=step.number if step else 0,
            duration_s=time.monotonic() - began if began is not None else 0.0,
            outputs=outputs,
            log=log,
        )
        self.results[planned.name] = result
        self.unwritten.append(lambda: self._write(result))
        if status == "failed":
            self._after_failure(planned.name)

    def _write(self, result: NodeResult) -> None:
        key = self.context.reuse.keys.get(result.name)
        document = {**result.to_json(), "key": dict(key.parts) if key is not None else None}
        self.context.folder.node(result.name).write_result(document)
        self._save_progress()
        self.context.reporter.ended(result)

    def _after_failure(self, name: str) -> None:
        """Skip what needs the failed node; unless the job says to go on, skip and stop everything else too."""
        go_on = self.plan.graph.job.settings.continue_on_step_failure
        for skipped in self.plan.dependents(name) if go_on else list(self.waiting):
            planned = self.waiting.pop(skipped, None)
            if planned is not None:
                self._finish(planned, "skipped", f"'{name}' failed", None)
        if not go_on:
            self._stop_running(f"'{name}' failed")

    def _cancel(self, *, again: bool) -> None:
        if not self.cancelled:
            self.cancelled = True
            self.context.reporter.told("cancelled: ending the steps that run (once more to end them at once)")
            self._stop_running("cancelled")
            for planned in list(self.waiting.values()):
                del self.waiting[planned.name]
                self._finish(planned, "canceled", "cancelled", None)
        if again:
            for running in self.running.values():
                running.kill_at = running.kill_at and 0.0

    def _stop_running(self, reason: str) -> None:
        self.stopping = True
        for running in self.running.values():
            running.stop("canceled", reason, self.context.grace_s)

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for running in self.running.values():
            if running.deadline is not None and now >= running.deadline:
                reason = f"not done after {running.planned.node.timeout_s:g} s (limits: timeout)"
                running.stop("failed", reason, self.context.grace_s)
            if running.kill_at is not None and now >= running.kill_at:
                running.handle.signal_all(signal.SIGKILL)
                running.kill_at = None

    def _until_next_due(self) -> float:
        due = [running.due for running in self.running.values() if running.due is not None]
        return max(0.0, min([*due, self.looked + LOOK_EVERY_S]) - time.monotonic())

    def _status(self) -> Status:
        if self.cancelled:
            return "canceled"
        return "failed" if any(result.status == "failed" for result in self.results.values()) else "completed"

    @property
    def _publishing(self) -> Publishing:
        context = self.context
        return Publishing(context.folder, context.reuse, context.deliver, context.reporter.told, self.unwritten.append)

    def _save_progress(self) -> None:
        """Rewrite run.json, at most every `SAVE_EVERY_S`; each node's own end is in its node.json at once."""
        if time.monotonic() >= self.saved + SAVE_EVERY_S:
            self.context.folder.write_summary(self._result("running").to_json())
            self.saved = time.monotonic()

    def _result(self, status: Status) -> RunResult:
        ended = (self.results[planned.name] for planned in self.plan.nodes if planned.name in self.results)
        order = [result for result in ended if not result.is_unreached]
        outputs = {
            name: self.results[source.node].outputs[source.port]
            for name, source in self.plan.graph.outputs.items()
            if source.node in self.results and source.port in self.results[source.node].outputs
        }
        duration = time.monotonic() - self.began
        return RunResult(self.context.folder.name, status, duration, outputs, tuple(order))
