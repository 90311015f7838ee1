"""What a spark step gives to spark-submit, and what of it a laptop does not do. Pure.

The settings are those of the node's `conf`, else of its component's, as Azure's client takes them; the attributes
`driver_cores` and the like are other names of the same. All else is the component's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from penstock.graph.coded import scalar
from penstock.graph.model import Graph, GraphNode
from penstock.spec.expression import Template, parse_template
from penstock.spec.source import Mapping as Object
from penstock.spec.source import Scalar, Sequence, scalar_text

_ATTRIBUTES = {
    "driver_cores": "spark.driver.cores",
    "driver_memory": "spark.driver.memory",
    "executor_cores": "spark.executor.cores",
    "executor_memory": "spark.executor.memory",
    "executor_instances": "spark.executor.instances",
    "dynamic_allocation_enabled": "spark.dynamicAllocation.enabled",
    "dynamic_allocation_min_executors": "spark.dynamicAllocation.minExecutors",
    "dynamic_allocation_max_executors": "spark.dynamicAllocation.maxExecutors",
}
_OF_EXECUTORS = (
    "spark.executor.cores",
    "spark.executor.memory",
    "spark.executor.instances",
    "spark.dynamicAllocation.",
)
_LISTED = ("py_files", "jars", "files", "archives")


class SparkStep(Struct, frozen=True):
    """`file` is the script; without one `class_name` is what the first of the jars holds.

    `listed` holds `py_files`, `jars`, `files` and `archives`, which count from the code folder.
    """

    file: str | None
    class_name: str | None
    args: Template | None
    conf: Mapping[str, str]
    listed: Mapping[str, tuple[str, ...]]


def spark_step(node: GraphNode) -> SparkStep:
    """What a spark node runs."""
    source = node.component.source
    entry = source.mapping("entry")
    args = scalar(source, "args")
    return SparkStep(
        file=entry.text("file") if entry is not None else None,
        class_name=entry.text("class_name") if entry is not None else None,
        args=parse_template(scalar_text(args), args.place, command=True) if args is not None else None,
        conf=_conf(node.job.source) or _conf(source),
        listed={key: _texts(source, key) for key in _LISTED},
    )


def _conf(source: Object) -> dict[str, str]:
    attributes = {key: node for name, key in _ATTRIBUTES.items() if (node := scalar(source, name)) is not None}
    given = {entry.key.text: entry.value for entry in source.mapping("conf") or ()}
    both = {**attributes, **given}
    return {key: _text(node) for key, node in both.items() if isinstance(node, Scalar) and node.value is not None}


def _text(node: Scalar) -> str:
    """A setting as Spark reads it: its booleans are in lower case."""
    return str(node.value).lower() if isinstance(node.value, bool) else scalar_text(node)


def _texts(source: Object, key: str) -> tuple[str, ...]:
    listed = source.get(key)
    items = listed.items if isinstance(listed, Sequence) else ()
    return tuple(scalar_text(item) for item in items if isinstance(item, Scalar))


def is_local(master: str) -> bool:
    """Whether a master URL means threads of one process, which has no executors of its own."""
    return master == "local" or master.startswith("local[")


def conf_for(conf: Mapping[str, str], master: str) -> dict[str, str]:
    """The settings that mean something to a master. A standalone cluster is told of the number of executors its way."""
    if is_local(master):
        return {key: value for key, value in conf.items() if not _is_of_executors(key)}
    instances, cores = conf.get("spark.executor.instances", ""), conf.get("spark.executor.cores", "1")
    if master.startswith("spark://") and instances.isdecimal() and cores.isdecimal():
        return {"spark.cores.max": str(int(instances) * int(cores)), **conf}
    return dict(conf)


def _is_of_executors(key: str) -> bool:
    return key.startswith(_OF_EXECUTORS)


def spark_elsewhere(graph: Graph, master: str, version: str) -> Iterator[str]:
    """One sentence for each thing that spark nodes ask of Azure and do not get, or get otherwise."""
    for node in graph.nodes.values():
        if node.job.type != "spark":
            continue
        unused = [key for key in spark_step(node).conf if is_local(master) and _is_of_executors(key)]
        if unused:
            yield f"'{node.name}': {', '.join(unused)} mean nothing to {master}, which has no executors of its own"
        resources = node.job.source.mapping("resources")
        kind, runtime = (resources.text(key) if resources else None for key in ("instance_type", "runtime_version"))
        if kind is not None:
            yield f"'{node.name}': the instance_type {kind} is Azure's; here it has this machine, by {master}"
        if runtime is not None and runtime.split(".")[:2] != version.split(".")[:2]:
            yield f"'{node.name}': the runtime_version is {runtime}; the Spark here is {version}"
        identity = node.job.source.mapping("identity")
        if identity is not None:
            yield f"'{node.name}': the identity {identity.text('type') or ''} is Azure's; here it runs as you"
