"""The order in which nodes can run, or the circle that prevents any."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter


def topological(depends_on: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Every name after those that it depends on; otherwise in the given order. Raises graphlib.CycleError."""
    sorter = TopologicalSorter(depends_on)
    sorter.prepare()
    position = {name: index for index, name in enumerate(depends_on)}  # what is only depended on comes first
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=lambda name: position.get(name, -1))
        order += ready
        sorter.done(*ready)
    return tuple(order)


def cycle(depends_on: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """One circle of names, the first repeated at the end; empty if there is none."""
    try:
        topological(depends_on)
    except CycleError as error:
        return tuple(reversed(error.args[1]))
    return ()
