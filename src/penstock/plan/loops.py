"""Control nodes made plain: a node for each iteration of a loop, a guard on each node of a branch. Pure.

The iterations of the body `b` are `b.1`, `b.2`, ... for do_while and `b.<item>` for parallel_for. The loop itself
becomes a node that ends after them and has their outputs: of do_while those of the last one, of parallel_for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from penstock.graph.literals import coerce
from penstock.graph.model import (
    Graph,
    GraphNode,
    Guard,
    IfElse,
    Iteration,
    Joined,
    Literal,
    Loop,
    LoopInput,
    NodeOutput,
    Unset,
    Value,
)
from penstock.spec.model import OtherComponent
from penstock.spec.source import Scalar

Nodes = dict[str, GraphNode]


def unrolled(graph: Graph) -> Graph:
    """The graph without control nodes: each loop's iterations and each branch's guards are nodes' own."""
    if not graph.controls:
        return graph
    nodes, outputs = dict(graph.nodes), dict(graph.outputs)
    controls = list(graph.controls)
    for branch in (control for control in graph.controls if isinstance(control, IfElse)):
        nodes = _guarded(nodes, branch)
    while loops := [control for control in controls if isinstance(control, Loop)]:
        outermost = min(loops, key=lambda loop: loop.body.count("."))
        controls.remove(outermost)
        inner = [control for control in controls if isinstance(control, Loop) and _is_in(control.name, outermost.body)]
        controls = [control for control in controls if control not in inner]
        nodes, more, outputs = _expanded(nodes, outermost, inner, outputs)
        controls += more
    return replace(graph, nodes=nodes, outputs=outputs, controls=())


def _is_in(name: str, outer: str) -> bool:
    return name == outer or name.startswith(f"{outer}.")


def _guarded(nodes: Nodes, branch: IfElse) -> Nodes:
    """Every node of a branch waits for the condition."""
    found = {}
    for name, node in nodes.items():
        sides = [
            wanted for wanted, block in ((True, branch.true), (False, branch.false)) for b in block if _is_in(name, b)
        ]
        guards = tuple(Guard(branch.condition, wanted, branch.name) for wanted in sides)
        found[name] = replace(node, guards=(*node.guards, *guards)) if guards else node
    return found


class _Turn(Struct, frozen=True):
    """One iteration: its label, what its inputs are, and the nodes of those before it that must have ended."""

    label: str
    value: Callable[[LoopInput], Value]
    guards: tuple[Guard, ...]
    after: tuple[str, ...]


def _expanded(
    nodes: Nodes, loop: Loop, inner: list[Loop], outputs: Mapping[str, NodeOutput]
) -> tuple[Nodes, list[Loop], dict[str, NodeOutput]]:
    """The nodes with the body's in as many copies as there are iterations; the loops in it are copied too."""
    body = {name: node for name, node in nodes.items() if _is_in(name, loop.body)}
    turns = list(_do_while(loop, body) if loop.job.type == "do_while" else _parallel_for(loop, body))
    copies: Nodes = {}
    more: list[Loop] = []
    for turn in turns:
        rename = _renaming(loop.body, turn.label)
        copies |= {rename(name): _copy(node, loop, turn, rename) for name, node in body.items()}
        more += [_renamed_loop(each, rename) for each in inner]
    own = _loop_node(loop, turns, tuple(copies))
    taken = {(out.node, out.port): name for name, out in loop.outputs.items()}

    def outside(value: Value) -> Value:
        """Who takes an output of the body from outside takes the loop's."""
        name = taken.get((value.node, value.port)) if isinstance(value, NodeOutput) else None
        return replace(value, node=loop.name, port=name) if isinstance(value, NodeOutput) and name else value

    result: Nodes = {}
    for name, node in nodes.items():
        if name in body:
            result |= copies
            copies = {}
            continue
        result[name] = replace(node, inputs={key: outside(value) for key, value in node.inputs.items()})
    result[loop.name] = own
    moved = {key: outside(value) for key, value in outputs.items()}
    return result, more, {key: value for key, value in moved.items() if isinstance(value, NodeOutput)}


def _renaming(body: str, label: str) -> Callable[[str], str]:
    return lambda name: f"{body}.{label}{name[len(body) :]}" if _is_in(name, body) else name


