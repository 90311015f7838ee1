"""From the tree of a YAML file to the model. Pure: nothing here opens another file."""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingType
from pathlib import Path
from types import MappingProxyType

from msgspec.structs import replace

from penstock.spec.expression import Template, parse_template
from penstock.spec.model import (
    Code,
    CommandComponent,
    Component,
    InputPort,
    InputValue,
    JobNode,
    OtherComponent,
    OutputPort,
    OutputValue,
    PipelineComponent,
    PipelineJob,
    Settings,
)
from penstock.spec.place import Place
from penstock.spec.source import Mapping, Node, Scalar, Sequence, scalar_text

COMMAND_TYPES = ("command", "commandjob")
NODE_TYPES = (*COMMAND_TYPES, "pipeline", "sweep", "parallel", "spark", "automl", "data_transfer", "import")
CONTROL_TYPES = ("if_else", "do_while", "parallel_for")


_NO_OUTPUTS: MappingType[str, OutputValue] = MappingProxyType({})


def job_type(root: Mapping) -> str:
    """A job's type: `type`, else what `$schema` or the shape tells; a job without any is a command job."""
    stated = root.text("type")
    if stated:
        return stated.lower()
    schema = (root.text("$schema") or "").rsplit("/", 1)[-1].lower()
    for name in ("pipeline", "sweep", "spark", "parallel", "automl", "command"):
        if schema.startswith(name):
            return name
    return "pipeline" if "jobs" in root.entries else "command"


def read_job(root: Mapping, file: Path) -> PipelineJob:
    """A job YAML. A single job becomes a pipeline whose only node bears the file's name."""
    folder, stem = file.parent, file.name.split(".", maxsplit=1)[0]
    jobs_node = root.mapping("jobs") or Mapping(root.place, {})
    name = root.text("name") or stem
    if job_type(root) != "pipeline":
        return _single_job(root, folder, name)
    settings, outputs = root.mapping("settings"), _output_values(root.mapping("outputs"))
    return PipelineJob(
        name=name,
        experiment_name=root.text("experiment_name"),
        inputs=_input_values(root.mapping("inputs")),
        outputs=outputs,
        jobs=_nodes(jobs_node, folder, outputs),
        settings=Settings(
            continue_on_step_failure=_flag(settings, "continue_on_step_failure", default=False),
            force_rerun=_flag(settings, "force_rerun", default=False),
        ),
        source=root,
        folder=folder,
        place=root.key_place("jobs"),
        component=_node(name, root, folder, root.place) if "component" in root.entries else None,
    )


def _single_job(root: Mapping, folder: Path, name: str) -> PipelineJob:
    node = _node(re.sub(r"[^a-z_0-9]|^(?=[0-9])", "_", name.lower())[:60], root, folder, root.place)
    return PipelineJob(
        name=name,
        experiment_name=root.text("experiment_name"),
        inputs={},
        outputs={},
        jobs={node.name: node},
        settings=Settings(),
        source=root,
        folder=folder,
        place=root.place,
    )


def read_component(root: Mapping, file: Path) -> Component:
    """A component YAML: a pipeline component if it says so or has `jobs`, else a command component."""
    folder = file.parent
    if component_type(root) == "pipeline":
        inputs, outputs = _input_ports(root.mapping("inputs")), _output_ports(root.mapping("outputs"))
        name, version = root.text("name") or file.name.split(".", maxsplit=1)[0], root.text("version")
        bindings = _output_values(root.mapping("outputs"))
        jobs = _nodes(root.mapping("jobs") or Mapping(root.place, {}), folder, bindings)
        return PipelineComponent(name, version, inputs, outputs, bindings, jobs, root, folder, root.place)
    return _step(root, folder, file.name.split(".", maxsplit=1)[0], component_type(root))


def _step(root: Mapping, folder: Path, name: str, kind: str) -> CommandComponent | OtherComponent:
    """A component that is no pipeline; `name` is what it bears if it names itself not."""
    inputs, outputs = _input_ports(root.mapping("inputs")), _output_ports(root.mapping("outputs"))
    name = root.text("name") or name
    if kind not in COMMAND_TYPES:
        return _other(root, folder, name, inputs, outputs, kind=kind)
    return _command(root, folder, name, inputs, outputs)


def component_type(root: Mapping) -> str:
    """A component's type: `type`, else what `$schema` or the shape tells."""
    stated = root.text("type")
    if stated:
        return stated.lower()
    schema = (root.text("$schema") or "").rsplit("/", 1)[-1].lower()
    for prefix, kind in (("parallel", "parallel"), ("spark", "spark"), ("datatransfer", "data_transfer")):
        if schema.startswith(prefix):
            return kind
    return "pipeline" if schema.startswith("pipeline") or "jobs" in root.entries else "command"


