"""What a run and its nodes ended with: the JSON summary of `penstock run`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

# `running` is the run's status in run.json until it has ended.
Status = Literal["completed", "reused", "failed", "skipped", "canceled", "running"]
EXIT_CODES = {"completed": 0, "failed": 1, "canceled": 130}


class NodeResult(Struct, frozen=True):
    """A node's end. `outputs` are the paths of its published outputs, `log` that of its last attempt's log."""

    name: str
    status: Status
    reason: str
    attempts: int
    duration_s: float
    outputs: Mapping[str, str]
    log: str | None
    is_unreached: bool = False

    @classmethod
    def unreached(cls, name: str) -> NodeResult:
        """Of a node whose turn never comes: it is not told of."""
        return cls(name, "skipped", "", 0, 0.0, {}, None, is_unreached=True)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "status": self.status,
            "reason": self.reason,
            "attempts": self.attempts,
            "duration_s": round(self.duration_s, 3),
            "outputs": dict(self.outputs),
            "log": self.log,
        }


class RunResult(Struct, frozen=True):
    """A run's end, with its nodes in plan order."""

    run: str
    status: Status
    duration_s: float
    outputs: Mapping[str, str]
    nodes: tuple[NodeResult, ...]

    @property
    def exit_code(self) -> int:
        return EXIT_CODES.get(self.status, 1)

    def to_json(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "status": self.status,
            "duration_s": round(self.duration_s, 3),
            "outputs": dict(self.outputs),
            "nodes": [node.to_json() for node in self.nodes],
        }
