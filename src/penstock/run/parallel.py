"""Parallel steps: the data split into mini-batches, each run by one of several workers, by a driver."""

from __future__ import annotations

import itertools
import os
import shlex
from pathlib import Path
from typing import Any

from penstock.errors import RunError
from penstock.graph.model import Data, NodeOutput
from penstock.plan.parallel import (
    ParallelStep,
    default_size,
    input_mode,
    input_type,
    limits_in,
    most_workers,
    parallel_step,
)
from penstock.run import step as steps
from penstock.run.driven import start_driver
from penstock.run.evaluated import data_path
from penstock.run.process import Handle
from penstock.run.step import Step
from penstock.spec.expression import Template
from penstock.store.mltable import files_below, find_table

ROWS = "parallel_run_step.txt"  # Azure's name for the file in a folder
_OVERHEAD_S = 600.0
_AS_FILES = ("ro_mount", "download", "eval_mount", "eval_download")


def start_parallel(step: Step) -> Handle:
    """Start the driver. Raises OSError, also for data that cannot be split, with the reason."""
    wanted = parallel_step(step.node)
    try:
        data = _data(step, wanted)
    except RunError as error:
        raise OSError(str(error)) from None
    arguments = _words(wanted.arguments, step)
    cores = os.cpu_count() or 1
    processes = wanted.processes or cores
    size = wanted.size or default_size(tabular=data["kind"] == "table")
    append = _append_to(wanted, step)
    orders = {
        "input": data,
        "size": size,
        "keys": list(wanted.keys),
        "workers": min(wanted.instances * processes, most_workers(cores)),
        "per_instance": processes,
        "instances": wanted.instances,
        "retries": wanted.retries,
        "timeout": wanted.timeout,
        **_limits(wanted, arguments),
        "entry": wanted.script,
        "arguments": arguments,
        "level": wanted.level,
        "append": append,
        "output": str(Path(append).parent) if append is not None else str(step.shell_attempt.outputs),
        "work": str(step.attempt.path / "mini_batches"),
        "logs": str(step.attempt.path / "logs"),
    }
    return start_driver(step, "parallel", orders)


def _limits(wanted: ParallelStep, arguments: list[str]) -> dict[str, Any]:
    given = limits_in(_options(arguments))
    items = given.get("error_threshold", wanted.items)
    count, percent = given.get("allowed_failed_count"), given.get("allowed_failed_percent")
    return {
        "limits": {
            "items": int(items) if items is not None and items >= 0 else None,
            "batches": wanted.batches,
            "count": int(count) if count is not None and count >= 0 else None,
            "percent": percent if percent is not None and percent < 100 else None,
        },
        "overhead": given.get("task_overhead_timeout", _OVERHEAD_S),
    }


def _options(arguments: list[str]) -> dict[str, str]:
    """`--name value` and `--name=value`."""
    found = {}
    for word, following in itertools.zip_longest(arguments, arguments[1:], fillvalue=""):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            found[name] = value if equals else following
    return found


def _words(arguments: Template | None, step: Step) -> list[str]:
    """The arguments, split as a shell would and nothing else of what a shell does."""
    if arguments is None:
        return []
    text = steps.render(arguments, step.node, step.shell, step.shell_attempt)
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _append_to(wanted: ParallelStep, step: Step) -> str | None:
    """The file of the returned rows: an output that is a file, one in an output that is a folder."""
    if wanted.append_to is None:
        return None
    path = steps.render(wanted.append_to, step.node, step.shell, step.shell_attempt).removeprefix("file://")
    return str(Path(path, ROWS)) if Path(path).is_dir() else path


def _data(step: Step, wanted: ParallelStep) -> dict[str, Any]:
    """What is split: files, or a table by the steps that make it. Raises RunError."""
    name = wanted.data or ""
    path = _path(step, name)
    if input_type(step.node, name) != "mltable":
        if wanted.keys:
            raise RunError(f"'{name}' is split by partition_keys, so it must be of type mltable")
        return {"kind": "files", "files": [str(file) for file in files_below(path)]}
    found = find_table(path)
    files = [str(file) for file in found.files]
    as_files = input_mode(step.node, name) in _AS_FILES
    if found.table.is_tabular and not as_files:
        return {"kind": "table", "files": files, "steps": list(found.table.steps)}
    if wanted.keys and found.table.partition is None:
        lacks = "is read as files, because of its mode" if found.table.is_tabular else "says not how files are read"
        raise RunError(f"'{name}' is split by partition_keys, but {lacks} and has no columns from its paths")
    return {"kind": "files", "files": files, "partition": found.table.partition}


def _path(step: Step, name: str) -> Path:
    value = step.node.inputs[name]
    if isinstance(value, Data | NodeOutput):
        return data_path(value, step.run)
    raise RunError(f"there is no data in '{name}'")
