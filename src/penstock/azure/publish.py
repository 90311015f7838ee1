"""Publishing: look at all of it first, then write what is not there, in an order in which nothing dangles.

Environments come before the components that name them, those before the pipelines. Each version is made by one PUT,
so whatever ends this on the way leaves whole versions only, and to publish again makes what is missing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import yaml
from msgspec import Struct
from msgspec.structs import replace

from penstock.azure.assets import Assets, Remote, spec_of
from penstock.azure.client import AzureError
from penstock.azure.entities import Names, entity_of, labelled
from penstock.compile.client import quiet
from penstock.errors import DefinitionError
from penstock.publish.breaks import DEPRECATED
from penstock.publish.interface import InputPort, Interface, OutputPort, differences
from penstock.publish.project import Item, Project
from penstock.publish.version import Bump, highest, is_version, next_version
from penstock.spec.reference import AssetReference, read_reference

Status = Literal["created", "updated", "unchanged", "refused"]
_ID = re.compile(r"(?:azureml:)?\S*/(environment|component)s/([^/]+)/versions/([^/]+)$")
# Of a component's body: where it was made, what stands for the snapshot, and what is no content.
_NO_CONTENT = {"_source", "$schema", "code", "tags", "description", "display_name", "version", "name", "properties"}


class Outcome(Struct, frozen=True):
    """What becomes of an item: to be done, or done.

    Attributes:
        entity: of what is to be created, the object of azure-ai-ml.
        why: what a person should know of it.
        diff: to the newest version that is there; empty where there is none.
    """

    item: Item
    version: str
    status: Status
    why: str = ""
    diff: str = ""
    entity: Any = None
    retagged: tuple[tuple[Remote, Mapping[str, str]], ...] = ()

    def __str__(self) -> str:
        return f"{self.item.kind} {self.item.name} {self.version}"


class Publisher(Struct, frozen=True):
    """Publishes a project's items to a workspace or a registry. Its methods raise AzureError and DefinitionError."""

    assets: Assets
    project: Project
    registry: str = ""

    def look(self, items: Iterable[tuple[Item, str]], *, differing: bool = False) -> list[Outcome]:
        """What publishing the items (each with its version) would do; nothing is written.

        `differing`: with the difference to the newest version that is there, for what is to be created.
        """
        chosen = self._ordered(list(items))
        names = self._names(chosen)
        return [self._looked(item, version, names, differing=differing) for item, version in chosen]

    def _ordered(self, chosen: list[tuple[Item, str]]) -> list[tuple[Item, str]]:
        """The same, each after those that it names by a label; the order of the rest stays."""
        by_name = {(azure_kind(item), item.name): (item, version) for item, version in chosen}
        found: dict[tuple[str, str], tuple[Item, str]] = {}
        begun: set[tuple[str, str]] = set()

        def take(key: tuple[str, str]) -> None:
            if key in begun or key not in by_name:
                return
            begun.add(key)
            item = by_name[key][0]
            needed = [(azure_kind(self.project.items[each]), each[1]) for each in item.needs]
            for each in (*needed, *((kind, named.name) for _, kind, named in labelled(item, self.project))):
                take(each)
            found[key] = by_name[key]

        for key in by_name:
            take(key)
        return list(found.values())

    def _names(self, chosen: list[tuple[Item, str]]) -> Names:
        """With, for each reference by @latest, the same by the number that it stands for now."""
        names = Names(self.registry)
        found: dict[tuple[str, str], str] = {}
        for item, _ in chosen:
            for text, kind, reference in labelled(item, self.project):
                if (kind, text) not in found:
                    version = self._newest(item, text, kind, reference, chosen)
                    found[kind, text] = names.reference(kind, reference.name, version)
        return replace(names, labels=found)

    def _newest(
        self, item: Item, text: str, kind: str, reference: AssetReference, chosen: list[tuple[Item, str]]
    ) -> str:
        """The number that a label stands for: of what is published with it the new version, else what is there."""
        if not reference.is_latest:
            message = f"{item} names {text}: Azure ML knows no label but latest; write @latest"
            raise DefinitionError(f"{item.place}: {message}")
        own = (version for each, version in chosen if (azure_kind(each), each.name) == (kind, reference.name))
        try:
            return next(own, None) or self.assets.newest(kind, reference.name)
        except AzureError as error:
            if error.status not in (400, 404):
                raise
            message = f"{item} names {text}, and there is no {kind} '{reference.name}'"
            raise AzureError(f"{item.place}: {message}. Publish it first, or name another one", 404) from None

    def _looked(self, item: Item, version: str, names: Names, *, differing: bool) -> Outcome:
        kind = azure_kind(item)
        there = self.assets.get(kind, item.name, version)
        outcome = Outcome(item, version, "unchanged")
        if there is None or there.digest != item.digest:
            outcome = replace(outcome, entity=entity_of(item, version, self.project, names))
        if there is not None:
            outcome = self._compared(outcome, kind, there)
            if outcome.status == "unchanged":
                outcome = replace(outcome, why="; ".join(filter(None, [outcome.why, *self._newer(item, there, names)])))
        else:
            diff = self._difference(kind, item, outcome.entity) if differing else ""
            outcome = replace(outcome, status="created", diff=diff)
        return self._with_tags(outcome, kind, there)

    def _compared(self, outcome: Outcome, kind: str, there: Remote, why: str = "") -> Outcome:
        """The item beside the same version that is there: unchanged, or refused with the version that it needs."""
        if there.digest == outcome.item.digest:
            return replace(outcome, status="unchanged", why=why)
        ours = _sent(kind, outcome.entity)
        if there.digest is None and _text(there.spec) == _text(ours):
            return replace(outcome, status="unchanged", why="not published by penstock: its snapshot is not compared")
        bump: Bump = "patch"
        if kind == "component":
            bump = highest([each.bump for each in differences(_interface(there.spec), _interface(ours))])
        needed = self._free_version(outcome, kind, bump) if is_version(outcome.version) else "another one"
        message = f"is there with other content, and a version never changes: it needs version {needed} ({bump})"
        return replace(outcome, status="refused", why=f"{message}{f'; {why}' if why else ''}")

    def _free_version(self, outcome: Outcome, kind: str, bump: Bump) -> str:
        """The lowest version that would do and is not there yet."""
        version = next_version(outcome.version, bump)
        while self.assets.get(kind, outcome.item.name, version) is not None:
            version = next_version(version, bump)
        return version

    def _newer(self, item: Item, there: Remote, names: Names) -> Iterator[str]:
        """What a version keeps naming by number, while the label stands for another one now."""
        held = {
            (found[1], found[2]): found[3] for found in map(_ID.fullmatch, _strings(there.spec)) if found is not None
        }
        for text, kind, reference in labelled(item, self.project):
            now = read_reference(names.labels[kind, text])
            before = held.get((kind, reference.name))
            if now is not None and before is not None and before != now.version:
                means = f"{text} means {now.version} now, and this version was made with {before}"
                yield f"{means}: raise its version to publish it with that"

    def _with_tags(self, outcome: Outcome, kind: str, there: Remote | None) -> Outcome:
        """With the versions that have to get other tags; tags that somebody else has given stay."""
        if outcome.status == "refused":
            return outcome
        item = outcome.item
        found = [*_retagged(there, item.tags)] if there is not None else []
        told = item.tags.get(DEPRECATED)
        before = there.tags.get(DEPRECATED) if there is not None else None
        for version in self.assets.versions(kind, item.name) if told is not None or before is not None else ():
            other = self.assets.get(kind, item.name, version) if version != outcome.version else None
            if other is not None and (told is not None or other.tags.get(DEPRECATED) == before):
                found += _retagged(other, {**other.tags, DEPRECATED: told} if told is not None else _free(other.tags))
        status: Status = "updated" if found and outcome.status == "unchanged" else outcome.status
        tagged = f"tags of {', '.join(remote.version for remote, _ in found)}" if found else ""
        why = "; ".join(filter(None, [tagged, outcome.why]))
        return replace(outcome, status=status, why=why, retagged=tuple(found))

    def _difference(self, kind: str, item: Item, entity: Any) -> str:
        versions = self.assets.versions(kind, item.name)
        newest = self.assets.get(kind, item.name, versions[-1]) if versions else None
        if newest is None:
            return ""
        old, new = (_text(spec) for spec in (newest.spec, _sent(kind, entity)))
        lines = difflib.unified_diff(old, new, f"{item.name} {newest.version}", f"{item.name} now", lineterm="", n=1)
        return "\n".join(lines) or "only the snapshot differs"

    def write(self, outcomes: Iterable[Outcome], told: Callable[[Outcome], None]) -> list[Outcome]:
        """Do what `look` found; `told` hears of each. Ends at the first that is refused."""
        done = []
        for outcome in outcomes:
            settled = self._written(outcome)
            told(settled)
            done.append(settled)
            if settled.status == "refused":
                break
        return done

    def _written(self, outcome: Outcome) -> Outcome:
        kind = azure_kind(outcome.item)
        if outcome.status == "created":
            return self._created(outcome, kind)
        for remote, tags in outcome.retagged:
            self.assets.retag(kind, remote, tags)
        return outcome

    def _created(self, outcome: Outcome, kind: str) -> Outcome:
        """Looks once more before it writes, and once more if Azure says that somebody was faster."""
        there = self.assets.get(kind, outcome.item.name, outcome.version)
        if there is None:
            try:
                self.assets.create(kind, outcome.entity)
            except AzureError as error:
                there = self.assets.get(kind, outcome.item.name, outcome.version) if error.status == 409 else None
                if there is None:
                    raise
        if there is not None:
            return self._compared(outcome, kind, there, "somebody else has published it meanwhile")
        for remote, tags in outcome.retagged:
            self.assets.retag(kind, remote, tags)
        return outcome


