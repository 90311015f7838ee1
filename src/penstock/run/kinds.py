"""What a node of each type does: the one table that says which types run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.graph.distribution import distribution_of
from penstock.run import distributed, loops
from penstock.run import step as steps
from penstock.run.data_transfer import start_data_transfer
from penstock.run.parallel import start_parallel
from penstock.run.process import Handle, ProcessSpec
from penstock.run.spark import start_spark
from penstock.run.step import Step
from penstock.spec.read import COMMAND_TYPES

Starter = Callable[[Step], Handle]


def start(step: Step) -> Handle:
    """Start an attempt whose folders are not there yet. Raises OSError if it cannot be started."""
    outputs = [] if step.node.job.type in _MAKE_THEIR_OUTPUTS else list(step.node.outputs.values())
    step.attempt.prepare(steps.snapshot(step.node, step.files), outputs)
    return KINDS[step.node.job.type](step)


def _command(step: Step) -> Handle:
    distribution = distribution_of(step.node)
    if distribution is not None:
        return distributed.start(step, distribution)
    spec = ProcessSpec(
        command=steps.command_line(step.node, step.shell, step.shell_attempt),
        folder=step.attempt.working_folder,
        environment=steps.environment(step.node, step.run, step.tracking, step.programs),
        log=step.attempt.log,
        imports=step.imports(step.node),
        own_variables=bool(steps.own_variables(step.node)),
    )
    return step.executor.start(spec)


KINDS: Mapping[str, Starter] = {
    **dict.fromkeys(COMMAND_TYPES, _command),
    "do_while": loops.start,
    "parallel_for": loops.start,
    "parallel": start_parallel,
    "spark": start_spark,
    "data_transfer": start_data_transfer,
}
_MAKE_THEIR_OUTPUTS = ("spark", "data_transfer")  # an address that has nothing yet, where others have a folder
