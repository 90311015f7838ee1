"""Finds the components that nodes refer to. Each file is read once, however many nodes and subjects use it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from typing import Literal as OneOf

from penstock.graph.catalog import Catalog, NotHere
from penstock.spec.files import Files
from penstock.spec.finding import Finding
from penstock.spec.model import Component
from penstock.spec.read import read_component
from penstock.spec.source import Document, Mapping, parse

_PROMPT_FLOW = "https://azuremlschemas.azureedge.net/promptflow/"  # Azure's client makes the ports of its component


@dataclass(frozen=True, slots=True)
class NotFound:
    """Why a reference leads to no component."""

    what: OneOf["component", "registered"]
    message: str


@dataclass
class Library:
    """Parsed files, and components by reference. Each file is read once, also for several subjects (see `another`).

    `findings` collects what is wrong with the component files that `find` has led to; `cache` is for what others read
    on the way, code for example; `("bytes", path)` is a file's content there. `catalog` knows registered components
    (without one none is known), `notes` collects what a person should know of those.
    """

    files: Files
    findings: list[Finding] = field(default_factory=list)
    _documents: dict[Path, Document] = field(default_factory=dict)
    _components: dict[Path, Component] = field(default_factory=dict)
    _found: set[Path] = field(default_factory=set)
    cache: dict[object, Any] = field(default_factory=dict)
    catalog: Catalog | None = None
    notes: list[str] = field(default_factory=list)

    def another(self) -> Library:
        """A library for another subject, which reads no file anew; its `findings` are its own."""
        return Library(self.files, [], self._documents, self._components, cache=self.cache, catalog=self.catalog)

    def document(self, path: Path) -> Document:
        """The parsed file. Raises OSError."""
        if path not in self._documents:
            data = self.cache["bytes", path] = self.files.read(path)
            self._documents[path] = parse(data, str(path))
        return self._documents[path]

    def component(self, root: Mapping, path: Path) -> Component:
        """The component that the file `path` with the content `root` describes."""
        if path not in self._components:
            self._components[path] = read_component(root, path)
        return self._components[path]

    def find(self, reference: str, folder: Path) -> Component | NotFound:
        """The component that `reference` names: a path from `folder`, with or without `file:`, or `azureml:...`."""
        if reference.startswith("azureml:"):
            return self._registered(reference)
        return self._load(Path(os.path.normpath(folder / reference.removeprefix("file:"))))

    def _registered(self, reference: str) -> Component | NotFound:
        if self.catalog is None:
            return NotFound("registered", f"the registered component '{reference}' is not on this machine.")
        found = self.catalog.component(reference)
        if isinstance(found, NotHere):
            return NotFound("registered", f"the registered component '{reference}' {found.why}. {found.fix}".rstrip())
        if found.note and found.note not in self.notes:
            self.notes.append(found.note)
        return self._load(found.path)

    def _load(self, path: Path) -> Component | NotFound:
        if path in self._components and path in self._found:
            return self._components[path]
        if not self.files.is_file(path):
            kind = "is a folder; name the YAML file in it" if self.files.is_dir(path) else "does not exist"
            return NotFound("component", f"the component file '{path}' {kind}.")
        try:
            document = self.document(path)
        except OSError as error:
            return NotFound("component", f"the component file '{path}' cannot be read: {error.strerror}.")
        if path not in self._found:
            self._found.add(path)
            self.findings += document.findings
        if not isinstance(document.root, Mapping):
            return NotFound("component", f"'{path}' is not a component.")
        if (document.root.text("$schema") or "").startswith(_PROMPT_FLOW):
            return NotFound("registered", f"the prompt flow '{path}' becomes a component on Azure only.")
        return self.component(document.root, path)
