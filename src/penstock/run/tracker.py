"""The MLflow runs of a node's own parts, the trials of a sweep. `penstock.store.tracking` implements it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Tracker(Protocol):
    """Makes runs below a node's and reads what was logged to them."""

    def child(self, node: str, name: str) -> Mapping[str, str]:
        """Make a run below the node's; returns the variables by which a process finds it."""
        ...

    def end_child(self, run_id: str, status: str) -> None:
        """Close it: completed, failed or canceled."""
        ...

    def history(self, run_id: str, metric: str) -> list[float]:
        """The values of a metric in the order in which they were logged, without NaN and infinities."""
        ...

    def best(self, node: str, run_id: str, values: Mapping[str, str], metric: tuple[str, float]) -> None:
        """Note in the node's run which of those below it is the best, its parameters and its metric."""
        ...
