"""The project against its lock: what has changed, the version that this needs, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

from penstock.publish.breaks import Break, broken_by
from penstock.publish.interface import Change, differences
from penstock.publish.lock import Lock, Locked, locked
from penstock.publish.project import Item, Project
from penstock.publish.version import FIRST, Bump, highest, is_enough, is_lower, is_version, next_version

Status = Literal["same", "new", "raised", "changed", "lowered", "odd"]
_PARTS = {
    "code": "the snapshot changed",
    "command": "the command changed",
    "environment": "its environment changed",
    "definition": "the definition changed",
    "conda_file": "the conda file changed",
    "build": "the build context changed",
    "nodes": "its nodes changed, or a component that they name",
}


class Verdict(Struct, frozen=True):
    """How an item stands to the lock.

    Attributes:
        status: same; new, and raised (a version that is high enough), of which the lock does not know yet; changed
            without a version that is high enough; lowered, below a version that has been; odd, neither a whole number
            nor MAJOR.MINOR.PATCH after one that was.
        version: the item's own; of a pipeline that of the lock, where alone it stands, or the one that it gets.
        needed: the lowest version that would do, if `version` does not and one is known.
        bump: what the change asks for; None if the content is the same.
        reasons: what has changed, in words.
        breaks: the places in pipelines of the repository that do not fit any more.
    """

    item: Item
    status: Status
    version: str
    before: str | None = None
    needed: str | None = None
    bump: Bump | None = None
    reasons: tuple[str, ...] = ()
    breaks: tuple[Break, ...] = ()

    @property
    def is_wrong(self) -> bool:
        return self.status in ("changed", "lowered", "odd")


def judge(project: Project, lock: Lock) -> list[Verdict]:
    """The verdict on each item, in the order of publishing."""
    return [_judged(item, lock.get(*item.key), project) for item in project.items.values()]


def _judged(item: Item, before: Locked | None, project: Project) -> Verdict:
    if before is None:
        return Verdict(item, "new", item.version or FIRST)
    version = item.version or before.version
    is_odd = is_version(before.version) and not is_version(version)
    if item.digest == before.digest:
        if is_odd:
            return Verdict(item, "odd", version, before.version, before.version)
        if is_lower(version, before.version):
            return Verdict(item, "lowered", version, before.version, before.version)
        return Verdict(item, "same" if version == before.version else "raised", version, before.version)
    changes = _changes(item, before)
    bump = highest([change.bump for change in changes])
    reasons = (*(change.message for change in changes), *_changed_parts(item, before)) or ("its content changed",)
    component = project.components.get(item.file)
    breaks = tuple(broken_by(item, component, changes, project)) if component is not None else ()
    enough = is_enough(version, before.version, bump)
    needed = next_version(before.version, bump) if not enough and is_version(before.version) else None
    status: Status = "raised" if enough else "odd" if is_odd else "changed"
    return Verdict(item, status, version, before.version, needed, bump, reasons, breaks)


def _changes(item: Item, before: Locked) -> list[Change]:
    if item.interface is None or before.interface is None:
        return []
    return differences(before.interface, item.interface)


def _changed_parts(item: Item, before: Locked) -> Iterator[str]:
    for name in sorted({*item.parts, *before.parts}):
        if item.parts.get(name) != before.parts.get(name):
            yield _PARTS.get(name, f"{name} changed")


def lock_of(verdicts: Iterable[Verdict]) -> Lock:
    """The lock of a project none of whose verdicts `is_wrong`."""
    return Lock({each.item.key: locked(each.item, each.version) for each in verdicts})