def _renamed_output(value: NodeOutput, rename: Callable[[str], str]) -> NodeOutput:
    return replace(value, node=rename(value.node))


def _do_while(loop: Loop, body: Nodes) -> Iterator[_Turn]:
    for number in range(1, loop.limit + 1):
        before = _renaming(loop.body, str(number - 1))
        guards: tuple[Guard, ...] = ()
        if number > 1 and loop.condition is not None:
            condition = _renamed_output(loop.outputs[loop.condition], before)
            guards = (Guard(condition, wanted=True, by=loop.name, quiet=True),)
        after = tuple(map(before, body)) if number > 1 else ()

        def value(given: LoopInput, number: int = number, before: Callable[[str], str] = before) -> Value:
            output = loop.mapping.get(given.name)
            if number == 1 or output is None:
                return given.first
            return _renamed_output(loop.outputs[output], before)

        yield _Turn(str(number), value, guards, after)


def _parallel_for(loop: Loop, body: Nodes) -> Iterator[_Turn]:
    """As many lanes as iterations may go on at once; in a lane one comes after the other."""
    for number, item in enumerate(loop.items):
        lane: tuple[str, ...] = ()
        if loop.max_concurrency is not None and number >= loop.max_concurrency:
            before = loop.items[number - loop.max_concurrency].label
            lane = tuple(map(_renaming(loop.body, before), body))

        def value(given: LoopInput, values: Mapping[str, Value] = item.values) -> Value:
            return values.get(given.name, given.first)

        yield _Turn(item.label, value, (), lane)


def _copy(node: GraphNode, loop: Loop, turn: _Turn, rename: Callable[[str], str]) -> GraphNode:
    def substituted(value: Value) -> Value:
        if isinstance(value, LoopInput) and value.loop == loop.name:
            return turn.value(value)
        if isinstance(value, Joined):
            return _joined(value, substituted)
        if isinstance(value, LoopInput):
            return replace(value, loop=rename(value.loop), first=substituted(value.first))
        return _renamed_output(value, rename) if isinstance(value, NodeOutput) else value

    guards = tuple(
        replace(guard, condition=_renamed_output(guard.condition, rename), by=rename(guard.by))
        if isinstance(guard.condition, NodeOutput)
        else guard
        for guard in node.guards
    )
    return replace(
        node,
        name=rename(node.name),
        inputs={name: substituted(value) for name, value in node.inputs.items()},
        guards=(*turn.guards, *guards),
        after=(*turn.after, *map(rename, node.after)),
    )


def _joined(value: Joined, substituted: Callable[[Value], Value]) -> Value:
    parts: list[str | LoopInput] = []
    for part in value.parts:
        found = part if isinstance(part, str) else substituted(part)
        if isinstance(found, str | LoopInput):
            parts.append(found)
        elif isinstance(found, Literal):
            parts.append(found.text)
        elif not isinstance(found, Unset):
            return found
    if any(isinstance(part, LoopInput) for part in parts):
        return replace(value, parts=tuple(parts))
    return coerce(Scalar(value.place, "".join(map(str, parts)), ""), value.port, value.place)


def _renamed_loop(loop: Loop, rename: Callable[[str], str]) -> Loop:
    return replace(
        loop,
        name=rename(loop.name),
        body=rename(loop.body),
        outputs={name: _renamed_output(out, rename) for name, out in loop.outputs.items()},
        items=tuple(
            replace(
                item,
                values={
                    key: _renamed_output(value, rename) if isinstance(value, NodeOutput) else value
                    for key, value in item.values.items()
                },
            )
            for item in loop.items
        ),
    )


def _loop_node(loop: Loop, turns: list[_Turn], copies: tuple[str, ...]) -> GraphNode:
    """What ends after all iterations and collects their outputs."""
    job = loop.job
    component = OtherComponent(
        name=job.name,
        type=job.type,
        version=None,
        inputs={},
        outputs=loop.ports,
        is_deterministic=False,
        source=job.source,
        folder=job.folder,
        place=job.place,
    )
    iterations = []
    for turn in turns:
        rename = _renaming(loop.body, turn.label)
        made = {name: _renamed_output(loop.outputs[name], rename) for name in loop.ports}
        iterations.append(Iteration(turn.label, made))
    return GraphNode(loop.name, job, component, {}, after=copies, iterations=tuple(iterations))
