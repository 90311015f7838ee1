"""What a node of each type does: the one table that says which types run on this machine.

A type's module is imported when the first node of it starts.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from penstock.graph.distribution import distribution_of
from penstock.run import step as steps
from penstock.run.process import Handle, ProcessSpec
from penstock.run.step import Step
from penstock.spec.read import COMMAND_TYPES


def start(step: Step) -> Handle:
    """Start an attempt whose folders are not there yet. Raises OSError if it cannot be started."""
    outputs = [] if step.node.job.type in _MAKE_THEIR_OUTPUTS else list(step.node.outputs.values())
    step.attempt.prepare(steps.snapshot(step.node, step.files), outputs)
    module, _, function = KINDS[step.node.job.type].partition(":")
    handle: Handle = getattr(importlib.import_module(f"penstock.run.{module}"), function)(step)
    return handle


def start_command(step: Step) -> Handle:
    distribution = distribution_of(step.node)
    if distribution is not None:
        from penstock.run import distributed

        return distributed.start(step, distribution)
    spec = ProcessSpec(
        command=steps.command_line(step.node, step.shell, step.shell_attempt),
        folder=step.attempt.working_folder,
        environment=steps.environment(step.node, step.shell, step.shell_attempt, step.tracking, step.programs),
        log=step.attempt.log,
        read_only=steps.read_only(step),
        imports=step.imports(step.node),
        own_variables=bool(steps.own_variables(step.node)),
    )
    return step.executor.start(spec)


# type -> module of penstock.run : what starts an attempt, a function of Step -> Handle
KINDS: Mapping[str, str] = {
    **dict.fromkeys(COMMAND_TYPES, "kinds:start_command"),
    "sweep": "sweep:start",
    "parallel": "parallel:start_parallel",
    "do_while": "loops:start",
    "parallel_for": "loops:start",
    "spark": "spark:start_spark",
    "data_transfer": "data_transfer:start_data_transfer",
}
_MAKE_THEIR_OUTPUTS = ("spark", "data_transfer")  # an address that has nothing yet, where others have a folder
