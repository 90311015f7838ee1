"""What a repository publishes: its environments, components and pipelines, each after those that it needs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from penstock.errors import DefinitionError
from penstock.graph.library import Library, NotFound
from penstock.plan.key import Digests
from penstock.publish.block import Block, block_of
from penstock.publish.content import Contents, Parts, digest_of
from penstock.publish.interface import Interface, interface_of
from penstock.spec.kind import kind_of
from penstock.spec.model import Component, PipelineJob
from penstock.spec.place import Place
from penstock.spec.read import read_job
from penstock.spec.reference import NAME
from penstock.spec.source import Mapping as Object
from penstock.spec.source import Scalar, scalar_text

Kind = Literal["environment", "component", "pipeline"]
KINDS: tuple[Kind, ...] = ("environment", "component", "pipeline")


class Item(Struct, frozen=True):
    """One thing to publish, as its file has it now.

    Attributes:
        version: as the file says it; of a pipeline job, which says none, empty.
        place: where the version stands, or would.
        parts: of its content (see `content`); the interface is not among them.
        needs: the environments and components of the project that it names by file: (kind, name).
        tags: as the file says them.
        root: the file's content.
        block: of a pipeline job, its one component.
    """

    kind: Kind
    name: str
    version: str
    place: Place
    file: Path
    parts: Mapping[str, str]
    interface: Interface | None
    needs: tuple[tuple[Kind, str], ...]
    tags: Mapping[str, str]
    root: Object
    block: Block | None = None

    @property
    def digest(self) -> str:
        return digest_of(self.parts, self.interface)

    @property
    def key(self) -> tuple[Kind, str]:
        return self.kind, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.version}".rstrip()


class Project(Struct, frozen=True):
    """All items in the order of publishing, the components by file, and all pipelines, published or not."""

    items: Mapping[tuple[Kind, str], Item]
    jobs: Mapping[Path, PipelineJob]
    components: Mapping[Path, Component] = field(default_factory=dict)

    def with_needs(self, chosen: Iterable[Item]) -> list[Item]:
        """The chosen ones and all that they need, in the order of publishing."""
        wanted: set[tuple[Kind, str]] = set()
        todo = [item.key for item in chosen]
        while todo:
            key = todo.pop()
            if key not in wanted:
                wanted.add(key)
                todo += self.items[key].needs
        return [item for key, item in self.items.items() if key in wanted]


def read_project(files: Iterable[Path], published: Path, library: Library, digests: Digests) -> Project:
    """Read `files` as what they are; job pipelines below the folder `published` become components too.

    Raises:
        DefinitionError: a file is not what it says, lacks name or version, or two bear the same name; with the place.
        OSError: something cannot be read.
    """
    reader = _Reader(library, digests)
    found = [(Path(os.path.normpath(file)), reader.root(file)) for file in files]
    for family in ("environment", "component"):
        for file, root in found:
            kind = kind_of(root)
            if root is not None and kind is not None and kind.family == family and root.text("name") is not None:
                reader.environment(file) if family == "environment" else reader.component(file)
    jobs = {}
    for file, root in found:
        kind = kind_of(root)
        if root is None or kind is None or str(kind) != "pipeline job" or root.mapping("jobs") is None:
            continue
        jobs[file] = read_job(root, file)
        if file.is_relative_to(published):
            reader.pipeline(jobs[file], file)
    components = {
        file: library.component(item.root, file) for file, item in reader.by_file.items() if _is_component(item)
    }
    return Project(reader.items, jobs, components)


class _Reader:
    """Reads each file once, what it needs before it: so `items` comes to be in the order of publishing."""

    def __init__(self, library: Library, digests: Digests) -> None:
        self.library = library
        self.items: dict[tuple[Kind, str], Item] = {}
        self.by_file: dict[Path, Item] = {}
        self._open: list[Path] = []
        self._needs: list[list[tuple[Kind, str]]] = []
        self._contents = Contents(library.files, digests, self._named_environment, self._named_component)

    def root(self, file: Path) -> Object | None:
        """The content of a file; None if it is no object, or YAML of another tool."""
        document = self.library.document(Path(os.path.normpath(file)))
        if document.root is None and not document.tagged:
            raise DefinitionError("\n".join(map(str, document.findings)))
        return document.root if isinstance(document.root, Object) else None

    def environment(self, file: Path) -> Item:
        if file in self.by_file:
            return self.by_file[file]
        root = self._object(file)
        parts = self._contents.of_environment(root, file.parent)
        return self._take("environment", file, root, parts, None)

    def component(self, file: Path) -> Item:
        if file in self.by_file:
            return self.by_file[file]
        if file in self._open:
            raise DefinitionError(f"{Place(str(file))}: the component contains itself")
        root = self._object(file)
        component = self.library.component(root, file)
        self._open.append(file)
        self._needs.append([])
        parts = self._contents.of_component(component)
        needs = self._needs.pop()
        self._open.pop()
        return self._take("component", file, root, parts, interface_of(component), tuple(dict.fromkeys(needs)))

    def pipeline(self, job: PipelineJob, file: Path) -> Item:
        self._needs.append([])
        parts = {"nodes": self._contents.of_nodes(job.jobs)}
        needs = tuple(dict.fromkeys(self._needs.pop()))
        block = block_of(job, self._used)
        name = re.sub(r"[^a-z0-9_]", "_", file.name.split(".", maxsplit=1)[0].lower())
        item = Item("pipeline", name, "", job.source.place, file, parts, block.interface, needs, {}, job.source, block)
        return self._added(item)

    def _object(self, file: Path) -> Object:
        root = self.root(file)
        if root is None:
            raise DefinitionError(f"{Place(str(file))}: this is no environment and no component of Azure ML")
        return root

    def _take(
        self,
        kind: Kind,
        file: Path,
        root: Object,
        parts: Parts,
        interface: Interface | None,
        needs: tuple[tuple[Kind, str], ...] = (),
    ) -> Item:
        name, version = root.text("name") or "", root.text("version") or ""
        example = "1.0.0" if kind == "component" else '"1"'
        if not NAME.fullmatch(name):
            place = root.entries["name"].value.place if "name" in root.entries else root.place
            raise DefinitionError(f"{place}: '{name}' is no name that this {kind} can be published under")
        if not version:
            message = f"the {kind} '{name}' has no version, so it cannot be published; add version: {example}"
            raise DefinitionError(f"{root.place}: {message}")
        place = root.entries["version"].value.place
        tags = {e.key.text: scalar_text(e.value) for e in root.mapping("tags") or () if isinstance(e.value, Scalar)}
        return self._added(Item(kind, name, version, place, file, parts, interface, needs, tags, root))

    def _added(self, item: Item) -> Item:
        other = next(
            (self.items[kind, item.name] for kind in _same_space(item.kind) if (kind, item.name) in self.items), None
        )
        if other is not None:
            raise DefinitionError(
                f"{item.place}: the {item.kind} '{item.name}' bears the name of {other.file}; give it another one"
            )
        self.items[item.key] = self.by_file[item.file] = item
        return item

    def _named_environment(self, reference: Scalar, folder: Path) -> tuple[str, str, str]:
        item = self.environment(self._existing(reference, folder, "environment"))
        self._needed(item)
        return item.name, item.version, item.digest

    def _named_component(self, reference: Scalar, folder: Path) -> tuple[str, str, str] | None:
        if scalar_text(reference).startswith("azureml:"):
            return None
        item = self.component(self._existing(reference, folder, "component"))
        self._needed(item)
        return item.name, item.version, item.digest

    def _existing(self, reference: Scalar, folder: Path, kind: Kind) -> Path:
        path = _path(scalar_text(reference), folder)
        if not self.library.files.is_file(path):
            raise DefinitionError(f"{reference.place}: the {kind} file {path} does not exist")
        return path

    def _needed(self, item: Item) -> None:
        if self._needs:
            self._needs[-1].append(item.key)

    def _used(self, reference: str, folder: Path) -> tuple[Component | None, str]:
        """The component that a node names, and what to name it by once it is published."""
        if not reference.startswith("azureml:"):
            item = self.by_file[_path(reference, folder)]
            return self.library.component(item.root, item.file), f"azureml:{item.name}:{item.version}"
        found = self.library.find(reference, folder)
        return (None if isinstance(found, NotFound) else found), reference


def _is_component(item: Item) -> bool:
    return item.kind == "component"


def _path(reference: str, folder: Path) -> Path:
    return Path(os.path.normpath(folder / reference.removeprefix("file:")))


def _same_space(kind: Kind) -> tuple[Kind, ...]:
    """The kinds whose names would collide with that of a `kind`: a pipeline is a component at Azure."""
    return ("environment",) if kind == "environment" else ("component", "pipeline")
