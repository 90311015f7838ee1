"""What a run would do with each node, and why, without running any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from penstock.graph.model import GraphNode, NodeOutput
from penstock.plan import Plan
from penstock.plan.key import Key, KeyMaker, changed_part
from penstock.run.reuse import is_deterministic
from penstock.spec.files import Files
from penstock.store.cache import Cache
from penstock.store.digests import Digests, listing_digest


class Explained(Struct, frozen=True):
    """A node's verdict. `changed` names the parts of its key that are not those of the last run."""

    name: str
    verdict: Literal["reuse", "run", "unknown"]
    reason: str
    changed: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "verdict": self.verdict, "reason": self.reason, "changed": list(self.changed)}


class Explainer(Struct):
    """Explains a plan. `previous` gives the parts of the key that a node had when it last ran or was reused."""

    files: Files
    digests: Digests
    cache: Cache
    interpreter: Callable[[GraphNode], str]
    previous: Callable[[str], Mapping[str, str] | None]

    def explain(self, plan: Plan) -> list[Explained]:
        """The verdict on each node, in plan order."""
        produced: dict[tuple[str, str], str] = {}
        maker = KeyMaker(self.files, self.digests, self.interpreter, lambda out: produced.get((out.node, out.port)))
        explained = []
        for planned in plan.nodes:
            node = planned.node
            if plan.graph.job.settings.force_rerun:
                explained.append(Explained(node.name, "run", "the job says force_rerun"))
            else:
                explained.append(self._node(node, maker, produced))
        return explained

    def _node(self, node: GraphNode, maker: KeyMaker, produced: dict[tuple[str, str], str]) -> Explained:
        if not is_deterministic(node):
            return Explained(node.name, "run", "its component says is_deterministic: false")
        try:
            key = maker.key(node)
        except OSError as error:
            return Explained(node.name, "run", f"cannot be read: {error}")
        if key is None:
            return Explained(node.name, "unknown", f"until {_waits_for(node, produced)} has run")
        entry = self.cache.find(key.digest)
        if entry is None:
            return self._runs(node, key)
        produced |= {(node.name, port): listing_digest(listed) for port, listed in entry.outputs.items()}
        return Explained(node.name, "reuse", f"as in {entry.run}")

    def _runs(self, node: GraphNode, key: Key) -> Explained:
        before = self.previous(node.name)
        if before is None:
            return Explained(node.name, "run", "it has not run yet")
        changed = key.differs_from(before)
        if not changed:
            return Explained(node.name, "run", "what it made when it last ran is not kept")
        told = [changed_part(name, before.get(name), key.parts.get(name)) for name in changed]
        return Explained(node.name, "run", "; ".join(told), changed)


def _waits_for(node: GraphNode, produced: Mapping[tuple[str, str], str]) -> str:
    sources = (value for value in node.inputs.values() if isinstance(value, NodeOutput))
    return ", ".join(dict.fromkeys(f"'{out.node}'" for out in sources if (out.node, out.port) not in produced))