def _command(
    root: Mapping, folder: Path, name: str, inputs: dict[str, InputPort], outputs: dict[str, OutputPort]
) -> CommandComponent:
    includes = root.get("additional_includes")
    items = includes.items if isinstance(includes, Sequence) else ()
    return CommandComponent(
        name=name,
        version=root.text("version"),
        inputs=inputs,
        outputs=outputs,
        command=_template(root.get("command"), command=True),
        code=Code(
            root.text("code"), _value_place(root, "code"), tuple(item for item in items if isinstance(item, Scalar))
        ),
        environment=root.get("environment"),
        environment_variables=_texts(root.mapping("environment_variables")),
        is_deterministic=_flag(root, "is_deterministic", default=True),
        source=root,
        folder=folder,
        place=root.place,
    )


def _other(
    root: Mapping, folder: Path, name: str, inputs: dict[str, InputPort], outputs: dict[str, OutputPort], *, kind: str
) -> OtherComponent:
    return OtherComponent(
        name=name,
        type=kind,
        version=root.text("version"),
        inputs=inputs,
        outputs=outputs,
        is_deterministic=_flag(root, "is_deterministic", default=True),
        source=root,
        folder=folder,
        place=root.place,
    )


def _nodes(jobs: Mapping, folder: Path, results: MappingType[str, OutputValue]) -> dict[str, JobNode]:
    """The nodes below `jobs:`; `results` are the outputs of the pipeline around."""
    nodes = {}
    for name, entry in jobs.entries.items():
        source = entry.value if isinstance(entry.value, Mapping) else Mapping(entry.key.place, {})
        nodes[name] = _node(name, source, folder, entry.key.place, results)
    return nodes


def _node(
    name: str,
    source: Mapping,
    folder: Path,
    place: Place,
    results: MappingType[str, OutputValue] = MappingProxyType({}),
) -> JobNode:
    kind = job_type(source)
    component = source.get("trial" if kind == "sweep" else "component")
    search = source.mapping("search_space")
    inputs, outputs = _input_values(source.mapping("inputs")), _output_values(source.mapping("outputs"))
    return JobNode(
        name=name,
        type=kind,
        component=component if isinstance(component, Scalar | Mapping) else None,
        inline=_inline(name, kind, source, folder, place, results),
        held=_held(name, kind, source, folder),
        searched=frozenset(search.entries if search else ()),
        inputs=inputs,
        outputs=outputs,
        environment_variables=_texts(source.mapping("environment_variables")),
        timeout_s=_number(source.mapping("limits"), "timeout"),
        source=source,
        folder=folder,
        place=place,
    )


def _inline(
    name: str, kind: str, source: Mapping, folder: Path, place: Place, around: MappingType[str, OutputValue]
) -> CommandComponent | OtherComponent | None:
    """The component that a node defines in itself; its ports are those that the node gives values to."""
    trial = source.mapping("trial")
    if ("trial" if kind == "sweep" else "component") in source.entries and not (kind == "sweep" and trial):
        return None
    ports = {port.name: port for port in map(_inline_input, _input_values(source.mapping("inputs")).values())}
    results = {
        value.name: OutputPort(value.name, _inline_output_type(value, around), value.place)
        for value in _output_values(source.mapping("outputs")).values()
    }
    if trial is not None and kind == "sweep":
        searched = {entry.key.text: entry.key.place for entry in source.mapping("search_space") or ()}
        ports |= {key: InputPort(key, "any", True, None, None, None, (), where) for key, where in searched.items()}
        return _command(trial, folder, name, ports, results)
    if kind in COMMAND_TYPES:
        return _command(source, folder, name, ports, results)
    if kind in NODE_TYPES and kind not in ("pipeline", "sweep"):
        return replace(_other(source, folder, name, ports, results, kind=kind), place=place)
    return None


def _held(name: str, kind: str, source: Mapping, folder: Path) -> CommandComponent | OtherComponent | None:
    """The anonymous component that stands as an object below a node's `component:`; its paths count from this file."""
    component = source.mapping("component")
    if component is None or kind in ("pipeline", "sweep") or kind not in NODE_TYPES:
        return None
    own = component_type(component) if {"type", "$schema", "jobs"} & component.entries.keys() else kind
    return _step(component, folder, name, own) if own != "pipeline" else None


