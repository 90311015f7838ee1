"""The tree of a YAML file as text again: every value as it was written, without comments."""

from __future__ import annotations

from typing import Any

import yaml

from penstock.spec.place import Place
from penstock.spec.source import Entry, Mapping, Node, Scalar, Sequence

_TEXT = "tag:yaml.org,2002:str"
_MAP, _SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"


def to_yaml(root: Node) -> str:
    """A YAML text that reads as `root`."""
    text: str = yaml.serialize(_node(root), Dumper=yaml.SafeDumper, allow_unicode=True, width=1_000_000)
    return text


def _node(node: Node) -> yaml.Node:
    if isinstance(node, Mapping):
        pairs = [(_node(entry.key), _node(entry.value)) for entry in node]
        return yaml.MappingNode(_MAP, pairs, flow_style=False)
    if isinstance(node, Sequence):
        return yaml.SequenceNode(_SEQ, [_node(item) for item in node.items], flow_style=False)
    if isinstance(node.value, str):
        return yaml.ScalarNode(_TEXT, node.value, style="|" if "\n" in node.value else None)
    resolver: Any = yaml.SafeLoader("")
    tag = resolver.resolve(yaml.ScalarNode, node.text, (True, False))
    return yaml.ScalarNode(tag, node.text)


def text_node(text: str, like: Node | None) -> Scalar:
    """A text at the place of another node."""
    return Scalar(like.place if like is not None else Place(""), text, text)


def with_value(source: Mapping, key: str, value: Any) -> Mapping:
    """`source` with another value of a key, a text or a node; None takes the key out."""
    entries = dict(source.entries)
    old = entries.pop(key, None) if value is None else entries.get(key)
    if value is None:
        return Mapping(source.place, entries)
    node = text_node(value, old.value if old is not None else source) if isinstance(value, str) else value
    entries[key] = Entry(old.key if old is not None else text_node(key, source), node)
    return Mapping(source.place, entries)
