"""The steps of a pipeline one after the other in one process, as a script that somebody writes by hand would run them.

What `penstock run` with warm workers is compared with: the same commands, working folders and MLflow runs, and every
library imported once.
"""

from __future__ import annotations

import os
import runpy
import shlex
import sys
from pathlib import Path

from penstock.cli.definition import load_plan
from penstock.run import step as steps
from penstock.store.files import Disk
from penstock.store.tracking import Tracking
from penstock.store.workspace import Workspace


def main(job: Path, workspace: Path) -> int:
    """Run the job's Python steps; the exit code is that of the first that fails."""
    disk = Disk()
    plan, _ = load_plan(job, (), disk)
    place = Workspace(workspace)
    run = place.new_run(plan.graph.job.name)
    tracking = Tracking(place, plan.graph.job.name, run.name, [planned.name for planned in plan.nodes])
    begun = tracking.begin()
    path = list(sys.path)
    for planned in plan.nodes:
        node, attempt = planned.node, run.node(planned.name).attempt(1)
        attempt.prepare(steps.snapshot(node, disk), list(node.outputs.values()))
        os.environ.update(steps.environment(node, run, attempt, begun[node.name].variables, steps.THIS_INTERPRETER))
        os.chdir(attempt.working_folder)
        _, script, *arguments = shlex.split(steps.command_line(node, run, attempt))
        sys.argv, sys.path[:] = [script, *arguments], [str(attempt.working_folder), *path]
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as ended:
            if ended.code:
                return int(ended.code)
        _forget(attempt.working_folder)
        run.node(planned.name).publish(attempt)
    return 0


def _forget(folder: Path) -> None:
    """The next step has modules of the same names."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()))
