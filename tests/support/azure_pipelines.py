"""Walks a pipeline of Azure DevOps: expands its templates, and runs the scripts of its steps, in order, for real.

It knows parameters, variables, dependsOn, and the conditions that the files use; the tasks that it meets are either
scripts (AzureCLI), results that it looks for (PublishTestResults), or the agent's own (UsePythonVersion). Whatever else
it meets is an error, so no step is passed over in silence.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import uuid4
from xml.etree import ElementTree as Xml

import yaml

_PARAMETER = re.compile(r"\$\{\{\s*parameters\.(\w+)\s*\}\}")
_VARIABLE = re.compile(r"\$\(([\w.]+)\)")
_SETVARIABLE = re.compile(r"##vso\[task\.setvariable variable=(\w+)\](.*)")
_TAG = "##vso[build.addbuildtag]"
_AGENT_S = {"UsePythonVersion@0"}
# By this variable an agent knows the processes that a job has left: src/Agent.Worker/JobRunner.cs of its sources.
_LOOKUP = "VSTS_PROCESS_LOOKUP_ID"


@dataclass(frozen=True)
class Step:
    """A step as it was run. `status`: succeeded, failed, canceled or skipped."""

    job: str
    name: str
    script: str
    status: str
    said: str = ""


class Orphan:
    """What a script that was cancelled has started. `killed`: some of it was still there when its job ended."""

    def __init__(self, script: str, output: IO[str]) -> None:
        self.script, self.killed, self._output, self._lines = script, False, output, list[str]()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with self._output:
            self._lines.extend(self._output)

    @property
    def said(self) -> str:
        """After the script was cancelled, to its end. Called when all its processes have ended."""
        self._reader.join(timeout=30)
        assert not self._reader.is_alive(), f"something that {self.script} has started is still there"
        return "".join(self._lines)


@dataclass
class Walk:
    """What became of a pipeline."""

    steps: list[Step] = field(default_factory=list)
    stages: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    results: dict[str, list[str]] = field(default_factory=dict)
    """Title -> names of the tests whose results were published."""
    orphans: list[Orphan] = field(default_factory=list)

    @property
    def status(self) -> str:
        ended = [status for status in self.stages.values() if status not in {"skipped", "succeeded"}]
        return "failed" if "failed" in ended else next(iter(ended), "succeeded")

    def ran(self, stage: str) -> list[tuple[str, str]]:
        """(script, status) of the scripts of a stage's job, the set-up aside."""
        own = [step for step in self.steps if step.job == stage and step.script not in {"", "make setup"}]
        return [(step.script, step.status) for step in own if step.status != "skipped"]

    def said(self, script: str) -> str:
        return "".join(step.said for step in self.steps if step.script == script)


