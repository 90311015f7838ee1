"""What a parallel step asks for, and what of it a laptop does otherwise. Pure.

A setting is the node's, else its component's, as Azure's client takes them. Some are arguments of the program, where
Azure's runtime looks for them. Sources: Azure ML's "CLI (v2) parallel job YAML schema" and "How to use parallel job in
pipeline".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from penstock.graph.coded import scalar
from penstock.graph.model import Data, Graph, GraphNode, NodeOutput
from penstock.spec.expression import Template, parse_template
from penstock.spec.finding import Finding
from penstock.spec.model import DATA_TYPES
from penstock.spec.source import Mapping as Object
from penstock.spec.source import Node, Scalar, Sequence, scalar_text

RULE = "PR120"
_SIZE = re.compile(r"(\d+)(kb|mb|gb)?", re.IGNORECASE)
_UNITS = {"": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}
_FILES, _BYTES = 1, 1024**2  # of a mini-batch, where nothing is said
_LEVELS = ("DEBUG", "INFO", "WARNING")
# of Azure's runtime alone
IGNORED_ARGUMENTS = (
    "progress_update_timeout",
    "first_task_creation_timeout",
    "copy_logs_to_parent",
    "metrics_name_prefix",
    "push_metrics_to_parent",
    "resource_monitor_interval",
)


class ParallelStep(Struct, frozen=True):
    """A parallel step.

    Attributes:
        data: the name of the input that is split.
        size: of a mini-batch, in files or in bytes; None: Azure's default.
        keys: `partition_keys`.
        instances: Azure's machines; `processes`: on each of them, None: a process per core.
        retries: of a mini-batch, each try of `timeout` seconds.
        items: how many items may fail, None: any number; `batches`: how many mini-batches.
        script: with init() and run().
        arguments: its command line.
        append_to: where the returned rows go.
    """

    data: str | None
    size: int | None
    keys: tuple[str, ...]
    instances: int
    processes: int | None
    retries: int
    timeout: float
    items: int | None
    batches: int | None
    level: str
    script: str
    arguments: Template | None
    append_to: Template | None


def parallel_step(node: GraphNode) -> ParallelStep:
    """What a parallel node runs. What is no number counts as not said; see `refused`."""
    task = _stated(node, "task")
    task = task if isinstance(task, Object) else None
    level = (_text(node, "logging_level") or "INFO").upper()
    return ParallelStep(
        data=split_input(node),
        size=mini_batch_size(_text(node, "mini_batch_size") or ""),
        keys=_keys(node),
        instances=_number(node, "resources.instance_count", 1) or 1,
        processes=_number(node, "max_concurrency_per_instance", 0) or None,
        retries=_number(node, "retry_settings.max_retries", 2),
        timeout=float(_number(node, "retry_settings.timeout", 60)) or 60.0,
        items=_limit(node, "error_threshold"),
        batches=_limit(node, "mini_batch_error_threshold"),
        level=level if level in _LEVELS else "INFO",
        script=task.text("entry_script") or "" if task is not None else "",
        arguments=_template(task, "program_arguments"),
        append_to=_template(task, "append_row_to"),
    )


def mini_batch_size(text: str) -> int | None:
    """A number, of kilobytes and the like as bytes: Azure's client sends no unit."""
    match = _SIZE.fullmatch(text.strip())
    return int(match[1]) * _UNITS[(match[2] or "").lower()] if match else None


def default_size(*, tabular: bool) -> int:
    """Where nothing is said: a file, or a megabyte of rows."""
    return _BYTES if tabular else _FILES


def split_input(node: GraphNode) -> str | None:
    """The input that `input_data: ${{inputs.x}}` names."""
    given = _stated(node, "input_data")
    if not isinstance(given, Scalar) or given.value is None:
        return None
    bound = parse_template(scalar_text(given), given.place).binding
    is_input = bound is not None and bound.path[0] == "inputs" and len(bound.path) > 1
    return ".".join(bound.path[1:]) if bound is not None and is_input else None


