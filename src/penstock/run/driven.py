"""Steps that a driver runs: a script of ours in the step's own environment, which starts the user's code.

A driver (`penstock/run/drivers/*.py`) imports the standard library alone, for the environment has no penstock. It gets
its orders as a JSON file.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from penstock.run import step as steps
from penstock.run.process import EVERYTHING_WRITABLE, Handle, ProcessSpec
from penstock.run.step import Step

_DRIVERS = Path(__file__).with_name("drivers")


def start_driver(step: Step, name: str, orders: dict[str, Any], *, own: bool = False) -> Handle:
    """Start the driver `name` in the attempt's working folder. Raises OSError.

    `own`: it runs no code but ours, which needs no keeping from the inputs.
    """
    written = step.attempt.path / f"{name}.json"
    written.write_text(json.dumps(orders, indent=2) + "\n", encoding="utf-8")
    command = shlex.join(["python", str(_DRIVERS / f"{name}.py"), str(written)])
    return step.executor.start(
        ProcessSpec(
            command=f"exec {command}",
            folder=step.attempt.working_folder,
            environment=steps.environment(step.node, step.shell, step.shell_attempt, step.tracking, step.programs),
            log=step.attempt.log,
            read_only=EVERYTHING_WRITABLE if own else steps.read_only(step),
        )
    )
