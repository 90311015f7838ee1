"""Where a run tells how it goes. All output of the engine passes through one of these."""

from __future__ import annotations

from typing import Protocol

from penstock.run.result import NodeResult


class Reporter(Protocol):
    """Told of every start and end, in the order in which they happen."""

    def started(self, node: str) -> None: ...

    def ended(self, result: NodeResult) -> None: ...

    def told(self, message: str) -> None:
        """Something that a person should know: what differs from Azure, what was cancelled and why."""
        ...