def _free(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key != DEPRECATED}


def _retagged(remote: Remote, tags: Mapping[str, str]) -> Iterator[tuple[Remote, Mapping[str, str]]]:
    """A version with the tags that it has to get, if it has not got them."""
    wanted = {**_free(remote.tags), **tags}
    if wanted != remote.tags:
        yield remote, wanted


def azure_kind(item: Item) -> str:
    """A pipeline is a component at Azure."""
    return "environment" if item.kind == "environment" else "component"


def _sent(kind: str, entity: Any) -> dict[str, Any]:
    with quiet():
        return spec_of(kind, entity._to_rest_object())


def _text(spec: Mapping[str, Any]) -> list[str]:
    """A body as lines that mean the same wherever it comes from."""
    kept = {key: value for key, value in spec.items() if key not in _NO_CONTENT}
    return yaml.safe_dump(_short(kept), sort_keys=True, width=1000).splitlines()


def _short(value: Any) -> Any:
    """With references by name and version in place of ids."""
    if isinstance(value, Mapping):
        return {str(key): _short(each) for key, each in value.items() if each is not None and key != "_source"}
    if isinstance(value, list | tuple):
        return [_short(each) for each in value]
    if not isinstance(value, str):
        return value
    found = _ID.fullmatch(value)
    return f"{found[2]}:{found[3]}" if found is not None else value.removeprefix("azureml:")


def _strings(value: Any) -> Iterator[str]:
    """All texts in a body."""
    if isinstance(value, str):
        yield value
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for each in parts:
        yield from _strings(each)


def _interface(spec: Mapping[str, Any]) -> Interface:
    """The ports of a component's body, where numbers may be texts."""
    inputs = {name: _input(port) for name, port in (spec.get("inputs") or {}).items()}
    outputs = {name: OutputPort(str(port.get("type")).lower()) for name, port in (spec.get("outputs") or {}).items()}
    return Interface(inputs, outputs)


def _input(port: Mapping[str, Any]) -> InputPort:
    kind = str(port.get("type")).lower()
    enum = port.get("enum")
    return InputPort(
        type=kind,
        optional=str(port.get("optional")).lower() == "true",
        default=_scalar(port.get("default"), kind),
        min=_number(port.get("min")),
        max=_number(port.get("max")),
        enum=tuple(_scalar(each, kind) for each in enum) if enum else None,
    )


def _scalar(value: Any, kind: str) -> Any:
    return _number(value) if kind in ("integer", "number") else value if value is None else str(value)


def _number(value: Any) -> float | None:
    return float(value) if value is not None else None
