"""`--set PATH=VALUE`: one value of a job YAML replaced, as `az ml job create --set` does."""

from __future__ import annotations

from penstock.errors import DefinitionError
from penstock.spec.finding import did_you_mean
from penstock.spec.place import Place
from penstock.spec.source import Entry, Mapping, Node, Scalar, parse


def apply(root: Node, overrides: tuple[str, ...]) -> Node:
    """`root` with each `dotted.path=value` of `overrides` set; the value is read as YAML.

    Raises DefinitionError for an override without `=` or one that goes through something that is no object.
    """
    for override in overrides:
        path, separator, text = override.partition("=")
        if not separator or not all(path.split(".")):
            raise DefinitionError(f"--set {override}: write it as PATH=VALUE, for example --set inputs.seed=1")
        place = Place(f"--set {path}")
        _refuse_new_node(root, path.split("."))
        root = _set(root, path.split("."), _value(text, place), path)
    return root


def _value(text: str, place: Place) -> Node:
    """The text as YAML makes it, at the place of the option. What is not YAML is a string, as in the Azure CLI."""
    document = parse(text, place.file)
    if document.root is None or document.findings:
        return Scalar(place, text, text)
    return document.root


def _set(node: Node, path: list[str], value: Node, whole: str) -> Node:
    if not path:
        return value
    if not isinstance(node, Mapping):
        raise DefinitionError(f"--set {whole}: '{path[0]}' has no place to go, {node.place} is not an object")
    key, rest = path[0], path[1:]
    entry = node.entries.get(key)
    if entry is None:
        entry = Entry(Scalar(value.place, key, key), Mapping(value.place, {}))
    changed = Entry(entry.key, _set(entry.value, rest, value, whole))
    return Mapping(node.place, {**node.entries, key: changed})


def _refuse_new_node(root: Node, path: list[str]) -> None:
    """A setting of a node that is not there is a misspelt name, not a new node."""
    jobs = root.mapping("jobs") if isinstance(root, Mapping) else None
    if jobs is not None and len(path) > 2 and path[0] == "jobs" and path[1] not in jobs.entries:
        raise DefinitionError(
            f"--set {'.'.join(path)}: there is no job '{path[1]}'. {did_you_mean(path[1], jobs.entries)}"
        )
