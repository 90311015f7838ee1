"""What rules look at: one file, read as what it is, with all that it refers to."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from penstock.graph.library import Library
from penstock.graph.model import Composite, Graph, GraphNode
from penstock.graph.resolve import resolve, resolve_component
from penstock.spec.files import Files
from penstock.spec.finding import Finding
from penstock.spec.kind import Kind, kind_of
from penstock.spec.model import CommandComponent, Component, PipelineComponent
from penstock.spec.read import read_job
from penstock.spec.source import Document, Mapping


class Subject(Struct, frozen=True, eq=False):
    """One file to check.

    Attributes:
        file: where it lies; what it refers to is relative to its folder.
        kind: what it describes.
        root: its content.
        graph: the resolved pipeline of a job or a pipeline component, else None.
        component: the component that the file is, else None.
        files: the disk, read-only.
        found: what reading has found already, in this file and the component files that its graph brought in.
        cache: what rules have read of code and snapshots; the subjects that share a library share it.
        elsewhere: components (by `id`) of files that other subjects of the same check tell of; `components` leaves
            them out.
    """

    file: Path
    kind: Kind
    root: Mapping
    graph: Graph | None
    component: Component | None
    files: Files
    found: tuple[Finding, ...]
    cache: dict[object, Any] = field(default_factory=dict)
    elsewhere: Set[int] = frozenset()

    @property
    def folder(self) -> Path:
        return self.file.parent

    def nodes(self) -> tuple[GraphNode | Composite, ...]:
        """Leaf nodes and nested pipelines."""
        return (*self.graph.nodes.values(), *self.graph.composites) if self.graph else ()

    def components(self) -> tuple[Component, ...]:
        """The file's own component and those of all nodes, each once; for rules that look at a component by itself."""
        used = {id(node.component): node.component for node in self.nodes()}
        found = {key: component for key, component in used.items() if key not in self.elsewhere}
        own = {id(self.component): self.component} if self.component else {}
        return tuple({**own, **found}.values())

    def commands(self) -> tuple[CommandComponent, ...]:
        """The command components among `components`."""
        return tuple(component for component in self.components() if isinstance(component, CommandComponent))


def read_subject(file: Path, files: Files, library: Library | None = None) -> Subject | Document | None:
    """Read a file as what it describes. Subjects that share a `library` read each file once between them.

    Returns the bare Document if it is not YAML, and None if it is YAML but not Azure ML's. Raises OSError.
    """
    library = library.another() if library is not None else Library(files)
    document = library.document(file)
    return subject_of(document, file, files, library=library) if document.root is not None else document


def subject_of(
    document: Document, file: Path, files: Files, kind: Kind | None = None, library: Library | None = None
) -> Subject | None:
    """The subject of a parsed file; `kind` says what to read it as, if not what it looks like."""
    kind = kind or kind_of(document.root)
    root = document.root
    if kind is None or not isinstance(root, Mapping):
        return None
    library = library or Library(files)
    graph, component, found = None, None, document.findings
    if kind.family == "job":
        graph, more = resolve(read_job(root, file), library)
        found = (*found, *more)
    elif kind.family == "component":
        component = library.component(root, file)
        if isinstance(component, PipelineComponent):
            graph, more = resolve_component(component, library)
            found = (*found, *more)
    return Subject(file, kind, root, graph, component, files, found, library.cache)
