"""PS922 to PS928: what a spark step is given to run with."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.graph.model import GraphNode
from penstock.spec.place import Place
from penstock.spec.source import Mapping, Node, Scalar, scalar_text

_NEEDED = ("spark.driver.cores", "spark.driver.memory", "spark.executor.cores", "spark.executor.memory")
_INSTANCES = "spark.executor.instances"
_DYNAMIC = "spark.dynamicAllocation.enabled"
_LEAST, _MOST = "spark.dynamicAllocation.minExecutors", "spark.dynamicAllocation.maxExecutors"


def _sparks(subject: Subject) -> Iterator[GraphNode]:
    for node in subject.graph.nodes.values() if subject.graph else ():
        if node.component.source.text("type") == "spark" or node.job.type == "spark":
            yield node


@rule("PS922", "A spark node that does not take its data by address")
def node_modes(subject: Subject) -> Iterator[Told]:
    for node in _sparks(subject):
        for ports in ("inputs", "outputs") if node.job.inline is None else ():
            for entry in node.job.source.mapping(ports) or ():
                mode = entry.value.get("mode") if isinstance(entry.value, Mapping) else None
                if isinstance(mode, Scalar) and mode.value is not None and scalar_text(mode).lower() != "direct":
                    message = f"'{node.name}': spark reads and writes '{entry.key.text}' by its address only."
                    yield Told(message, mode.place, "Write mode: direct.")


@rule("PS927", "A spark configuration that Azure refuses")
def bad_conf(subject: Subject) -> Iterator[Told]:
    for node in _sparks(subject):
        sources = [found for source in (node.component.source, node.job.source) if (found := source.mapping("conf"))]
        conf = {key: entry.value for source in sources for key, entry in source.entries.items() if _is_given(entry)}
        problem = _conf_problem(conf)
        if problem is not None:
            message, key = problem
            yield Told(f"'{node.name}': {message}.", _place(node, conf, key))


def _is_given(entry: object) -> bool:
    value = getattr(entry, "value", None)
    return not (isinstance(value, Scalar) and value.value is None)


def _place(node: GraphNode, conf: dict[str, Node], key: str) -> Place:
    """Of a setting its value; of a missing one the `conf` that lacks it, the node's own before its component's."""
    if key:
        return conf[key].place
    holder = next((source for source in (node.job.source, node.component.source) if source.mapping("conf")), None)
    return holder.key_place("conf") if holder is not None else node.job.place


def _conf_problem(conf: dict[str, Node]) -> tuple[str, str] | None:
    """What the client refuses, and the key of the wrong value; an empty one if something is missing."""
    dynamic = _DYNAMIC in conf and isinstance(conf[_DYNAMIC], Scalar) and _is_true(conf[_DYNAMIC])
    missing = [key for key in (*_NEEDED, *((_LEAST, _MOST) if dynamic else (_INSTANCES,))) if key not in conf]
    if missing:
        return f"conf lacks {', '.join(missing)}", ""
    if not dynamic:
        unfit = next((key for key in (_LEAST, _MOST) if key in conf and _number(conf[key]) != 0), None)
        return (f"{unfit} is for {_DYNAMIC}: true, which conf does not say", unfit) if unfit else None
    least, most, instances = (_number(conf.get(key)) for key in (_LEAST, _MOST, _INSTANCES))
    if least is None or most is None:
        return None
    if least < 1 or least > most:
        return f"the executors must be at least 1 and at most {_MOST}, which is {most}; {_LEAST} is {least}", _LEAST
    if instances and not least <= instances <= most:
        return f"{_INSTANCES} is {instances}, which is not within {least} to {most}", _INSTANCES
    return None


def _is_true(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value in (True, "True", "true")


def _number(node: Node | None) -> int | None:
    value = node.value if isinstance(node, Scalar) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@rule("PS928", "A spark step with neither compute nor resources, or with both", azure_only=True)
def compute_or_resources(subject: Subject) -> Iterator[Told]:
    for node in _sparks(subject):
        source = node.job.source
        compute, resources = source.get("compute"), source.get("resources")
        given = [item for item in (compute, resources) if not (isinstance(item, Scalar) and item.value is None)]
        if compute is None and resources is None:
            message = (
                f"'{node.name}' has neither compute nor resources; the pipeline's default compute is not for spark."
            )
            fix = "Add resources: {instance_type: standard_e4s_v3, runtime_version: '3.4'}, or the compute: of a pool."
            yield Told(message, node.job.place, fix)
        elif len(given) == 2 and compute is not None and resources is not None:
            message = f"'{node.name}' has both compute and resources."
            yield Told(message, source.key_place("compute"), "Keep compute: for an attached pool, else resources:.")