def _inline_input(value: InputValue) -> InputPort:
    """The port that an inline command job declares by giving a value to it."""
    return InputPort(value.name, _inline_type(value), False, None, None, None, (), value.place)


def _inline_type(value: InputValue) -> str:
    if value.type:
        return value.type
    if value.is_data:
        return "uri_folder"
    if value.template is not None and any(value.template.references()):
        return "any"  # takes the type of what it is bound to
    python_type = type(value.scalar.value) if value.scalar else str
    return {bool: "boolean", int: "integer", float: "number"}.get(python_type, "string")


def _inline_output_type(value: OutputValue, around: MappingType[str, OutputValue]) -> str:
    """Its own; else that of the pipeline's output that it is bound to."""
    bound = value.template.binding if value.template is not None else None
    if value.type is None and bound is not None and bound.path[:2] == ("parent", "outputs"):
        result = around.get(bound.path[-1])
        return (result.type if result is not None else None) or "uri_folder"
    return value.type or "uri_folder"


def _input_ports(ports: Mapping | None) -> dict[str, InputPort]:
    return {entry.key.text: _input_port(entry.key.text, entry.value, entry.key.place) for entry in ports or ()}


def _input_port(name: str, node: Node, place: Place) -> InputPort:
    source = node if isinstance(node, Mapping) else Mapping(place, {})
    enum = source.get("enum")
    return InputPort(
        name=name,
        type=(source.text("type") or "string").lower(),
        optional=_flag(source, "optional", default=False),
        default=_scalar(source, "default"),
        minimum=_scalar(source, "min"),
        maximum=_scalar(source, "max"),
        enum=tuple(item for item in enum.items if isinstance(item, Scalar)) if isinstance(enum, Sequence) else (),
        place=place,
    )


def _output_ports(ports: Mapping | None) -> dict[str, OutputPort]:
    found = {}
    for entry in ports or ():
        kind = entry.value.text("type") if isinstance(entry.value, Mapping) else None
        found[entry.key.text] = OutputPort(entry.key.text, (kind or "uri_folder").lower(), entry.key.place)
    return found


def _input_values(values: Mapping | None) -> dict[str, InputValue]:
    return {entry.key.text: _input_value(entry.key.text, entry.value, entry.key.place) for entry in values or ()}


def _input_value(name: str, node: Node, place: Place) -> InputValue:
    if isinstance(node, Mapping):
        path = node.get("path")
        scalar = path if isinstance(path, Scalar) else _scalar(node, "value") or _scalar(node, "default")
        return InputValue(
            name=name,
            template=_template(scalar),
            scalar=scalar,
            is_data="path" in node.entries,
            type=(node.text("type") or "").lower() or None,
            mode=node.text("mode"),
            place=place,
            value_place=_value_place(node, "path") if path else place,
        )
    scalar = node if isinstance(node, Scalar) and node.value is not None else None
    return InputValue(name, _template(scalar), scalar, False, None, None, place, node.place)


def _output_values(values: Mapping | None) -> dict[str, OutputValue]:
    found = {}
    for entry in values or ():
        name, node, place = entry.key.text, entry.value, entry.key.place
        if isinstance(node, Mapping):
            bound = node.get("path")
            found[name] = OutputValue(
                name=name,
                template=_template(bound),
                type=node.text("type"),
                mode=node.text("mode"),
                path=node.text("path"),
                place=place,
                asset=node.text("name"),
                asset_version=node.text("version"),
            )
        else:
            found[name] = OutputValue(name, _template(node), None, None, None, place)
    return found


def _template(node: Node | None, *, command: bool = False) -> Template | None:
    if not isinstance(node, Scalar) or node.value is None:
        return None
    return parse_template(scalar_text(node), node.place, command=command)


def _texts(values: Mapping | None) -> dict[str, str]:
    return {
        entry.key.text: scalar_text(entry.value)
        for entry in values or ()
        if isinstance(entry.value, Scalar) and entry.value.value is not None
    }


def _scalar(source: Mapping, key: str) -> Scalar | None:
    node = source.get(key)
    return node if isinstance(node, Scalar) and node.value is not None else None


def _number(source: Mapping | None, key: str) -> float | None:
    node = _scalar(source, key) if source is not None else None
    value = node.value if node is not None else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def _value_place(source: Mapping, key: str) -> Place:
    node = source.get(key)
    return node.place if node is not None else source.place


def _flag(source: Mapping | None, key: str, *, default: bool) -> bool:
    node = source.get(key) if source is not None else None
    if isinstance(node, Scalar):
        return node.value if isinstance(node.value, bool) else scalar_text(node).strip().lower() == "true"
    return default
