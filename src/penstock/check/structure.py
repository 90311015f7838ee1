"""Compares the tree of a YAML file with what Azure's client accepts: keys, required keys, types, allowed values.

Of several alternatives (a union) the first that takes a value counts, as in the client. If none does, the one that is
closest tells what is wrong: the one of the stated `type`, else the one with the fewest and smallest problems.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from penstock.check.structure_schema import Field, definition
from penstock.check.structure_values import WORDS, accepts, folded, is_output_binding
from penstock.spec.finding import close_match
from penstock.spec.place import Place
from penstock.spec.source import Entry, Mapping, Node, Scalar, Sequence, scalar_text

# Keys that PS106 and PS301 miss in words of their own: their lack is a problem, "elsewhere", that has no message.
TOLD_ELSEWHERE = ("component", "trial", "command")
# Keys of a file that the Azure CLI takes as options too: --name, --endpoint-name.
ON_COMMAND_LINE = ("name", "endpoint_name")
What = Literal["unknown", "ignored", "missing", "unnamed", "elsewhere", "type", "value"]
_COSTS: dict[What, int] = {
    "unknown": 1,
    "ignored": 1,
    "missing": 3,
    "unnamed": 3,
    "elsewhere": 4,
    "type": 2,
    "value": 2,
}
_DISCRIMINATORS = ("type", "task")
_OTHER_KIND = 50  # the cost of a `type` that names another alternative
_FEW = 12
_MANY = 100  # unknown keys of one object: what is meant by more of them is not guessed
_LONG = 60


class Problem(Struct, frozen=True):
    """Something that the client refuses or, `ignored`, passes over. `key` is the key that it is about."""

    what: What
    key: str
    message: str
    place: Place
    fix: str = ""

    @property
    def cost(self) -> int:
        if self.key in _DISCRIMINATORS and self.what not in ("missing", "unnamed"):
            return _OTHER_KIND
        return _COSTS[self.what]


Problems = tuple[Problem, ...]


class Owner(Struct, frozen=True):
    """What a value belongs to: how messages call it, its key, and where that key stands."""

    name: str
    key: str
    place: Place


def _owner(entry: Entry) -> Owner:
    return Owner(f"'{_cut(entry.key.text)}'", entry.key.text, entry.key.place)


class Comparison:
    """One comparison of trees; a node that several aliases name is looked at once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Problems] = {}

    def compare(self, node: Node, field: Field, owner: Owner) -> Problems:
        """What is wrong with `node` where the client expects `field`."""
        if isinstance(node, Scalar):
            return self._compare(node, field, owner)
        key = (id(node), id(field))
        if key not in self._known:
            self._known[key] = ()
            self._known[key] = self._compare(node, field, owner)
        return self._known[key]

    def _compare(self, node: Node, field: Field, owner: Owner) -> Problems:
        if isinstance(field, str):
            return self._leaf(node, field, owner)
        if isinstance(node, Scalar) and node.value is None:
            return () if "null" in field else (_null(field, owner),)
        if "null" in field:
            return self.compare(node, field["null"], owner)
        return self._alternatives(node, field, owner) if "any" in field else self._shaped(node, field, owner)

    def _shaped(self, node: Node, field: Any, owner: Owner) -> Problems:
        """A plain value, an object or a list, where the field says which."""
        if isinstance(node, Scalar) and ("enum" in field or "number" in field):
            return _limited(node, field, owner)
        if isinstance(node, Mapping) and "object" in field:
            return self._object(node, field, owner)
        if isinstance(node, Mapping) and "map" in field:
            return self._map(node, field, owner)
        if isinstance(node, Sequence) and "list" in field:
            return self._list(node, field, owner)
        return () if _is_file(node, field) else (_wrong(node, [field], owner),)

    def _list(self, node: Sequence, field: Any, owner: Owner) -> Problems:
        items = ((item, replace(owner, place=item.place)) for item in node.items)
        return tuple(problem for item, of in items for problem in self.compare(item, field["list"], of))

    def _leaf(self, node: Node, word: str, owner: Owner) -> Problems:
        if isinstance(node, Scalar):
            if node.value is None:
                return (_null(word, owner),)
            return () if accepts(word, node.value) else (_wrong(node, [word], owner),)
        fits = word == "anything" or (word == "output" and _is_bound_object(node))
        return () if fits else (_wrong(node, [word], owner),)

    def _map(self, node: Mapping, field: Any, owner: Owner) -> Problems:
        found: list[Problem] = []
        for entry in node:
            if field["keys"] == "str" and not isinstance(entry.key.value, str):
                found.append(_odd_key(entry, owner))
            elif field["map"] is not None:
                found += self.compare(entry.value, field["map"], _owner(entry))
        return tuple(found)

    def _object(self, node: Mapping, field: Any, owner: Owner) -> Problems:
        schema = definition(field["object"])
        keys, unchecked = schema["keys"], schema.get("unchecked", ())
        missing = [key for key in schema.get("required", ()) if key not in node.entries]
        found: list[Problem] = []
        known = [key for key in keys if key not in node.entries]
        guesses = _MANY
        for name, entry in node.entries.items():
            if name in keys:
                found += self.compare(entry.value, keys[name], _owner(entry))
            elif name not in unchecked:
                guesses -= 1
                meant = _closest(name, missing) if guesses > 0 else None
                missing = [key for key in missing if key != meant]
                is_open = field.get("open", False) and meant is None
                found.append(_unknown(entry, owner, known if guesses > 0 else [], is_open=is_open))
        unnamed = [key for key in missing if key in ON_COMMAND_LINE and not owner.key]
        found += _missing(unnamed, owner, "unnamed")
        found += _missing([key for key in missing if key not in (*TOLD_ELSEWHERE, *unnamed)], owner)
        found += [Problem("elsewhere", key, "", owner.place) for key in missing if key in TOLD_ELSEWHERE]
        return tuple(found)

    def _alternatives(self, node: Node, field: Any, owner: Owner) -> Problems:
        fields = _of_type(node, field)
        best: Problems | None = None
        refusals: list[Field] = []
        for one in fields:
            if not _has_shape(node, one):
                continue
            found = self.compare(node, one, owner)
            if all(problem.what == "ignored" for problem in found):
                return found
            refusals.append(one)
            if best is None or _cost(found) < _cost(best):
                best = found
        if isinstance(node, Scalar) or best is None:
            return (_wrong(node, refusals or fields, owner),)
        return self._odd_type(node, refusals) or best

    def _odd_type(self, node: Node, fields: list[Field]) -> Problems:
        """The one problem of an object whose `type` is that of no alternative that has types."""
        for key in _DISCRIMINATORS if isinstance(node, Mapping) else ():
            entry = node.entries.get(key) if isinstance(node, Mapping) else None
            typed = [definition(one["object"])["keys"].get(key) for one in fields if "object" in one]
            known = [one for one in typed if one is not None]
            if entry is None or not known:
                continue
            owner = Owner(f"'{key}'", key, entry.key.place)
            if all(self.compare(entry.value, one, owner) for one in known):
                return (_wrong(entry.value, known, owner),)
        return ()


