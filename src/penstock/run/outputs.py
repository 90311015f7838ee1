"""What becomes of outputs besides lying in the run's folder: put into a datastore, registered as an asset.

Both by hard links: a published output is read-only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from penstock.errors import PenstockError, RunError
from penstock.graph.catalog import Catalog, NotHere
from penstock.graph.model import Graph
from penstock.plan.deliveries import Delivery, default_datastore, deliveries, expanded
from penstock.run.step import job_name
from penstock.spec.reference import AssetType
from penstock.store.assets import Assets
from penstock.store.copying import link_tree
from penstock.store.workspace import RunFolder

_DATA = ("uri_file", "uri_folder", "mltable")


@dataclass(frozen=True)
class Deliveries:
    """The outputs of a run that go somewhere. `told` says what has gone where."""

    graph: Graph
    folder: RunFolder
    catalog: Catalog
    assets: Assets
    told: Callable[[str], None]

    @cached_property
    def _by_node(self) -> dict[str, list[Delivery]]:
        found: dict[str, list[Delivery]] = {}
        for delivery in deliveries(self.graph):
            found.setdefault(delivery.node, []).append(delivery)
        return found

    def deliver(self, node: str) -> str | None:
        """Deliver what a completed node has made. Returns why that cannot be, in words; None if it could."""
        for delivery in self._by_node.get(node, ()):
            source = self.folder.node(node).output(delivery.port)
            if not source.exists():
                continue
            try:
                self._deliver(delivery, source)
            except (OSError, PenstockError) as error:
                return f"its output '{delivery.port}' could not be delivered: {error}"
        return None

    def _deliver(self, delivery: Delivery, source: Path) -> None:
        if delivery.uri is not None:
            self._put(delivery, delivery.uri, source)
        if delivery.asset is not None:
            self._register(delivery, delivery.asset, source)

    def _put(self, delivery: Delivery, uri: str, source: Path) -> None:
        values = {
            "name": job_name(delivery.node, self.folder),
            "default_datastore": default_datastore(self.graph),
            "output_name": delivery.name,
        }
        found = self.catalog.place(expanded(uri, values))
        if isinstance(found, NotHere):
            return  # told before anything was started
        target = found.path
        if not source.is_dir() and (uri.endswith("/") or target.is_dir()):
            target = target / source.name
        if source.is_dir() and target.is_file():
            raise RunError(f"it is a folder, and {target} is a file")
        link_tree(source, target)
        self.told(f"'{delivery.node}': its output '{delivery.port}' is at {target}")

    def _register(self, delivery: Delivery, name: str, source: Path) -> None:
        kind: AssetType = "data" if delivery.type in _DATA else "model"
        files = "files" if source.is_dir() else f"files/{source.name}"

        def fill(folder: Path) -> None:
            link_tree(source, folder / files)

        def definition(version: str) -> str:
            document = {"name": name, "version": version, "type": delivery.type, "path": f"./{files}"}
            return "".join(f"{key}: {json.dumps(value)}\n" for key, value in document.items())

        asset, new = self.assets.create(kind, name, delivery.version, fill, definition)
        self.told(f"'{delivery.node}': its output '{delivery.port}' is {'registered as' if new else 'already'} {asset}")
