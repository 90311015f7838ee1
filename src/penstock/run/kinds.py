"""What a node of each type does: the one table that says which types run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.run import step as steps
from penstock.run.process import Handle, ProcessSpec
from penstock.run.step import Step
from penstock.run.sweep import start_sweep
from penstock.spec.read import COMMAND_TYPES

Starter = Callable[[Step], Handle]


def start(step: Step) -> Handle:
    """Start an attempt whose folders are not there yet. Raises OSError if it cannot be started."""
    step.attempt.prepare(steps.snapshot(step.node, step.files), list(step.node.outputs.values()))
    return KINDS[step.node.job.type](step)


def _command(step: Step) -> Handle:
    spec = ProcessSpec(
        command=steps.command_line(step.node, step.shell, step.shell_attempt),
        folder=step.attempt.working_folder,
        environment=steps.environment(step.node, step.run, step.tracking, step.programs),
        log=step.attempt.log,
        imports=step.imports(step.node),
        own_variables=bool(steps.own_variables(step.node)),
    )
    return step.executor.start(spec)


KINDS: Mapping[str, Starter] = {**dict.fromkeys(COMMAND_TYPES, _command), "sweep": start_sweep}