def _cost(problems: Problems) -> int:
    return sum(problem.cost for problem in problems)


def _of_type(node: Node, field: Any) -> list[Field]:
    """The alternatives to look at: those of the type that the value states, if it states a known one, else all."""
    if "by" not in field:
        alternatives: list[Field] = field["any"]
        return alternatives
    of = field["of"]
    if isinstance(node, Mapping):
        stated = node.text(field["by"]) or ("command" if "command" in node.entries else "")
        if stated.lower() in of:
            return [*of[stated.lower()]]
    return [*field["any"], *(one for several in of.values() for one in several)]


def _has_shape(node: Node, field: Field) -> bool:
    """Whether an object meets an object, a list a list and a plain value a plain value."""
    if isinstance(field, str):
        return isinstance(node, Scalar) or field in ("anything", "output")
    if "null" in field:
        return _has_shape(node, field["null"])
    if "any" in field:
        return any(_has_shape(node, one) for one in _of_type(node, field))
    if isinstance(node, Mapping):
        return "object" in field or "map" in field
    if isinstance(node, Sequence):
        return "list" in field
    return "enum" in field or "number" in field or _is_file(node, field)


def _is_file(node: Node, field: Any) -> bool:
    """Whether it is `file:x.yml` where the client reads the object from that file."""
    return (
        isinstance(node, Scalar)
        and "object" in field
        and str(node.value).startswith("file:")
        and definition(field["object"]).get("file", False)
    )


def _is_bound_object(node: Node) -> bool:
    """`{path: ${{parent.outputs.x}}}`, which the client takes for the plain binding."""
    if not isinstance(node, Mapping) or {"mode", "name", "version"} & set(node.entries):
        return False
    path = node.get("path")
    return isinstance(path, Scalar) and is_output_binding(path.value)


def _limited(node: Scalar, field: Any, owner: Owner) -> Problems:
    """A value of a list of allowed ones, or a number within limits."""
    if "number" in field:
        if not accepts(field["number"], node.value):
            return (_wrong(node, [field["number"]], owner),)
        low, high, number = field.get("min"), field.get("max"), float(node.value)
        if (low is None or number >= low) and (high is None or number <= high):
            return ()
        message = f"{owner.name} is {_cut(node.text)}; it must be within {low} and {high}."
        return (Problem("value", owner.key, message, node.place),)
    if isinstance(node.value, str) and folded(node.value, field["fold"]) in field["enum"]:
        return ()
    return (_wrong(node, [field], owner),)


