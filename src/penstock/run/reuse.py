"""Whether a node's outputs are there already, from an earlier run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from msgspec import Struct, field

from penstock.graph.model import GraphNode, NodeOutput
from penstock.plan.key import Key, KeyMaker
from penstock.spec.files import Files
from penstock.store.cache import Cache, Entry, Outputs, protect
from penstock.store.digests import Digests, listing_digest
from penstock.store.workspace import RunFolder


class Reuse(Struct):
    """Keys and kept outputs of one run's nodes.

    With `force` nothing is reused, but all is kept. With `inputs_from`, an earlier run, only the node `only` runs; the
    others are what they were in that run.
    """

    folder: RunFolder
    files: Files
    digests: Digests
    cache: Cache
    interpreter: Callable[[GraphNode], str]
    force: bool = False
    only: str | None = None
    inputs_from: RunFolder | None = None
    keys: dict[str, Key] = field(default_factory=dict)
    _produced: dict[tuple[str, str], str] = field(default_factory=dict)

    def find(self, node: GraphNode) -> Entry | None:
        """The kept outputs that the node would make again; None if it has to run. Makes the node's key."""
        if node.name != self.only and self.inputs_from is not None:
            return self._as_in(self.inputs_from, node)
        try:
            key = self._maker().key(node)
        except OSError:
            return None  # what cannot be read is told by the step itself
        if key is None:
            return None
        self.keys[node.name] = key
        if self.force or self.only == node.name or not is_deterministic(node):
            return None
        entry = self.cache.find(key.digest)
        # a node like it in this very run: whether that has ended by now is chance
        return entry if entry is not None and entry.run != self.folder.name else None

    def _maker(self) -> KeyMaker:
        return KeyMaker(self.files, self.digests, self.interpreter, self._digest)

    def _as_in(self, run: RunFolder, node: GraphNode) -> Entry:
        folder = run.node(node.name)
        outputs = {port: folder.output(port) for port in node.outputs if folder.output(port).exists()}
        log = folder.attempt(1).log
        return Entry(run.name, node.name, str(log) if log.exists() else None, self.cache.take(outputs))

    def restore(self, node: GraphNode, entry: Entry) -> None:
        """Make the outputs the node's own. Raises OSError."""
        folder = self.folder.node(node.name)
        folder.path.mkdir(parents=True, exist_ok=True)
        self.cache.restore(entry, folder.outputs)
        self._take_in(node, entry.outputs)

    def take_in(self, node: GraphNode) -> Outputs:
        """What a node has made, for the keys of those that read it. Raises OSError."""
        folder = self.folder.node(node.name)
        outputs = {}
        for port in node.outputs:
            path = folder.output(port)
            if path.exists():
                protect(path)
                outputs[port] = self.digests.listing(path)
        self._take_in(node, outputs)
        return outputs

    def keep(self, node: GraphNode, made: Outputs, log: str | None) -> list[str]:
        """Keep for other runs what a node has made. Raises OSError.

        Returns the inputs that are not what they were when its key was made: then it is not kept.
        """
        key = self.keys.get(node.name)
        if key is None or not is_deterministic(node):
            return []
        now = self._maker().inputs(node) or {}
        changed = [name for name in key.parts if name.startswith("input ") and now.get(name) != key.parts[name]]
        if not changed:
            folder = self.folder.node(node.name)
            self.cache.add(key.digest, Entry(self.folder.name, node.name, log, made), key.parts, folder.outputs)
        return changed

    def forget(self, node: GraphNode, changed: Iterable[str]) -> None:
        """Inputs of a node have been changed: what is known of those that other nodes have made is no longer so."""
        for name in changed:
            value = node.inputs[name]
            if isinstance(value, NodeOutput):
                self._produced.pop((value.node, value.port), None)

    def _take_in(self, node: GraphNode, outputs: Outputs) -> None:
        self._produced |= {(node.name, port): listing_digest(listed) for port, listed in outputs.items()}

    def _digest(self, output: NodeOutput) -> str | None:
        found = self._produced.get((output.node, output.port))
        if found is None:
            with suppress(OSError):
                found = self.digests.of(self.folder.node(output.node).output(output.port))
        return found


def is_deterministic(node: GraphNode) -> bool:
    """Whether equal inputs mean equal outputs, as its component says."""
    return node.component.is_deterministic
