"""A resolved pipeline: leaf nodes with every input bound to a value, a piece of data or another node's output.

What could not be resolved is kept as `Unresolved`, `Invalid` or `Broken`, so that the rules of `check` can tell all
of it at once; a graph without any of these can be run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal as OneOf

from msgspec import Struct, field

from penstock.graph.order import cycle
from penstock.spec.model import (
    CommandComponent,
    InputPort,
    JobNode,
    OtherComponent,
    OutputPort,
    OutputValue,
    PipelineComponent,
    PipelineJob,
)
from penstock.spec.place import Place
from penstock.spec.reference import RESOURCE_ID

# `azureml:x:1`, `https://host/x`, `runs:/ID/model`, a resource id; a file's name may have a colon in it
_ELSEWHERE = re.compile(rf"azureml:|(?!file:)[A-Za-z][A-Za-z0-9+.-]+:/|(?i:{RESOURCE_ID.pattern})")


class Literal(Struct, frozen=True):
    """A plain value as the command line gets it: what Azure's client would send for it."""

    text: str
    type: str
    place: Place


class Data(Struct, frozen=True):
    """Data outside the pipeline: a local path (relative ones from `folder`) or a URI.

    `found` is where on this machine that lies which a URI names, `mapped` whether somebody says so for this URI.
    """

    uri: str
    type: str
    folder: Path
    mode: str | None
    place: Place
    found: Path | None = None
    mapped: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, or `uri` at least says so."""
        return self.found is not None or _ELSEWHERE.match(self.uri) is None

    @property
    def path(self) -> Path:
        """The local path; relative ones are taken from the folder of the file that they stand in."""
        if self.found is not None:
            return self.found
        text = self.uri.removeprefix("file:")
        return self.folder / (text.removeprefix("//localhost").removeprefix("//") if text != self.uri else text)


class NodeOutput(Struct, frozen=True):
    """The output `port` of the leaf node `node`."""

    node: str
    port: str
    type: str
    place: Place


class Unset(Struct, frozen=True):
    """An optional input without a value."""

    place: Place


class Given(Struct, frozen=True):
    """An input of a pipeline component that is looked at by itself: its value comes with the job that uses it."""

    type: str
    place: Place


class Missing(Struct, frozen=True):
    """A required input without a value. `place` is the name of the node that lacks it."""

    place: Place


class Unresolved(Struct, frozen=True):
    """An expression that leads to nothing.

    `what` says why: no such input, job or output (`known` lists what there is), not of the language (syntax), data
    inside a longer string (mixed), no value for a control node (control), a loop's items that another node makes
    (items), or its source is itself broken and told elsewhere (broken).
    """

    expression: str
    what: OneOf["input", "job", "output", "syntax", "mixed", "control", "items", "broken"]
    name: str
    known: tuple[str, ...]
    place: Place


class Invalid(Struct, frozen=True):
    """A value that its port does not take: wrong type, out of range, or not in the enum."""

    what: OneOf["type", "range", "enum"]
    message: str
    place: Place


class LoopInput(Struct, frozen=True):
    """An input of a loop's body that each iteration gets a value of its own for; `first` is what the body says itself.

    `loop` is the full name of the loop node, `name` the body's input.
    """

    loop: str
    name: str
    first: Value
    type: str
    place: Place


class Joined(Struct, frozen=True):
    """A longer string with inputs of a loop's body in it: a text once the iteration is known."""

    parts: tuple[str | LoopInput, ...]
    port: InputPort
    place: Place


Value = Literal | Data | NodeOutput | Given | Unset | Missing | Unresolved | Invalid | LoopInput | Joined


class Guard(Struct, frozen=True):
    """A node runs only if `condition` comes to `wanted`; `by` is the control node that says so.

    `quiet`: one whose turn never comes is not told of, as the iterations after a loop's last one.
    """

    condition: NodeOutput | bool
    wanted: bool
    by: str
    quiet: bool = False


class Iteration(Struct, frozen=True):
    """What an iteration of a loop makes: the node output behind each output of the loop."""

    label: str
    outputs: Mapping[str, NodeOutput]


ARTIFACTS = ("artifacts", "default")
"""Outputs that every job has without declaring them: what it leaves in ./outputs and ./logs."""


class OuterOutput(Struct, frozen=True):
    """What a nested pipeline, `whose`, says of one of its outputs, which is the output `port` of a node in it."""

    whose: str
    port: str
    value: OutputValue