def _null(field: Field, owner: Owner) -> Problem:
    message = f"{owner.name} has no value; it takes {_described([field])}."
    return Problem("type", owner.key, message, owner.place, "Give it one, or remove the key.")


def _wrong(node: Node, fields: list[Field], owner: Owner) -> Problem:
    """A value that none of `fields` takes."""
    if isinstance(node, Scalar) and node.value is None:
        return _null(fields[0] if len(fields) == 1 else {"any": fields}, owner)
    takes = _described(fields)
    if not isinstance(node, Scalar):
        shape = "an object" if isinstance(node, Mapping) else "a list"
        return Problem("type", owner.key, f"{owner.name} takes {takes}, not {shape}.", node.place)
    allowed = _allowed(fields)
    if allowed and isinstance(node.value, str):
        close = close_match(scalar_text(node).lower(), allowed)
        fix = f"Did you mean '{close}'?" if close else f"It takes {takes}."
        return Problem("value", owner.key, f"{owner.name} cannot be '{_cut(scalar_text(node))}'.", node.place, fix)
    fix = f"Put it in quotes: '{_cut(node.text)}'." if _takes_text(fields) and not isinstance(node.value, str) else ""
    return Problem("type", owner.key, f"{owner.name} takes {takes}, not {_shown(node)}.", node.place, fix)


def _shown(node: Scalar) -> str:
    """The value as messages show it, with what YAML takes it for if that may surprise."""
    if isinstance(node.value, str):
        return f"'{_cut(node.value)}'"
    kinds = {bool: "true or false", int: "a number", float: "a number"}
    return f"{_cut(node.text)}, which is {kinds.get(type(node.value), 'a time')} to YAML"


def _cut(text: str) -> str:
    """The text, in a message: only so much of it, on one line."""
    line = " ".join(text.split()) if "\n" in text else text
    return line if len(line) <= _LONG else f"{line[: _LONG - 3]}..."


def _takes_text(fields: Iterable[Field]) -> bool:
    return any(one in ("str", "time", "version") for one in fields)


def _allowed(fields: Iterable[Field]) -> list[str]:
    """The values of all enums among `fields`, in unions too."""
    found: list[str] = []
    for one in fields:
        if isinstance(one, dict):
            found += one.get("enum", ())
            found += _allowed([one["null"]] if "null" in one else one.get("any", ()))
    return sorted(set(found))


def _described(fields: Iterable[Field]) -> str:
    """`an integer or true or false`: what a value may be."""
    return " or ".join(dict.fromkeys(word for one in fields for word in _words(one))) or "a value"


def _words(field: Field) -> list[str]:
    if isinstance(field, str):
        return [WORDS[field]] if field != "binding" else []
    if "null" in field:
        return _words(field["null"])
    if "any" in field:
        typed = [one for several in field.get("of", {}).values() for one in several]
        return [word for one in (*field["any"], *typed) for word in _words(one)]
    if "enum" in field:
        values: list[str] = field["enum"]
        return [", ".join(values[:_FEW]) + (", ..." if len(values) > _FEW else "")]
    if "number" in field:
        return [WORDS[field["number"]]]
    return ["a list" if "list" in field else "an object"]


def _missing(keys: list[str], owner: Owner, what: What = "missing") -> Problems:
    """One problem for all required keys that an object lacks: they are told at the same place."""
    if not keys:
        return ()
    told = " and ".join(f"{key}:" for key in keys)
    return (Problem(what, keys[0], f"{owner.name} lacks {told}.", owner.place),)


def _odd_key(entry: Entry, owner: Owner) -> Problem:
    text = _cut(entry.key.text)
    message = f"the key {text} in {owner.name} is no text to YAML."
    return Problem("type", text, message, entry.key.place, f"Put it in quotes: '{text}'.")


def _unknown(entry: Entry, owner: Owner, known: list[str], *, is_open: bool) -> Problem:
    name = entry.key.text
    close = _closest(name, known)
    fix = f"Did you mean '{close}'?" if close else ""
    if is_open:
        message = f"Azure's client knows no key '{_cut(name)}' in {owner.name} and does nothing with it."
        return Problem("ignored", name, message, entry.key.place, fix)
    if not close and 0 < len(known) <= _FEW:
        fix = f"There is: {', '.join(sorted(known))}."
    return Problem("unknown", name, f"{owner.name} has no key '{_cut(name)}'.", entry.key.place, fix)


def _closest(name: str, known: Iterable[str]) -> str | None:
    return close_match(name, known)
