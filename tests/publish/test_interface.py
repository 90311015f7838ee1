"""Differences of interfaces: whoever used the old one is told by the bump whether the new one still fits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.publish.interface import InputPort, Interface, OutputPort, differences
from penstock.publish.version import Bump, highest

WORDS = ("a", "b", "c")
NAMES = ("x", "y", "z")


def _bump(before: Interface, now: Interface) -> Bump:
    return highest([change.bump for change in differences(before, now)])


def _with(**inputs: InputPort) -> Interface:
    return Interface(inputs, {})


string = InputPort("string")
number = InputPort("number", default=1)


@pytest.mark.parametrize(
    ("before", "now", "bump", "message"),
    [
        (_with(x=string), _with(), "major", "the input 'x' is gone"),
        (_with(), _with(x=string), "major", "the input 'x' is new and required"),
        (_with(x=InputPort("string", optional=True)), _with(x=string), "major", "the input 'x' has become required"),
        (_with(x=InputPort("string", default="a")), _with(x=string), "major", "the input 'x' has become required"),
        (_with(x=string), _with(x=number), "major", "the input 'x' is number, no longer string"),
        (
            _with(x=InputPort("string", enum=("a", "b"))),
            _with(x=InputPort("string", enum=("b", "c"))),
            "major",
            "the input 'x' takes less: no longer a",
        ),
        (_with(x=string), _with(x=InputPort("string", enum=("a",))), "major", "the input 'x' takes less: only a"),
        (
            _with(x=InputPort("integer", min=0, default=1)),
            _with(x=InputPort("integer", min=1, max=5, default=1)),
            "major",
            "the input 'x' takes less: nothing below 1, nothing above 5",
        ),
        (_with(), _with(x=InputPort("string", optional=True)), "minor", "the input 'x' is new"),
        (_with(), _with(x=number), "minor", "the input 'x' is new"),
        (_with(x=string), _with(x=InputPort("string", optional=True)), "patch", "the input 'x' may be left out now"),
        (
            _with(x=number),
            _with(x=InputPort("number", default=2)),
            "patch",
            "the input 'x' has another default: 2, no longer 1",
        ),
        (
            _with(x=number),
            _with(x=InputPort("number", default=1.0)),
            "patch",
            "the input 'x' has another default: 1.0, no longer 1",
        ),
        (
            _with(x=number),
            _with(x=InputPort("number", default=1, optional=True)),
            "patch",
            "the input 'x' is optional now",
        ),
        (
            _with(x=InputPort("number", default=1, optional=True)),
            _with(x=number),
            "patch",
            "the input 'x' is not optional any more",
        ),
        (
            _with(x=InputPort("number", default=1, optional=True)),
            _with(x=InputPort("number", optional=True)),
            "patch",
            "the input 'x' has no default any more: it was 1",
        ),
        (
            _with(x=InputPort("number", optional=True)),
            _with(x=InputPort("number", default=1, optional=True)),
            "patch",
            "the input 'x' has a default now: 1",
        ),
        (
            _with(x=InputPort("number", min=2, max=3)),
            _with(x=InputPort("number", min=2.0, max=3)),
            "patch",
            "the input 'x' takes the same values, written otherwise",
        ),
        (
            _with(x=InputPort("string", enum=("a", "b"))),
            _with(x=InputPort("string", enum=("b", "a"))),
            "patch",
            "the input 'x' takes the same values, written otherwise",
        ),
        (
            _with(x=InputPort("number", min=2, max=3)),
            _with(x=InputPort("number", min=2)),
            "patch",
            "the input 'x' takes more values",
        ),
        (
            _with(x=InputPort("string", enum=("a",))),
            _with(x=InputPort("string", enum=("a", "b"))),
            "patch",
            "the input 'x' takes more values",
        ),
        (
            Interface({}, {"o": OutputPort("uri_file")}),
            Interface({}, {}),
            "major",
            "the output 'o' is gone",
        ),
        (
            Interface({}, {"o": OutputPort("uri_file")}),
            Interface({}, {"o": OutputPort("mltable")}),
            "major",
            "the output 'o' is mltable, no longer uri_file",
        ),
        (Interface({}, {}), Interface({}, {"o": OutputPort("uri_file")}), "minor", "the output 'o' is new"),
    ],
)
def test_a_difference(before: Interface, now: Interface, bump: Bump, message: str) -> None:
    assert [(change.bump, change.message) for change in differences(before, now)] == [(bump, message)]


def test_what_asks_for_most_comes_first() -> None:
    before, now = _with(x=string, y=number), _with(y=InputPort("number", default=3), z=number)
    assert [change.bump for change in differences(before, now)] == ["major", "minor", "patch"]


enums = st.none() | st.lists(st.sampled_from(WORDS), min_size=1, unique=True).map(tuple)
strings = st.builds(
    InputPort, type=st.just("string"), optional=st.booleans(), default=st.none() | st.sampled_from(WORDS), enum=enums
)
bounds = st.none() | st.integers(-3, 3)
integers = st.builds(
    InputPort,
    type=st.just("integer"),
    optional=st.booleans(),
    default=st.none() | st.integers(-3, 3),
    min=bounds,
    max=bounds,
)
data = st.builds(InputPort, type=st.sampled_from(("uri_file", "uri_folder")), optional=st.booleans())
outputs = st.dictionaries(st.sampled_from(NAMES), st.builds(OutputPort, st.sampled_from(("uri_file", "mltable"))))
interfaces = st.builds(Interface, st.dictionaries(st.sampled_from(NAMES), strings | integers | data), outputs)


def _takes(port: InputPort, value: Any) -> bool:
    if port.type == "string":
        return isinstance(value, str) and (port.enum is None or value in port.enum)
    if port.type == "integer":
        low = port.min is None or value >= port.min if isinstance(value, int) else False
        return low and (port.max is None or value <= port.max)
    return value == port.type


def _fits(use: dict[str, Any], takes: set[tuple[str, str]], interface: Interface) -> bool:
    """Whether a node that gives `use` to inputs and takes outputs (with their types) can have this component."""
    if any(name not in interface.inputs or not _takes(interface.inputs[name], value) for name, value in use.items()):
        return False
    if any(name not in interface.outputs or interface.outputs[name].type != kind for name, kind in takes):
        return False
    return all(name in use for name, port in interface.inputs.items() if port.is_required)


def _value(draw: st.DrawFn, port: InputPort) -> Any:
    if port.type == "string":
        return draw(st.sampled_from(port.enum or WORDS))
    return draw(st.integers(-4, 4)) if port.type == "integer" else port.type


@st.composite
def uses(draw: st.DrawFn) -> tuple[Interface, Interface, dict[str, Any], set[tuple[str, str]]]:
    """Two interfaces, and a use that fits the first."""
    before, now = draw(interfaces), draw(interfaces)
    given_to = [name for name, port in before.inputs.items() if port.is_required or draw(st.booleans())]
    use = {name: _value(draw, before.inputs[name]) for name in given_to}
    taken = {(name, port.type) for name, port in before.outputs.items() if draw(st.booleans())}
    return before, now, use, taken


@given(uses())
def test_whoever_fits_fits_on_until_a_major_version(
    drawn: tuple[Interface, Interface, dict[str, Any], set[tuple[str, str]]],
) -> None:
    before, now, use, taken = drawn
    if _fits(use, taken, before) and not _fits(use, taken, now):
        assert _bump(before, now) == "major"


@given(interfaces)
def test_the_same_interface_differs_in_nothing(interface: Interface) -> None:
    assert differences(interface, interface) == []


@given(interfaces, interfaces)
def test_every_difference_is_told(before: Interface, now: Interface) -> None:
    assert (differences(before, now) == []) == (before == now)


@given(interfaces, interfaces)
def test_more_ports_are_minor_only_if_nobody_needs_them(before: Interface, now: Interface) -> None:
    more = Interface({**now.inputs, **before.inputs}, {**now.outputs, **before.outputs})
    added = [port for name, port in more.inputs.items() if name not in before.inputs]
    wanted: Bump = "patch"
    if len(more.outputs) > len(before.outputs) or added:
        wanted = "major" if any(port.is_required for port in added) else "minor"
    assert _bump(before, more) == wanted