class Walker:
    """Runs pipelines in a copy of the repository.

    `variables` are the build's and the variable groups', by name; those of the pipeline itself are added. `secrets` are
    variables, too, which no script has in its environment unless the step says so. `connection` is what a task has in
    its environment that names the service connection `penstock-azure`; a script has none of it. `cancels`:
    called with each line that a script prints; the build is cancelled when it says so. Then its shell is killed, and it
    alone, as agents do: what that has started goes on beside the steps that follow, to its own end or that of the job.
    `between`: called before these steps. `patience`: seconds for which a job waits for the former before it ends.
    `before`: called with the name of each stage that begins.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        variables: Mapping[str, str],
        secrets: Mapping[str, str],
        connection: Mapping[str, str],
    ) -> None:
        self._folder, self._environment, self._variables = folder, dict(environment), dict(variables)
        self._secrets, self._connection = dict(secrets), dict(connection)
        self.cancels: Callable[[str], bool] = lambda _: False
        self.before: Callable[[str], None] = lambda _: None
        self.between: Callable[[], None] = lambda: None
        self.patience = 0.0
        self._lookup = ""

    def choose_tests(self, options: str) -> None:
        """What pytest takes as the first of its arguments, in the scripts that follow."""
        self._environment["PYTEST_ADDOPTS"] = options

    def walk(
        self, pipeline: str, parameters: Mapping[str, str] | None = None, only: str | None = None, **variables: str
    ) -> Walk:
        """`only`: the one stage to run, as when the others are unticked. `variables` are set when it is queued."""
        document = load(self._folder / ".azure/pipelines" / pipeline, parameters)
        shared = {**self._variables, **_variables(document.get("variables"))}
        done = Walk()
        stages = document.get("stages") or [{"stage": "only", "jobs": document["jobs"]}]
        for stage in [each for each in stages if only in {None, each["stage"]}]:
            name, needs = stage["stage"], stage.get("dependsOn", list(done.stages)[-1:]) if only is None else []
            before = [done.stages[need] for need in ([needs] if isinstance(needs, str) else needs)]
            if not _holds(stage.get("condition", "succeeded()"), before, {**shared, **variables}):
                done.stages[name] = "skipped"
                continue
            self.before(name)
            own = {**shared, **_variables(stage.get("variables"))}
            statuses = [
                self._job(name, job, {**own, **_variables(job.get("variables")), **variables}, done)
                for job in stage["jobs"]
            ]
            done.stages[name] = next((status for status in statuses if status != "succeeded"), "succeeded")
        return done

    def _job(self, stage: str, job: dict[str, Any], variables: dict[str, str], done: Walk) -> str:
        shutil.rmtree(self._folder / "reports", ignore_errors=True)  # each job has an agent of its own
        steps = job.get("steps") or job["strategy"]["runOnce"]["deploy"]["steps"]
        self._lookup = f"vsts_{uuid4()}"
        try:
            return self._steps(stage, steps, variables, done)
        finally:
            self._end_leftovers(done.orphans)

    def _steps(self, stage: str, steps: list[dict[str, Any]], variables: dict[str, str], done: Walk) -> str:
        status = "succeeded"
        for step in steps:
            if not _holds(step.get("condition", "succeeded()"), [status], variables):
                done.steps.append(Step(stage, step.get("displayName", ""), _script(step), "skipped"))
                continue
            ended = self._step(stage, step, variables, done)
            done.steps.append(ended)
            if status == "succeeded":
                status = ended.status
        return status

    def _step(self, stage: str, step: dict[str, Any], variables: dict[str, str], done: Walk) -> Step:
        name, script = step.get("displayName", ""), _script(step)
        if script:
            own = {
                key: _filled(value, {**variables, **self._secrets}) for key, value in (step.get("env") or {}).items()
            }
            connection = (step.get("inputs") or {}).get("azureSubscription")
            assert connection in {None, "penstock-azure"}, f"the walker does not know the connection {connection}"
            code, said = self._run(script, {**variables, **own}, self._connection if connection else {}, done)
            for line in said.splitlines():
                found = _SETVARIABLE.match(line)
                if found is not None:
                    done.outputs[found[1]] = variables[found[1]] = found[2]
                elif line.startswith(_TAG):
                    done.tags.append(line.removeprefix(_TAG))
            status = "canceled" if code == 130 else "failed" if code else "succeeded"
            return Step(stage, name, script, status, said)
        if step.get("task") == "PublishTestResults@2":
            files = list(self._folder.glob(step["inputs"]["testResultsFiles"]))
            cases = [case.get("name", "") for file in files for case in Xml.parse(file).iter("testcase")]
            done.results[step["inputs"]["testRunTitle"]] = cases
            return Step(stage, name, "", "succeeded" if cases else "failed")
        if "checkout" not in step and step.get("task") not in _AGENT_S:
            raise AssertionError(f"the walker does not know this step: {step}")
        return Step(stage, name, "", "succeeded")

    def _run(
        self, script: str, variables: Mapping[str, str], connection: Mapping[str, str], done: Walk
    ) -> tuple[int, str]:
        """A script as the agent runs it: variables are in its environment, names in capitals, dots as underscores."""
        given = {key.upper().replace(".", "_"): _filled(value, variables) for key, value in variables.items()}
        environment = {**os.environ, **self._environment, **given, **connection, "TF_BUILD": "True"}
        said = []
        process = subprocess.Popen(
            ["bash", "-c", f"{_filled(script, variables)}\nexit $?"],  # two commands: else bash becomes the first one
            cwd=self._folder,
            env={**environment, _LOOKUP: self._lookup},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if self.cancels(line):
                process.kill()
                process.wait()
                done.orphans.append(Orphan(script, process.stdout))
                self.between()
                return 130, "".join(said)
        process.stdout.close()
        return process.wait(), "".join(said)

    def _end_leftovers(self, orphans: list[Orphan]) -> None:
        """As agents do when a job ends."""
        until = time.monotonic() + self.patience
        while _bearing(self._lookup) and time.monotonic() < until:
            time.sleep(0.1)
        while left := _bearing(self._lookup):
            for orphan in orphans:
                orphan.killed = True
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)


def _bearing(job: str) -> list[int]:
    """The processes that have been started by a job, whatever has become of their parents."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # somebody else's, or gone
            if f"{_LOOKUP}={job}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def load(file: Path, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A pipeline with its templates in their places and its parameters filled in."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    declared = {each["name"]: each for each in document.pop("parameters", [])}
    unknown = set(parameters or {}) - set(declared)
    assert not unknown, f"{file} has no parameters {unknown}"
    values = {**{name: each.get("default") for name, each in declared.items()}, **(parameters or {})}
    lacking = [name for name, value in values.items() if value is None]
    assert not lacking, f"{file}: {lacking} are needed"
    for name, each in declared.items():
        _accept(f"{file}: {name}", each, str(values[name]))
    expanded = _expanded(document, values, file.parent)
    assert isinstance(expanded, dict)
    return expanded


