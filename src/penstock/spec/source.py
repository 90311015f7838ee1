"""YAML text as a tree of nodes with places.

Values are resolved as PyYAML's safe loader does (YAML 1.1), which is what Azure's client reads YAML with: what it takes
for a number is a number here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from penstock.spec.finding import Finding
from penstock.spec.place import Place

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value without parts. `text` is what stands in the file, `value` what YAML makes of it."""

    place: Place
    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping with its value."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """An object. `place` is that of its first key. Of a duplicate key the last one counts, as in PyYAML."""

    place: Place
    entries: dict[str, Entry]

    def get(self, key: str) -> Node | None:
        entry = self.entries.get(key)
        return entry.value if entry else None

    def key_place(self, key: str) -> Place:
        """Where the key stands; the mapping's own place if it is missing."""
        entry = self.entries.get(key)
        return entry.key.place if entry else self.place

    def text(self, key: str) -> str | None:
        """The key's value as text, if it is a scalar other than null."""
        node = self.get(key)
        return scalar_text(node) if isinstance(node, Scalar) and node.value is not None else None

    def mapping(self, key: str) -> Mapping | None:
        """The key's value if it is a mapping."""
        node = self.get(key)
        return node if isinstance(node, Mapping) else None

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())


Node = Scalar | Sequence | Mapping


def scalar_text(node: Scalar) -> str:
    """A scalar's text: of a string its value, of anything else what stands in the file."""
    return node.value if isinstance(node.value, str) else node.text


def plain(node: Node | None) -> Any:
    """The node as plain Python values, without places."""
    if isinstance(node, Mapping):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value if node is not None else None


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file. `root` is None when it could not be parsed; `findings` says why, and names duplicate keys."""

    file: str
    root: Node | None
    findings: tuple[Finding, ...]


def parse(data: bytes | str, file: str) -> Document:
    """Parse YAML text. Never raises: what is wrong comes back as findings."""
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        return _broken(file, Place(file), f"is not UTF-8 text (byte {error.start})", "Save it as UTF-8.")
    reader = _Reader(file)
    try:
        loader = _Loader(io.StringIO(text))
        try:
            top = loader.get_single_node()
            root = reader.node(top, loader) if top is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        return _broken(file, place, f"is not YAML: {error.problem or error.context}")
    except (yaml.YAMLError, ValueError) as error:
        return _broken(file, Place(file), f"is not YAML: {error}")
    except RecursionError:
        return _broken(file, Place(file), "is nested too deeply to be read")
    if root is None:
        return _broken(file, Place(file), "is empty")
    return Document(file, root, tuple(reader.findings))


def _broken(file: str, place: Place, what: str, fix: str = "") -> Document:
    return Document(file, None, (Finding("PS001", "error", f"the file {what}.", place, fix),))


class _Reader:
    """Turns PyYAML's nodes into ours; an alias becomes the very object that its anchor names."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self._done: dict[int, Node] = {}

    def node(self, node: yaml.Node, loader: Any) -> Node:
        known = self._done.get(id(node))
        if known is None:
            known = self._done[id(node)] = self._convert(node, loader)
        return known

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _convert(self, node: yaml.Node, loader: Any) -> Node:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, loader)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(self._place(node), tuple(self.node(item, loader) for item in node.value))
        return self._scalar(node, loader)

    def _scalar(self, node: yaml.Node, loader: Any) -> Scalar:
        value = loader.construct_object(node)
        return Scalar(self._place(node), value, str(node.value))

    def _mapping(self, node: yaml.MappingNode, loader: Any) -> Mapping:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                for mapping in self._merged(value_node, loader):
                    merged = {**mapping.entries, **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                message = "a key must be a plain word, not a list or an object."
                self.findings.append(Finding("PS001", "error", message, self._place(key_node)))
                continue
            key = self._scalar(key_node, loader)
            name = scalar_text(key)
            if name in entries:
                message = f"the key '{name}' stands here for the second time; only the last one counts."
                self.findings.append(
                    Finding(
                        "PS002", "error", message, key.place, f"The first is at line {entries[name].key.place.line}."
                    )
                )
            entries[name] = Entry(key, self.node(value_node, loader))
        place = self._place(node.value[0][0]) if node.value else self._place(node)
        return Mapping(place, {**merged, **entries})

    def _merged(self, node: yaml.Node, loader: Any) -> Iterator[Mapping]:
        value = self.node(node, loader)
        for part in value.items if isinstance(value, Sequence) else (value,):
            if isinstance(part, Mapping):
                yield part
            else:
                self.findings.append(Finding("PS001", "error", "'<<' merges objects only.", part.place))
