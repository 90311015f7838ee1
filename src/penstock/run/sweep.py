"""A sweep node: trials of one command, side by side, whose best becomes the node's result."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

from penstock.errors import RunError
from penstock.graph.model import GraphNode, Literal
from penstock.graph.search import DEFAULT_SEED, Search, search_of
from penstock.plan import Plan
from penstock.run import step as steps
from penstock.run.early_termination import Course, due_interval, ends
from penstock.run.ports import input_text
from penstock.run.process import Handle, ProcessSpec
from penstock.run.sampling import Sampler, lacking, sampler_of
from penstock.run.step import Step
from penstock.store.tracking import TrackedRun, Tracking, mlflow_version
from penstock.store.workspace import Attempt, write_atomically

LOOK_EVERY_S = 0.2


def require_for_sweeps(plan: Plan) -> None:
    """Raises RunError if a sweep of the plan needs what is not installed."""
    for planned in plan.nodes:
        if planned.node.job.type != "sweep":
            continue
        if mlflow_version() is None:
            raise RunError(
                f"'{planned.name}' is a sweep, whose trials log their metric with MLflow: pip install mlflow"
            )
        library = lacking(search_of(planned.node))
        if library is not None:
            raise RunError(f"the sampling of '{planned.name}' needs {library}: pip install 'penstock[sweep]'")


def start_sweep(step: Step) -> Handle:
    """Start the first trials. Raises OSError."""
    if step.store is None:
        raise OSError("a sweep needs MLflow, by which its trials log their metric")
    sweep = Sweep(step, search_of(step.node), step.store)
    sweep.fill()
    return sweep


@dataclass
class _Trial:
    """`stopped` is the status and reason that a trial will have which has been told to end."""

    number: int
    attempt: Attempt
    parameters: dict[str, str]
    run: TrackedRun
    handle: Handle | None
    deadline: float | None
    values: list[float] = field(default_factory=list)
    seen: int = 0
    status: str = "running"
    reason: str = ""
    stopped: tuple[str, str] | None = None
    kill_at: float | None = None

    @property
    def name(self) -> str:
        return f"trial_{self.number}"

    @property
    def value(self) -> float | None:
        return self.values[-1] if self.values else None

    def to_json(self) -> dict[str, Any]:
        return {
            "trial": self.name,
            "status": self.status,
            "reason": self.reason,
            "parameters": self.parameters,
            "metric": self.value,
            "run_id": self.run.run_id,
        }


class Sweep:
    """Starts trials while there are parameters and free places, and ends when none runs and none is to come."""

    def __init__(self, step: Step, search: Search, store: Tracking) -> None:
        self._step, self._search, self._store = step, search, store
        self._sampler: Sampler = sampler_of(search)
        self._trials: list[_Trial] = []
        self._places = max(1, min(search.at_a_time, step.jobs))
        self._more, self._signalled, self._look_at = True, 0, 0.0
        self._code: int | None = None
        self._log: TextIO = step.attempt.log.open("a", encoding="utf-8")
        self.reason = ""
        seed = search.seed if search.seed is not None else DEFAULT_SEED
        seeded = f", seed {seed}{'' if search.seed is not None else ' (by default)'}"
        self._tell(f"{search.algorithm} sampling{'' if search.algorithm == 'grid' else seeded}")

    def poll(self) -> int | None:
        """Take in the trials that have ended, end those that have to, start the next ones."""
        if self._code is None:
            for trial in self._running():
                code = trial.handle.poll() if trial.handle is not None else 1
                if code is not None:
                    self._ended(trial, code)
            self._end_early()
            self._end_overdue()
            self.fill()
            if not self._running():
                self._code = self._conclude()
                self._log.close()
        return self._code

    def signal_all(self, number: int) -> None:
        """Pass a signal on to every trial; no other will start."""
        self._signalled = number
        for trial in self._running():
            if trial.handle is not None:
                trial.stopped = trial.stopped or ("canceled", "the sweep was ended")
                trial.handle.signal_all(number)

    @property
    def due(self) -> float | None:
        """When a trial's time is over or the metrics are looked at again."""
        times = [trial.kill_at or trial.deadline for trial in self._running()]
        times += [trial.handle.due for trial in self._running() if trial.handle is not None]
        if self._search.policy is not None:
            times.append(self._look_at)
        return min((at for at in times if at is not None), default=None)

    def fill(self) -> None:
        """Start trials while there is room for them."""
        while self._more and not self._signalled and len(self._running()) < self._places:
            number = len(self._trials)
            drawn = self._sampler.next(number) if number < self._search.max_trials else None
            if drawn is None:
                self._more = False
                return
            self._start(number, drawn)

    def _running(self) -> list[_Trial]:
        return [trial for trial in self._trials if trial.status == "running"]

    def _start(self, number: int, parameters: dict[str, str]) -> None:
        step, name = self._step, f"trial_{number}"
        node = _with(step.node, parameters)
        attempt = Attempt(step.attempt.path / "trials" / name)
        shell = Attempt(step.shell_attempt.path / "trials" / name)
        run = self._store.begin_trial(node.name, name, parameters)
        limit = self._search.trial_timeout_s
        trial = _Trial(number, attempt, parameters, run, None, time.monotonic() + limit if limit else None)
        self._trials.append(trial)
        self._tell(f"{name} starts: {_listed(parameters)}")
        try:
            attempt.prepare(steps.snapshot(node, step.files), list(node.outputs.values()))
            trial.handle = step.executor.start(
                ProcessSpec(
                    command=steps.command_line(node, step.shell, shell),
                    folder=attempt.working_folder,
                    environment=self._environment(node, parameters, run, shell),
                    log=attempt.log,
                    imports=step.imports(node),
                    own_variables=bool(steps.own_variables(node)),
                )
            )
        except OSError as error:
            self._close(trial, "failed", f"could not be started: {error}")

    def _environment(
        self, node: GraphNode, parameters: Mapping[str, str], run: TrackedRun, shell: Attempt
    ) -> dict[str, str]:
        """What a step gets, and inputs, outputs and parameters as AZUREML_SWEEP_<name>."""
        found = {name: input_text(name, value, self._step.run, shell) for name, value in node.inputs.items()}
        found |= {name: str(shell.output(port)) for name, port in node.outputs.items()}
        found |= parameters
        named = {f"AZUREML_SWEEP_{name}": text for name, text in found.items() if text is not None}
        return {**named, **steps.environment(node, self._step.run, run.variables, self._step.programs)}

    def _ended(self, trial: _Trial, code: int) -> None:
        trial.values = self._store.history(trial.run.run_id, self._search.metric)
        if trial.stopped is not None:
            self._close(trial, *trial.stopped)
        elif code != 0:
            self._close(trial, "failed", f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}")
        elif not trial.values:
            self._close(trial, "failed", f"never logged a number as the primary metric '{self._search.metric}'")
        else:
            self._close(trial, "completed", "")

    def _close(self, trial: _Trial, status: str, reason: str) -> None:
        trial.status, trial.reason = status, reason
        self._store.end_trial(trial.run.run_id, status)
        if not self._signalled:
            self._sampler.tell(trial.number, trial.value if status == "completed" else None)
        reached = f", {self._search.metric} {trial.value:.6g}" if trial.value is not None else ""
        self._tell(f"{trial.name} {status}{reached}{': ' + reason if reason else ''}")
        self._write()

    def _end_early(self) -> None:
        policy, now = self._search.policy, time.monotonic()
        if policy is None or now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        for trial in self._running():
            trial.values = self._store.history(trial.run.run_id, self._search.metric)
        for trial in self._running():
            interval = due_interval(policy, len(trial.values), trial.seen)
            if interval is None or trial.stopped is not None:
                continue
            trial.seen = interval
            others = [
                Course(other.values, other.status != "running")
                for other in self._trials
                if other is not trial and other.status != "failed"
            ]
            if ends(policy, Course(trial.values), others, interval, maximize=self._search.maximize):
                self._stop(trial, "canceled", f"ended early by {policy.kind} at interval {interval}")

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for trial in self._running():
            if trial.stopped is None and trial.deadline is not None and now >= trial.deadline:
                limit = self._search.trial_timeout_s
                self._stop(trial, "canceled", f"not done after {limit:g} s (limits: trial_timeout)")
            if trial.handle is not None and trial.kill_at is not None and now >= trial.kill_at:
                trial.handle.signal_all(signal.SIGKILL)
                trial.kill_at = None

    def _stop(self, trial: _Trial, status: str, reason: str) -> None:
        trial.stopped, trial.deadline = (status, reason), None
        trial.kill_at = time.monotonic() + self._step.grace_s
        if trial.handle is not None:
            trial.handle.signal_all(signal.SIGTERM)

    def _best(self) -> _Trial | None:
        sign = 1 if self._search.maximize else -1
        done = [
            (sign * trial.values[-1], -trial.number, trial) for trial in self._trials if trial.status == "completed"
        ]
        return max(done)[2] if done else None

    def _conclude(self) -> int:
        self._write()
        best = self._best()
        self._tell(_table(self._trials, self._search.metric, best))
        if self._signalled:
            return -self._signalled
        if best is None:
            reasons = dict.fromkeys(trial.reason for trial in self._trials)
            self.reason = f"none of its {len(self._trials)} trials completed: {'; '.join(reasons)}"
            self._tell(self.reason)
            return 1
        self._store.note_best(self._step.node.name, best.run.run_id, best.parameters)
        try:
            shutil.rmtree(self._step.attempt.outputs)
            best.attempt.outputs.rename(self._step.attempt.outputs)
        except OSError as error:
            self.reason = f"the outputs of {best.name} could not be taken over: {error}"
            return 1
        return 0

    def _write(self) -> None:
        best = self._best()
        told = {
            "objective": {
                "primary_metric": self._search.metric,
                "goal": "maximize" if self._search.maximize else "minimize",
            },
            "best_trial": best.name if best else None,
            "best_child_run_id": best.run.run_id if best else None,
            "trials": [trial.to_json() for trial in self._trials],
        }
        write_atomically(self._step.attempt.path / "trials.json", json.dumps(told, indent=2) + "\n")

    def _tell(self, text: str) -> None:
        self._log.write(text + "\n")
        self._log.flush()


def _with(node: GraphNode, parameters: Mapping[str, str]) -> GraphNode:
    """The node with the parameters as the values of its inputs."""
    drawn = {name: Literal(text, "string", node.job.place) for name, text in parameters.items()}
    return replace(node, inputs={**node.inputs, **drawn})


def _listed(parameters: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


def _table(trials: list[_Trial], metric: str, best: _Trial | None) -> str:
    rows = [("trial", "parameters", metric, "status")]
    for trial in trials:
        value = "" if trial.value is None else f"{trial.value:.6g}"
        status = trial.status + (" (best)" if trial is best else "") + (f": {trial.reason}" if trial.reason else "")
        rows.append((trial.name, _listed(trial.parameters), value, status))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join([*(row[n].ljust(widths[n]) for n in range(3)), row[3]]) for row in rows)
