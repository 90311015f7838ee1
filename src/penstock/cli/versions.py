"""What `penstock publish --check` and `--bump` say, for a person and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.cli.bump import Bumped
from penstock.cli.published import Published
from penstock.publish.breaks import Break, deprecated_uses
from penstock.publish.verdict import Verdict
from penstock.publish.version import FIRST


def check_lines(published: Published) -> Iterator[str]:
    """What is wrong, or not in the lock yet; warnings about deprecated components first."""
    for each in deprecated_uses(published.project):
        yield f"{each.place}: warning: {each.message}"
    right = published.next_lock
    for verdict in published.chosen:
        if verdict.is_wrong:
            yield f"{published.place(verdict)}: error: {_wrong(verdict)}"
            yield from (f"    breaks {each.place}: {each.message}" for each in verdict.breaks)
        elif verdict.status != "same":
            yield f"{published.place(verdict)}: error: {_unlocked(verdict)}"
        elif published.lock.get(*verdict.item.key) != right.get(*verdict.item.key):
            what = f"{verdict.item.kind} {verdict.item.name}: the lock does not say here what its digest stands for"
            yield f"{published.locked_place(verdict.item)}: error: {what}"
    gone = [f"{kind} {name}" for kind, name in published.lock.entries if (kind, name) not in published.project.items]
    if gone:
        yield f"{published.lock_file}:1:1: error: the lock holds what is no longer here: {', '.join(sorted(gone))}"


def _wrong(verdict: Verdict) -> str:
    what = f"{verdict.item.kind} {verdict.item.name} {verdict.version}"
    if verdict.status == "lowered":
        return f"{what}: its version was {verdict.before} before, and a version is never lowered"
    if verdict.status == "odd":
        odd = f"is neither a whole number nor MAJOR.MINOR.PATCH as {verdict.before} was"
        return f"{what} {odd}, so none is known to follow it: write {verdict.needed} or higher"
    raised = (
        f"is not enough after {verdict.before}" if verdict.version != verdict.before else "stands for other content"
    )
    needed = f"version {verdict.needed}" if verdict.needed else "another version"
    return f"{what} {raised}: it needs {needed} ({verdict.bump}): {'; '.join(verdict.reasons)}"


def _unlocked(verdict: Verdict) -> str:
    what = f"{verdict.item.kind} {verdict.item.name} {verdict.version}"
    return f"{what} is new and not in the lock" if verdict.status == "new" else f"{what} is not the version in the lock"


def check_json(published: Published) -> dict[str, Any]:
    """`publish --check --format json`."""
    return {
        "current": published.is_current,
        "lock": str(published.lock_file),
        "items": [_as_json(verdict, published) for verdict in published.chosen],
        "deprecated": [_place(each) for each in deprecated_uses(published.project)],
    }


def _as_json(verdict: Verdict, published: Published) -> dict[str, Any]:
    place = published.place(verdict)
    return {
        "kind": verdict.item.kind,
        "name": verdict.item.name,
        "version": verdict.version,
        "status": verdict.status,
        "needed": verdict.needed,
        "bump": verdict.bump,
        "reasons": list(verdict.reasons),
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "breaks": [_place(each) for each in verdict.breaks],
    }


def _place(each: Break) -> dict[str, Any]:
    place = each.place
    return {"file": place.file, "line": place.line, "column": place.column, "message": each.message}


def bump_lines(bumped: Bumped) -> Iterator[str]:
    """What has been written, and what is left to a person."""
    if bumped.unread:
        yield f"{bumped.unread}. It was taken for empty: nothing was compared, and pipelines begin at {FIRST}"
    for each in bumped.verdicts:
        what = f"{each.item.kind} {each.item.name} {each.version} -> {each.needed}"
        yield f"{what} ({each.bump}): {'; '.join(each.reasons)}" if each.bump else what
        yield from (f"    breaks {broken.place}: {broken.message}" for broken in each.breaks)
    yield from (f"wrote {file}" for file in bumped.files)
    yield from (f"{place}: this names the old version; change it if the new one is meant" for place in bumped.naming)
    if not bumped.files:
        yield "nothing has changed"


def bump_json(bumped: Bumped) -> dict[str, Any]:
    """`publish --bump --format json`."""
    verdicts = [
        {
            "kind": each.item.kind,
            "name": each.item.name,
            "from": each.version,
            "to": each.needed,
            "bump": each.bump,
            "reasons": list(each.reasons),
            "breaks": [_place(broken) for broken in each.breaks],
        }
        for each in bumped.verdicts
    ]
    more = {"lock_unread": bumped.unread} if bumped.unread else {}
    naming = [{"file": place.file, "line": place.line, "column": place.column} for place in bumped.naming]
    return {"bumped": verdicts, "written": [str(file) for file in bumped.files], "naming_old_versions": naming, **more}