def _accept(what: str, declared: Mapping[str, Any], value: str) -> None:
    """What Azure DevOps lets nobody start a build with is an error."""
    assert declared["type"] in {"string", "number"}, f"the walker does not know the type of {what}"
    if declared["type"] == "number":
        assert re.fullmatch(r"-?\d+(\.\d+)?", value), f"{what} is no number: {value}"
    allowed = declared.get("values", [value])
    assert value in allowed, f"{what} is none of {allowed}: {value}"


def scripts(document: Any) -> Iterator[str]:
    """Every script in a pipeline."""
    if isinstance(document, dict):
        script = _script(document)
        if script:
            yield script
        for value in document.values():
            yield from scripts(value)
    elif isinstance(document, list):
        for value in document:
            yield from scripts(value)


def _expanded(value: Any, parameters: Mapping[str, Any], folder: Path) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(each, parameters, folder) for key, each in value.items()}
    if isinstance(value, list):
        return [step for each in value for step in _in_place(each, parameters, folder)]
    if isinstance(value, str):
        return _PARAMETER.sub(lambda found: str(parameters[found[1]]), value)
    return value


def _in_place(each: Any, parameters: Mapping[str, Any], folder: Path) -> list[Any]:
    if isinstance(each, dict) and "template" in each:
        given = _expanded(each.get("parameters", {}), parameters, folder)
        document = load(folder / each["template"], given)
        return [one for value in document.values() for one in value]
    return [_expanded(each, parameters, folder)]


def _variables(declared: Any) -> dict[str, str]:
    if isinstance(declared, list):
        return {each["name"]: str(each["value"]) for each in declared if "name" in each}
    return {key: str(value) for key, value in (declared or {}).items()}


def _script(step: Mapping[str, Any]) -> str:
    return str(step.get("script") or (step.get("inputs") or {}).get("inlineScript") or "")


def _filled(text: Any, variables: Mapping[str, str]) -> str:
    """`$(name)` filled in, also in the values; one that is not known stays as it is, as in Azure DevOps."""
    filled = _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), str(text))
    return filled if filled == text else _filled(filled, variables)


def _holds(condition: str, before: list[str], variables: Mapping[str, str]) -> bool:
    """The conditions that are used. What a build that is cancelled skips is what does not ask for it."""
    succeeded = all(status == "succeeded" for status in before)
    simple = {
        "succeeded()": succeeded,
        "failed()": "failed" in before,
        "canceled()": "canceled" in before,
        "always()": True,
        "succeededOrFailed()": "canceled" not in before,
    }
    if condition in simple:
        return simple[condition]
    found = re.fullmatch(r"and\((\w+\(\)), (eq|ne)\(variables\['([\w.]+)'\], '(\w+)'\)\)", condition)
    assert found is not None, f"the walker does not know this condition: {condition}"
    equal = variables.get(found[3], "") == found[4]
    return _holds(found[1], before, variables) and equal == (found[2] == "eq")
