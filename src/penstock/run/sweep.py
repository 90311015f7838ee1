"""Sweep nodes: trials of one component with values of a search space; the best one's outputs become the node's."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from penstock.errors import RunError
from penstock.graph.model import GraphNode
from penstock.graph.model import Literal as Value
from penstock.graph.sweep import Sweep, sweep_of
from penstock.run import step as steps
from penstock.run.early_termination import History, verdict
from penstock.run.process import Handle, ProcessSpec
from penstock.run.sampling import DEFAULT_SEED, Sampler, sampler_of
from penstock.run.step import Step
from penstock.run.tracker import Tracker
from penstock.store.workspace import Attempt

LOOK_EVERY_S = 0.5
GRACE_S = 5.0


def start(step: Step) -> Handle:
    """Start the first trials. Raises OSError; RunError for what keeps a sweep from being run here."""
    sweep = sweep_of(step.node)
    if step.tracker is None:
        raise RunError(f"'{step.node.name}': a sweep reads its metric from MLflow, which is not installed here")
    if sweep.seed is None and sweep.algorithm != "grid":
        step.reporter.told(f"'{step.node.name}': no seed is given; the trials are drawn with the seed {DEFAULT_SEED}")
    running = SweepHandle(step, sweep, sampler_of(sweep), step.tracker)
    running.begin()
    return running


@dataclass
class Trial:
    """A trial. `ending` is why it was told to end; `seen` the intervals that early termination has looked at."""

    number: int
    values: Mapping[str, str]
    attempt: Attempt
    run_id: str
    handle: Handle
    deadline: float | None
    status: Literal["running", "completed", "failed", "canceled"] = "running"
    reason: str = ""
    metric: float | None = None
    ending: tuple[Literal["failed", "canceled"], str] | None = None
    kill_at: float | None = None
    seen: int = 0

    @property
    def name(self) -> str:
        return f"trial_{self.number}"

    def end(self, status: Literal["failed", "canceled"], reason: str) -> None:
        if self.ending is None:
            self.ending, self.deadline = (status, reason), None
            self.kill_at = time.monotonic() + GRACE_S
            self.handle.signal_all(signal.SIGTERM)

    def to_json(self) -> dict[str, Any]:
        own = {"name": self.name, "status": self.status, "reason": self.reason, "parameters": dict(self.values)}
        return {**own, "metric": self.metric, "run_id": self.run_id, "log": str(self.attempt.log)}


@dataclass
class SweepHandle:
    """The trials of one attempt, started as earlier ones end."""

    step: Step
    sweep: Sweep
    sampler: Sampler
    tracker: Tracker
    trials: list[Trial] = field(default_factory=list)
    exhausted: bool = False
    stopped: bool = False
    code: int | None = None
    looked: float = 0.0

    def begin(self) -> None:
        self._note(f"{self.sweep.algorithm} sampling; {self._goal} {self.sweep.metric}\n")
        self._start_more()

    @property
    def _goal(self) -> str:
        return "maximize" if self.sweep.maximize else "minimize"

    @property
    def _running(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.status == "running"]

    @property
    def due(self) -> float | None:
        now = time.monotonic()
        times = [each for trial in self._running for each in (trial.deadline, trial.kill_at, trial.handle.due) if each]
        if self.sweep.early_termination is not None:
            times.append(now + LOOK_EVERY_S)
        return min(times, default=None)

    def signal_all(self, number: int) -> None:
        self.stopped = True
        for trial in self._running:
            trial.handle.signal_all(number)

    def poll(self) -> int | None:
        for trial in self._running:
            code = trial.handle.poll()
            if code is not None:
                self._ended(trial, code)
        self._end_overdue()
        if not self.stopped:
            self._end_early()
            self._start_more()
        if self.code is None and not self._running:
            self.code = self._conclude()
        return self.code

    def _start_more(self) -> None:
        most = min(self.sweep.at_once, self.step.jobs)
        while not self.exhausted and len(self._running) < most:
            number = len(self.trials)
            values = self.sampler.ask(number) if number < self.sweep.trials else None
            if values is None:
                self.exhausted = True
                return
            self.trials.append(self._start(number, values))

    def _start(self, number: int, values: Mapping[str, str]) -> Trial:
        step = self.step
        node = with_values(step.node, values)
        attempt = Attempt(step.attempt.path / "trials" / f"trial_{number}")
        attempt.prepare(steps.snapshot(node, step.files), list(node.outputs.values()))
        variables = self.tracker.child(node.name, f"{node.name}.trial_{number}")
        shell = Attempt(step.shell_attempt.path / "trials" / f"trial_{number}")
        spec = ProcessSpec(
            command=steps.command_line(node, step.shell, shell),
            folder=attempt.working_folder,
            environment=steps.environment(node, step.shell, shell, variables, step.programs),
            log=attempt.log,
            read_only=steps.read_only(step),
            imports=step.imports(node),
            own_variables=bool(steps.own_variables(node)),
        )
        timeout = self.sweep.trial_timeout_s
        deadline = time.monotonic() + timeout if timeout is not None else None
        return Trial(number, values, attempt, variables["MLFLOW_RUN_ID"], step.executor.start(spec), deadline)

    def _ended(self, trial: Trial, code: int) -> None:
        """Note how a trial ended: one that has not logged the metric cannot be the best."""
        history = self.tracker.history(trial.run_id, self.sweep.metric)
        if trial.ending is not None:
            trial.status, trial.reason = trial.ending
        elif self.stopped:
            trial.status, trial.reason = "canceled", "the sweep was ended"
        elif code != 0:
            told = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            trial.status, trial.reason = "failed", told
        elif not history:
            trial.status, trial.reason = "failed", f"it has not logged the metric '{self.sweep.metric}'"
        else:
            trial.status, trial.metric = "completed", history[-1]
        self.tracker.end_child(trial.run_id, trial.status)
        sign = 1.0 if self.sweep.maximize else -1.0
        self.sampler.tell(trial.number, sign * trial.metric if trial.metric is not None else None)
        self._note(told_trial(trial, self.sweep.metric))

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for trial in self._running:
            if trial.deadline is not None and now >= trial.deadline:
                trial.end("failed", f"not done after {self.sweep.trial_timeout_s:g} s (limits: trial_timeout)")
            if trial.kill_at is not None and now >= trial.kill_at:
                trial.kill_at = None
                trial.handle.signal_all(signal.SIGKILL)

    def _end_early(self) -> None:
        policy = self.sweep.early_termination
        if policy is None or time.monotonic() < self.looked + LOOK_EVERY_S:
            return
        self.looked = time.monotonic()
        histories = {
            trial.number: History(self.tracker.history(trial.run_id, self.sweep.metric), trial.status != "running")
            for trial in self.trials
        }
        for trial in self._running:
            own = histories[trial.number]
            others = [history for number, history in histories.items() if number != trial.number]
            reason = verdict(policy, own, others, maximize=self.sweep.maximize, since=trial.seen)
            trial.seen = len(own.values)
            if reason is not None:
                trial.end("canceled", f"ended early by {reason}")

    def _conclude(self) -> int:
        """Choose the best trial, whose outputs become the node's; the exit code."""
        summary: dict[str, Any] = {"metric": self.sweep.metric, "goal": self._goal, "best": None}
        sign = 1.0 if self.sweep.maximize else -1.0
        measured = [(sign * trial.metric, -trial.number) for trial in self.trials if trial.metric is not None]
        best = self.trials[-max(measured)[1]] if measured and not self.stopped else None
        if best is not None and best.metric is not None:
            shutil.rmtree(self.step.attempt.outputs)
            best.attempt.outputs.rename(self.step.attempt.outputs)
            self.tracker.best(self.step.node.name, best.run_id, best.values, (self.sweep.metric, best.metric))
            summary["best"] = best.name
            self._note(f"\nthe best: {told_trial(best, self.sweep.metric)}")
        elif not self.stopped:
            self._note(f"\nno trial completed with the metric '{self.sweep.metric}'\n")
        summary["trials"] = [trial.to_json() for trial in self.trials]
        text = json.dumps(summary, indent=2) + "\n"
        (self.step.attempt.path / "trials.json").write_text(text, encoding="utf-8")
        if best is None:
            self.step.reporter.told(f"'{self.step.node.name}': {_why_none(self.trials, self.sweep.metric)}")
        return 0 if best is not None else 1

    def _note(self, text: str) -> None:
        with self.step.attempt.log.open("a", encoding="utf-8") as log:
            log.write(text)


def with_values(node: GraphNode, values: Mapping[str, str]) -> GraphNode:
    """The trial: the node with the values of its search space as inputs."""
    place = node.job.place
    drawn = {name: Value(text, "any", place) for name, text in values.items()}
    return replace(node, inputs={**node.inputs, **drawn})


def told_trial(trial: Trial, metric: str) -> str:
    """One line about a trial that has ended."""
    values = ", ".join(f"{name}={text}" for name, text in trial.values.items())
    outcome = f"{metric}={trial.metric:g}" if trial.metric is not None else trial.reason
    return f"{trial.name}  {trial.status}  {outcome}  {values}\n"


def _why_none(trials: list[Trial], metric: str) -> str:
    reasons = dict.fromkeys(trial.reason for trial in trials if trial.status == "failed")
    return f"none of its {len(trials)} trials completed with the metric '{metric}': {'; '.join(reasons) or 'canceled'}"
