"""The interface of a component: its ports, as those who use it see them; and what a difference means for them.

major   a port is gone, has another type, has become required, takes fewer values; a new required input
minor   a new input that may be left out, a new output
patch   anything else: a description, a default, more values that are taken
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from penstock.publish.version import Bump
from penstock.spec.model import Component
from penstock.spec.model import InputPort as SpecInput

Scalar = str | int | float | bool
What = Literal["removed", "retyped", "required", "narrowed", "added", "relaxed", "default"]


class InputPort(Struct, frozen=True, omit_defaults=True):
    """An input; what it does not say is left out. `min` and `max` are included in what it takes."""

    type: str
    optional: bool = False
    default: Scalar | None = None
    min: int | float | None = None
    max: int | float | None = None
    enum: tuple[Scalar, ...] | None = None

    @property
    def is_required(self) -> bool:
        return not self.optional and self.default is None


class OutputPort(Struct, frozen=True):
    """An output."""

    type: str


class Interface(Struct, frozen=True):
    """The ports of a component by name."""

    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]


class Change(Struct, frozen=True):
    """One difference at a port: what it is, what it asks for, and in words."""

    what: What
    kind: Literal["input", "output"]
    port: str
    bump: Bump
    message: str


def interface_of(component: Component) -> Interface:
    """The interface of a component as its file says it."""
    return Interface(
        {name: _input(port) for name, port in component.inputs.items()},
        {name: OutputPort(port.type) for name, port in component.outputs.items()},
    )


def _input(port: SpecInput) -> InputPort:
    return InputPort(
        type=port.type,
        optional=port.optional,
        default=_plain(port.default.value) if port.default is not None else None,
        min=_number(port.minimum.value) if port.minimum is not None else None,
        max=_number(port.maximum.value) if port.maximum is not None else None,
        enum=tuple(_plain(each.value) for each in port.enum) or None,
    )


def _plain(value: Any) -> Scalar:
    return value if isinstance(value, str | int | float | bool) else str(value)


def _number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def differences(before: Interface, now: Interface) -> list[Change]:
    """What has changed at the ports, those that ask for most first, each kind in the order of the names."""
    found = [*_inputs(before, now), *_outputs(before, now)]
    rank = {"major": 0, "minor": 1, "patch": 2}
    return sorted(found, key=lambda change: (rank[change.bump], change.kind, change.port))


def _inputs(before: Interface, now: Interface) -> Iterator[Change]:
    for name in sorted({*before.inputs, *now.inputs}):
        old, new = before.inputs.get(name), now.inputs.get(name)
        if new is None:
            yield Change("removed", "input", name, "major", f"the input '{name}' is gone")
        elif old is None and new.is_required:
            yield Change("required", "input", name, "major", f"the input '{name}' is new and required")
        elif old is None:
            yield Change("added", "input", name, "minor", f"the input '{name}' is new")
        else:
            yield from _changed(name, old, new)


def _changed(name: str, old: InputPort, new: InputPort) -> Iterator[Change]:
    if old.type != new.type:
        yield Change("retyped", "input", name, "major", f"the input '{name}' is {new.type}, no longer {old.type}")
        return
    if new.is_required and not old.is_required:
        yield Change("required", "input", name, "major", f"the input '{name}' has become required")
    elif old.is_required and not new.is_required:
        yield Change("relaxed", "input", name, "patch", f"the input '{name}' may be left out now")
    else:
        for said in _otherwise(old, new):
            yield Change("default", "input", name, "patch", f"the input '{name}' {said}")
    fewer = [*_fewer(old, new)]
    if fewer:
        yield Change("narrowed", "input", name, "major", f"the input '{name}' takes less: {', '.join(fewer)}")
    elif _takes_more(old, new):
        yield Change("relaxed", "input", name, "patch", f"the input '{name}' takes more values")
    elif repr((old.min, old.max, old.enum)) != repr((new.min, new.max, new.enum)):
        yield Change("relaxed", "input", name, "patch", f"the input '{name}' takes the same values, written otherwise")


def _otherwise(old: InputPort, new: InputPort) -> Iterator[str]:
    """What differs of what an input gets if nobody gives it a value. 2 and 2.0 are two texts on a command line."""
    if new.default is None and old.default is not None:
        yield f"has no default any more: it was {old.default!r}"
    elif old.default is None and new.default is not None:
        yield f"has a default now: {new.default!r}"
    elif repr(old.default) != repr(new.default):
        yield f"has another default: {new.default!r}, no longer {old.default!r}"
    if old.optional != new.optional:
        yield "is optional now" if new.optional else "is not optional any more"


def _takes_more(old: InputPort, new: InputPort) -> bool:
    """Whether an input takes a value that it did not take before."""
    if old.min is not None and (new.min is None or new.min < old.min):
        return True
    if old.max is not None and (new.max is None or new.max > old.max):
        return True
    return old.enum is not None and (new.enum is None or any(value not in old.enum for value in new.enum))


def _fewer(old: InputPort, new: InputPort) -> Iterator[str]:
    """What an input took before and takes no longer, in words."""
    if new.min is not None and (old.min is None or new.min > old.min):
        yield f"nothing below {new.min}"
    if new.max is not None and (old.max is None or new.max < old.max):
        yield f"nothing above {new.max}"
    if new.enum is None:
        return
    if old.enum is None:
        yield f"only {', '.join(map(str, new.enum))}"
        return
    gone = [str(value) for value in old.enum if value not in new.enum]
    if gone:
        yield f"no longer {', '.join(gone)}"


def _outputs(before: Interface, now: Interface) -> Iterator[Change]:
    for name in sorted({*before.outputs, *now.outputs}):
        old, new = before.outputs.get(name), now.outputs.get(name)
        if new is None:
            yield Change("removed", "output", name, "major", f"the output '{name}' is gone")
        elif old is None:
            yield Change("added", "output", name, "minor", f"the output '{name}' is new")
        elif old.type != new.type:
            yield Change("retyped", "output", name, "major", f"the output '{name}' is {new.type}, no longer {old.type}")
