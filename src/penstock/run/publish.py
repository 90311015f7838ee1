"""From what a step has written to its node's outputs, and to what other runs may reuse."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from penstock.graph.model import ARTIFACTS, GraphNode
from penstock.run.reuse import Reuse
from penstock.store.cache import Outputs
from penstock.store.workspace import Attempt, RunFolder


class Publishing(Struct, frozen=True):
    """Publishes outputs in `folder`. `later` takes what no other node waits for: it is done once others run."""

    folder: RunFolder
    reuse: Reuse
    deliver: Callable[[str], str | None]
    told: Callable[[str], None]
    later: Callable[[Callable[[], None]], None]

    def publish(self, node: GraphNode, attempt: Attempt) -> str | None:
        """Make what a step has written the node's outputs; why that cannot be, in words. Raises OSError."""
        for name in ARTIFACTS:
            if name in node.outputs:
                attempt.hand_on_artifacts(node.outputs[name])
        for port in attempt.unwritten(list(node.outputs.values())):
            self.told(f"'{node.name}' wrote nothing to its output '{port}'; on Azure there would be nothing to read")
        linked = [port for port in node.outputs.values() if attempt.output(port).is_symlink()]
        if linked:
            return f"its output '{linked[0].name}' is a symbolic link; on Azure only real files are kept"
        self.folder.node(node.name).publish(attempt)
        try:
            made = self.reuse.take_in(node)
        except OSError as error:
            self._not_kept(node, error)
        else:
            self.later(lambda: self._keep(node, made, str(attempt.log)))
        return self.deliver(node.name)

    def _keep(self, node: GraphNode, made: Outputs, log: str) -> None:
        try:
            changed = self.reuse.keep(node, made, log)
        except OSError as error:
            self._not_kept(node, error)
            return
        if changed:
            self.told(f"'{node.name}' will not be reused: {', '.join(changed)} has changed while it ran")

    def _not_kept(self, node: GraphNode, error: OSError) -> None:
        self.told(f"'{node.name}' will not be reused: its outputs cannot be kept: {error}")
