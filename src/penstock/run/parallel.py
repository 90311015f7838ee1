"""Parallel steps: a driver splits the input into mini-batches and hands them to worker processes.

Source: Azure ML's "CLI (v2) parallel job YAML schema".
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

from penstock.errors import RunError
from penstock.graph.distribution import instance_count
from penstock.graph.model import Data, GraphNode, NodeOutput
from penstock.run import step as steps
from penstock.run.driven import start_driver
from penstock.run.process import Handle
from penstock.run.step import Step
from penstock.spec.expression import parse_template
from penstock.spec.source import Mapping, Node, Scalar, Sequence, scalar_text
from penstock.store.mltable import read_mltable

_SIZE = re.compile(r"(\d+)\s*(kb|mb|gb|b)?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
_MOST_PER_CORE = 4
# What Azure's runtime takes of the arguments for itself; those that are not counted here mean nothing on one machine.
_AZURE_ARGUMENTS = (
    "--allowed_failed_count",
    "--allowed_failed_percent",
    "--task_overhead_timeout",
    "--progress_update_timeout",
    "--first_task_creation_timeout",
    "--copy_logs_to_parent",
    "--metrics_name_prefix",
    "--push_metrics_to_parent",
    "--resource_monitor_interval",
)
_COUNTED = ("--allowed_failed_count", "--allowed_failed_percent")


def start_parallel(step: Step) -> Handle:
    """Start the driver. Raises OSError; RunError for what is wrong with the step or its input."""
    settings = _Settings(step.node)
    arguments, azure = _arguments(step, settings)
    name = _input_name(settings)
    source = _source(step, name)
    orders = {
        "entry_script": settings.task.text("entry_script"),
        "arguments": arguments,
        "workers": _workers(step, settings),
        "input": source,
        "mini_batch": _mini_batch(settings, is_table=source["kind"] == "table"),
        "partition_keys": settings.texts("partition_keys"),
        "error_threshold": settings.number("error_threshold", -1),
        "mini_batch_error_threshold": settings.number("mini_batch_error_threshold", -1),
        "allowed_failed_count": int(azure.get("--allowed_failed_count", -1)),
        "allowed_failed_percent": float(azure.get("--allowed_failed_percent", 100)),
        "max_retries": settings.retry("max_retries", 2),
        "timeout_s": settings.retry("timeout", 60),
        "append_row_to": _append_to(step, settings),
        "logging_level": settings.text("logging_level") or "INFO",
        "logs": str(step.attempt.path / "workers"),
    }
    return start_driver(step, "parallel", orders)


class _Settings:
    """What the node says of a key, else its component."""

    def __init__(self, node: GraphNode) -> None:
        self.node = node
        self._sources = (node.job.source, node.component.source)
        self.task = self._mapping("task") or Mapping(node.job.place, {})

    def get(self, key: str) -> Node | None:
        return next((found for source in self._sources if (found := source.get(key)) is not None), None)

    def text(self, key: str) -> str | None:
        node = self.get(key)
        return scalar_text(node) if isinstance(node, Scalar) and node.value is not None else None

    def texts(self, key: str) -> list[str]:
        node = self.get(key)
        items = node.items if isinstance(node, Sequence) else ()
        return [scalar_text(item) for item in items if isinstance(item, Scalar)]

    def number(self, key: str, default: int) -> int:
        return _whole(self.text(key), default)

    def retry(self, key: str, default: int) -> int:
        source = self._mapping("retry_settings")
        return _whole(source.text(key) if source is not None else None, default)

    def _mapping(self, key: str) -> Mapping | None:
        node = self.get(key)
        return node if isinstance(node, Mapping) else None


def _whole(text: str | None, default: int) -> int:
    try:
        return int(text) if text is not None else default
    except ValueError:
        return default


def _workers(step: Step, settings: _Settings) -> int:
    wanted = max(1, settings.number("max_concurrency_per_instance", 1)) * max(1, instance_count(step.node))
    most = _MOST_PER_CORE * (os.cpu_count() or 1)
    if wanted > most:
        step.reporter.told(f"'{step.node.name}' asks for {wanted} workers; this machine gets {most}")
    return min(wanted, most)


def _arguments(step: Step, settings: _Settings) -> tuple[list[str], dict[str, str]]:
    """The script's own arguments, and those for Azure's runtime."""
    node = settings.task.get("program_arguments")
    if not isinstance(node, Scalar) or node.value is None:
        return [], {}
    template = parse_template(scalar_text(node), node.place, command=True)
    words = shlex.split(steps.render(template, step.node, step.shell, step.shell_attempt))
    own: list[str] = []
    azure: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, separator, value = word.partition("=")
        if name in _AZURE_ARGUMENTS:
            azure[name] = value if separator else next(rest, "")
        else:
            own.append(word)
    ignored = [name for name in azure if name not in _COUNTED]
    if ignored:
        step.reporter.told(f"'{step.node.name}': {', '.join(ignored)} is for Azure's runtime and ignored here")
    return own, azure


def _input_name(settings: _Settings) -> str:
    text = settings.text("input_data") or ""
    binding = parse_template(text, settings.node.job.place).binding
    name = ".".join(binding.path[1:]) if binding is not None and binding.path[0] == "inputs" else text
    if name not in settings.node.inputs:
        raise RunError(f"input_data: '{text}' names no input; write input_data: ${{{{inputs.NAME}}}}")
    return name


def _source(step: Step, name: str) -> dict[str, Any]:
    """The files or the table to be split."""
    value = step.node.inputs[name]
    if isinstance(value, NodeOutput):
        path = step.run.node(value.node).output(value.port)
    elif isinstance(value, Data):
        path = Path(os.path.normpath(value.path.absolute()))
    else:
        raise RunError(f"the input '{name}' is no data; a parallel step splits files or a table")
    kind = step.node.component.inputs[name].type
    if kind == "mltable" or (kind == "any" and value.type == "mltable"):
        table = read_mltable(path)
        files = [str(file) for file in table.files]
        done = [[transformation, arguments] for transformation, arguments in table.transformations]
        return {"kind": "table" if table.is_table else "files", "files": files, "transformations": done}
    if not path.is_dir():
        return {"kind": "files", "files": [str(path)]}
    files = [str(file) for file in sorted(path.rglob("*")) if file.is_file()]
    return {"kind": "files", "files": files}


def _mini_batch(settings: _Settings, *, is_table: bool) -> int:
    """Files in a mini-batch, or of a table bytes."""
    text = settings.text("mini_batch_size") or ("1mb" if is_table else "1")
    found = _SIZE.fullmatch(text.strip())
    if found is None or int(found[1]) < 1:
        raise RunError(f"mini_batch_size: '{text}' is no number of files and no size such as 10kb")
    if not is_table and found[2]:
        raise RunError(f"mini_batch_size: '{text}' is a size, but the input is files: say how many")
    return int(found[1]) * _UNITS[(found[2] or "").lower()]


def _append_to(step: Step, settings: _Settings) -> str | None:
    """The file that all rows go to."""
    node = settings.task.get("append_row_to")
    if not isinstance(node, Scalar) or node.value is None:
        return None
    path = Path(steps.render(parse_template(scalar_text(node), node.place), step.node, step.run, step.attempt))
    return str(path / "parallel_run_step.txt" if path.is_dir() else path)
