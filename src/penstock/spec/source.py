"""YAML text as a tree of nodes with places.

Values are resolved as PyYAML's safe loader does (YAML 1.1), which is what Azure's client reads YAML with: what it takes
for a number is a number here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from msgspec import Struct
from msgspec.structs import replace

from penstock.spec.finding import Finding
from penstock.spec.place import Place

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_COLLECTIONS = {None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "set", "omap", "pairs"))}
_MAX_DEPTH = 100
_MAX_ALIASED = 200_000
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class Scalar(Struct, frozen=True):
    """A value without parts. `text` is what stands in the file, `value` what YAML makes of it."""

    place: Place
    value: Any
    text: str


class Sequence(Struct, frozen=True):
    """A list."""

    place: Place
    items: tuple[Node, ...]


class Entry(Struct, frozen=True):
    """A key of a mapping with its value."""

    key: Scalar
    value: Node


class Mapping(Struct, frozen=True):
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


class Document(Struct, frozen=True):
    """A parsed file. `root` is None when it could not be parsed; `findings` says why, and names duplicate keys.

    `several`: the documents of a file that holds more than one; `tagged`: it is YAML with tags of another tool.
    Azure's client reads neither.
    """

    file: str
    root: Node | None
    findings: tuple[Finding, ...]
    several: tuple[Node, ...] = ()
    tagged: bool = False


def parse(data: bytes | str, file: str) -> Document:
    """Parse YAML text. Never raises: what is wrong comes back as findings."""
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        place = _place_after(error.object[: error.start].decode("utf-8-sig"), file)
        return _broken(file, place, "is not UTF-8 text", "Save it as UTF-8.")
    composer = _Composer(file)
    try:
        roots = composer.compose(text)
    except yaml.YAMLError as error:
        return _unreadable(error, text, file)
    if composer.second is not None:
        what = "holds several documents, the second of which begins here; Azure's client reads files of one"
        several = _broken(file, composer.second, what, "Give each document a file of its own.")
        return replace(several, several=tuple(roots))
    return Document(file, roots[0], tuple(composer.findings)) if roots else _broken(file, Place(file), "is empty")


def _unreadable(error: yaml.YAMLError, text: str, file: str) -> Document:
    if isinstance(error, yaml.MarkedYAMLError):
        return replace(_malformed(error, text, file), tagged=isinstance(error, yaml.constructor.ConstructorError))
    if isinstance(error, yaml.reader.ReaderError):
        before = text.encode("utf-8", "surrogatepass")[: error.position].decode("utf-8", "replace")
        return _broken(file, _place_after(before, file), f"holds a character that YAML does not allow: {error.reason}")
    return _broken(file, Place(file), f"is not YAML: {' '.join(str(error).split())}")


def _malformed(error: yaml.MarkedYAMLError, text: str, file: str) -> Document:
    """A fault of the syntax: where it shows, but an unclosed quote where it opens, a key without `:` at the key."""
    unclosed = error.context == "while scanning a quoted scalar" and error.problem == "found unexpected end of stream"
    begins = unclosed or error.context == "while scanning a simple key"
    mark = error.context_mark if begins else error.problem_mark or error.context_mark
    place = min(Place(file, mark.line + 1, mark.column + 1), _place_after(text, file)) if mark else Place(file)
    problem = "the quote that opens here is never closed" if unclosed else error.problem or error.context
    return _broken(file, place, f"is not YAML: {problem}", _way_out(error.problem or "", text, place))


_NO_TABS = "Indent with blanks: YAML takes no tabs there."
_WAYS_OUT = {  # by what libyaml says
    "found a tab character that violates indentation": _NO_TABS,
    "mapping values are not allowed in this context": "Put a text with a colon in quotes, or correct the indentation.",
    "block sequence entries are not allowed in this context": "Begin the list on a line of its own.",
    "did not find expected ',' or ']'": "Close the list with ].",
    "did not find expected ',' or '}'": "Close the object with }.",
    "could not find expected ':'": "Write KEY: VALUE, or indent the line if it belongs to the one above.",
    "did not find expected key": "Correct the indentation, or close the quote or bracket before.",
    "did not find expected '-' indicator": "Correct the indentation.",
    "found unknown escape character": "Write two backslashes, or single quotes around the text.",
}


def _way_out(problem: str, text: str, place: Place) -> str:
    """What to do about a fault of the syntax; empty if that is not known."""
    if problem != "found character that cannot start any token":
        return _WAYS_OUT.get(problem, "")
    line = _LINE_END.split(text)[place.line - 1]
    character = line[place.column - 1 : place.column]
    return _NO_TABS if character == "\t" else f"Put the text in quotes: none begins with {character}"


def _place_after(text: str, file: str) -> Place:
    """Where the character that follows `text` stands."""
    lines = _LINE_END.split(text)
    return Place(file, len(lines), len(lines[-1]) + 1)


def _broken(file: str, place: Place, what: str, fix: str = "") -> Document:
    return Document(file, None, (Finding("PS001", "error", f"the file {what}.", place, fix),))


def _error(problem: str, event: yaml.Event, kind: type[yaml.MarkedYAMLError] = yaml.MarkedYAMLError) -> yaml.YAMLError:
    mark: Any = event.start_mark
    return kind(problem=problem, problem_mark=mark)


class _Open(Struct):
    """A list or an object whose end has not come yet. The children of an object are keys and values in turn.

    `size` counts the values in it so far, those of aliases as often as they are named.
    """

    is_mapping: bool
    place: Place
    anchor: str | None
    children: list[Node]
    size: int = 1


class _Composer:
    """Builds the tree from the parser's events; an alias becomes the very object that its anchor names.

    It has a stack of its own because PyYAML's composer, in C, crashes the process on deep nesting.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._aliased = 0
        self._open: list[_Open] = []
        self._roots: list[Node] = []
        self.second: Place | None = None

    def compose(self, text: str) -> list[Node]:
        """The documents of `text`; where the second begins is in `second`. Raises yaml.YAMLError."""
        loader = _Loader(text)
        documents = 0
        try:
            while loader.check_event():
                event = loader.get_event()
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    self._anchors.clear()
                    if documents == 2:
                        self.second = self._place(event.start_mark)
                self._take(event, loader)
        finally:
            loader.dispose()
        return self._roots

    def _place(self, mark: Any) -> Place:
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _take(self, event: yaml.Event, loader: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event, loader), event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _error(f"nothing before this is called &{event.anchor}", event)
            node, size = self._anchors[event.anchor]
            self._aliased += size
            if self._aliased > _MAX_ALIASED:
                raise _error(f"its aliases stand for more than {_MAX_ALIASED} values", event)
            self._add(node, None, size)
        elif isinstance(event, yaml.CollectionStartEvent):
            if event.tag not in _COLLECTIONS:
                problem = f"could not determine a constructor for the tag '{event.tag}'"
                raise _error(problem, event, yaml.constructor.ConstructorError)
            if len(self._open) >= _MAX_DEPTH:
                raise _error(f"it is nested more than {_MAX_DEPTH} levels deep", event)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self._open.append(_Open(is_mapping, self._place(event.start_mark), event.anchor, []))
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = self._open.pop()
            node = self._mapping(ended) if ended.is_mapping else Sequence(ended.place, tuple(ended.children))
            self._add(node, ended.anchor, ended.size)

    def _add(self, node: Node, anchor: str | None, size: int = 1) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)
        if self._open:
            self._open[-1].children.append(node)
            self._open[-1].size += size
        else:
            self._roots.append(node)

    def _scalar(self, event: yaml.ScalarEvent, loader: Any) -> Scalar:
        tag = event.tag
        if tag is None or tag == "!":
            tag = loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        mark: Any = event.start_mark
        place = self._place(mark)
        if tag == _TEXT:
            return Scalar(place, event.value, event.value)
        if tag == _MERGE:
            return Scalar(place, _MERGE, event.value)
        try:
            value = loader.construct_object(yaml.ScalarNode(tag, event.value, mark))
        except ValueError as error:  # a date or a number that is none
            raise _error(f"{event.value} is no value: {error}", event) from None
        return Scalar(place, value, event.value)

    def _mapping(self, ended: _Open) -> Mapping:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, value in zip(ended.children[::2], ended.children[1::2], strict=True):
            if not isinstance(key, Scalar):
                self._tell("PS001", "a key must be a plain word, not a list or an object.", key.place)
                continue
            if key.value == _MERGE:
                for mapping in self._merged(value):
                    merged = {**mapping.entries, **merged}
                continue
            name = scalar_text(key)
            if name in entries:
                message = f"the key '{name}' stands here for the second time; only the last one counts."
                self._tell("PS002", message, key.place, f"The first is at line {entries[name].key.place.line}.")
            entries[name] = Entry(key, value)
        place = ended.children[0].place if ended.children else ended.place
        return Mapping(place, {**merged, **entries})

    def _merged(self, value: Node) -> Iterator[Mapping]:
        for part in value.items if isinstance(value, Sequence) else (value,):
            if isinstance(part, Mapping):
                yield part
            else:
                self._tell("PS001", "'<<' merges objects only.", part.place)

    def _tell(self, rule: str, message: str, place: Place, fix: str = "") -> None:
        self.findings.append(Finding(rule, "error", message, place, fix))