class GraphNode(Struct, frozen=True):
    """A node to run. `name` is `outer.inner` for a node of a nested pipeline; a sweep's component is its trial.

    `settings` holds what bindings outside of the inputs came to, by dotted path: `resources.instance_count` -> `2`.
    `after` are nodes that must have ended before, in whatever way. `iterations` are those that a loop node collects.
    `outer` is what nested pipelines around it say of its outputs.
    """

    name: str
    job: JobNode
    component: CommandComponent | OtherComponent
    inputs: Mapping[str, Value]
    settings: Mapping[str, str] = field(default_factory=dict)
    guards: tuple[Guard, ...] = ()
    after: tuple[str, ...] = ()
    iterations: tuple[Iteration, ...] = ()
    artifacts: tuple[OutputPort, ...] = ()
    outer: tuple[OuterOutput, ...] = ()

    @property
    def outputs(self) -> Mapping[str, OutputPort]:
        """The declared ones, and those of `ARTIFACTS` that somebody takes."""
        if not self.artifacts:
            return self.component.outputs
        return {**self.component.outputs, **{port.name: port for port in self.artifacts}}

    @property
    def timeout_s(self) -> float | None:
        """The node's `limits: timeout` in seconds, also one that is bound; None without one."""
        bound = self.settings.get("limits.timeout", "")
        return float(bound) if bound.isdecimal() and int(bound) > 0 else self.job.timeout_s

    def depends_on(self) -> tuple[str, ...]:
        """The names of the nodes whose outputs this one takes, each once."""
        return tuple(dict.fromkeys(value.node for value in self.inputs.values() if isinstance(value, NodeOutput)))


class Composite(Struct, frozen=True):
    """A nested pipeline, after flattening: kept so that its own inputs and outputs can be checked."""

    name: str
    job: JobNode
    component: PipelineComponent
    inputs: Mapping[str, Value]


class Broken(Struct, frozen=True):
    """A node that cannot become part of the graph."""

    name: str
    job: JobNode
    what: OneOf["type", "component", "registered", "recursion"]
    message: str
    place: Place


class IfElse(Struct, frozen=True):
    """A condition; `true` and `false` are the names of the nodes or nested pipelines that run only then."""

    name: str
    job: JobNode
    condition: NodeOutput | bool
    true: tuple[str, ...]
    false: tuple[str, ...]


class Item(Struct, frozen=True):
    """What one iteration of parallel_for gives to the inputs of its body."""

    label: str
    values: Mapping[str, Value]


class Loop(Struct, frozen=True):
    """A do_while or parallel_for node.

    Attributes:
        body: the node or nested pipeline that is repeated.
        outputs: the leaf output behind each of the body's outputs.
        ports: the same outputs as the loop's own.
        condition: of do_while, the body's output that says whether to go on; None: up to the limit.
        mapping: of do_while, for inputs of the body the output of the iteration before that they take.
        limit: of do_while, the most iterations.
        items: of parallel_for, an iteration each.
        max_concurrency: of parallel_for, how many iterations may go on at once.
    """

    name: str
    job: JobNode
    body: str
    outputs: Mapping[str, NodeOutput]
    ports: Mapping[str, OutputPort]
    condition: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    limit: int = 0
    items: tuple[Item, ...] = ()
    max_concurrency: int | None = None


class Graph(Struct, frozen=True):
    """A pipeline ready to be checked and planned. `outputs` are the pipeline's own."""

    job: PipelineJob
    nodes: Mapping[str, GraphNode]
    composites: tuple[Composite, ...]
    broken: tuple[Broken, ...]
    outputs: Mapping[str, NodeOutput]
    bad_outputs: tuple[Unresolved, ...]
    controls: tuple[IfElse | Loop, ...] = ()
    bad_controls: tuple[Unresolved, ...] = ()
    previews: tuple[JobNode, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every node is there and has a value for every input that needs one, and none waits for itself."""
        nodes: tuple[GraphNode | Composite, ...] = (*self.nodes.values(), *self.composites)
        values = (value for node in nodes for value in node.inputs.values())
        if (
            not self.nodes
            or self.broken
            or self.bad_controls
            or any(isinstance(value, Missing | Unresolved | Invalid) for value in values)
        ):
            return False
        return not cycle({name: node.depends_on() for name, node in self.nodes.items()})


def port_of(node: GraphNode | Composite, name: str) -> InputPort | None:
    """The declared input `name` of a node's component."""
    return node.component.inputs.get(name)