def input_type(node: GraphNode, name: str) -> str:
    """The type of data of an input: what the node says, else its component, else whoever made it."""
    given, port, value = node.job.inputs.get(name), node.component.inputs.get(name), node.inputs[name]
    made = value.type if isinstance(value, Data | NodeOutput) else "uri_folder"
    stated = (given.type if given is not None else None, port.type if port is not None else None, made)
    return next((kind for kind in stated if kind in DATA_TYPES), made)


def input_mode(node: GraphNode, name: str) -> str | None:
    """How the data of an input gets to the step: what the node says, else the pipeline, else the component."""
    given, value = node.job.inputs.get(name), node.inputs[name]
    ports = node.component.source.mapping("inputs")
    port = ports.mapping(name) if ports is not None else None
    of_value = value.mode if isinstance(value, Data) else None
    return (given.mode if given is not None else None) or of_value or (port.text("mode") if port is not None else None)


def refused(node: GraphNode) -> Iterator[Finding]:
    """PR120: a task that is no script; what else is wrong the rules of `check` tell."""
    task = _stated(node, "task")
    kind = task.text("type") if isinstance(task, Object) else None
    if isinstance(task, Object) and kind not in (None, "run_function", "function"):
        message = f"'{node.name}': a task of the type {kind} does not run on this machine."
        yield Finding(RULE, "error", message, task.key_place("type"), "Here runs run_function.")


def most_workers(cores: int) -> int:
    """How many processes a parallel step may have on a machine."""
    return max(2, cores)


def parallel_elsewhere(graph: Graph, cores: int) -> Iterator[str]:
    """One sentence for each thing that parallel nodes ask of Azure and get otherwise."""
    for node in graph.nodes.values():
        if node.job.type != "parallel":
            continue
        wanted = parallel_step(node)
        asked, most = wanted.instances * (wanted.processes or cores), most_workers(cores)
        if wanted.instances > 1:
            yield f"'{node.name}': its {wanted.instances} machines are this one, with the same working folder"
        if asked > most:
            yield f"'{node.name}' asks for {asked} worker processes; here it has {most}, for {cores} cores"
        text = wanted.arguments.text if wanted.arguments is not None else ""
        ignored = [name for name in IGNORED_ARGUMENTS if re.search(rf"--{name}\b", text)]
        if ignored:
            yield f"'{node.name}': --{', --'.join(ignored)} mean something to Azure's runtime alone"


def _stated(node: GraphNode, key: str) -> Node | None:
    found = node.job.source.get(key)
    return found if found is not None else node.component.source.get(key)


def _at(node: GraphNode, path: str) -> Node | None:
    """The value at a dotted path."""
    *above, key = path.split(".")
    for source in (node.job.source, node.component.source):
        holder: Object | None = source
        for step in above:
            holder = holder.mapping(step) if holder is not None else None
        if holder is not None and holder.get(key) is not None:
            return holder.get(key)
    return None


def _text(node: GraphNode, path: str) -> str | None:
    """A setting as text; one that is bound is what the binding came to."""
    if path in node.settings:
        return node.settings[path]
    found = _at(node, path)
    return scalar_text(found) if isinstance(found, Scalar) and found.value is not None else None


def _number(node: GraphNode, path: str, default: int) -> int:
    text = (_text(node, path) or "").strip()
    return int(text) if re.fullmatch(r"\d+", text) else default


def _limit(node: GraphNode, path: str) -> int | None:
    """A threshold; -1 and nothing mean that any number may fail."""
    text = (_text(node, path) or "").strip()
    return int(text) if re.fullmatch(r"\d+", text) else None


def _keys(node: GraphNode) -> tuple[str, ...]:
    listed = _stated(node, "partition_keys")
    items = listed.items if isinstance(listed, Sequence) else ()
    return tuple(scalar_text(item) for item in items if isinstance(item, Scalar))


def _template(task: Object | None, key: str) -> Template | None:
    node = scalar(task, key)
    return parse_template(scalar_text(node), node.place, command=True) if node is not None else None


def limits_in(arguments: Mapping[str, str]) -> dict[str, float]:
    """The numbers among the predefined arguments that mean something here."""
    names = ("error_threshold", "allowed_failed_count", "allowed_failed_percent", "task_overhead_timeout")
    found = {}
    for name in names:
        text = arguments.get(name, "")
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            found[name] = float(text)
    return found
