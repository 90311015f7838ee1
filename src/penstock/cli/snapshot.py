"""`penstock snapshot`: what `code:` and `additional_includes:` upload, and which pattern keeps out the rest."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import click

from penstock.check.subject import Subject, read_subject
from penstock.cli.findings import printable, printed
from penstock.cli.summary import table
from penstock.errors import DefinitionError
from penstock.spec.model import CommandComponent
from penstock.spec.source import Document
from penstock.store.files import Disk
from penstock.store.ignore import Ignored, IgnoredBy, Listing, snapshot_listing

_ELSEWHERE = ("azureml:", "git+", "https://", "http://")


@click.command()
@click.argument("component", metavar="COMPONENT.yml", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="What stdout gets.")
def command(component: Path, form: str) -> None:
    """List what the component or command job COMPONENT.yml uploads, and what it leaves out, with the reason.

    What counts is .amlignore, where there is none .gitignore, as in Azure's client.
    """
    found = _command(component)
    listing = _listing(found)
    if form == "json":
        click.echo(json.dumps(_to_json(found, listing), indent=2))
    else:
        printed(_as_text(found, listing))


def _command(file: Path) -> CommandComponent:
    """The command that the file describes. Raises DefinitionError if there is not exactly one."""
    try:
        subject = read_subject(file, Disk())
    except IsADirectoryError:
        raise DefinitionError(f"{file} is a folder; name the component's YAML file in it") from None
    except OSError as error:
        raise DefinitionError(f"{file} cannot be read: {error.strerror}") from None
    if isinstance(subject, Document):
        raise DefinitionError("\n".join(map(str, subject.findings)))
    if subject is None:
        raise DefinitionError(f"{file} is no component or job of Azure ML; only those have a snapshot")
    if str(subject.kind) in ("command component", "command job"):
        [found] = subject.commands()
        return found
    raise DefinitionError(f"{file}: the kind '{subject.kind}' has no snapshot of its own{_instead(subject)}")


def _instead(subject: Subject) -> str:
    """The components of a pipeline, to name one of them."""
    files = dict.fromkeys(component.source.place.file for component in subject.commands())
    others = [name for name in files if name != str(subject.file)]
    return f". Its nodes have: {', '.join(f'penstock snapshot {name}' for name in others)}" if others else ""


def _listing(component: CommandComponent) -> Listing:
    path, folder = component.code.path, component.folder
    if path is not None and path.startswith(_ELSEWHERE):
        raise DefinitionError(f"{component.code.path_place}: the code '{path}' is not on this machine")
    code = folder / path if path is not None else None
    places = [(code, component.code.path_place)] if code is not None else []
    includes = [(folder / str(item.value), item.place) for item in component.code.includes]
    for wanted, place in (*places, *includes):
        if not os.path.lexists(wanted):  # pathlib raises for a name that is too long
            raise DefinitionError(f"{place}: {wanted} does not exist. Paths count from the folder of the YAML file")
    try:
        return snapshot_listing(code, tuple(path for path, _ in includes))
    except OSError as error:
        raise DefinitionError(f"{error.filename} cannot be read: {error.strerror}") from None


def _to_json(component: CommandComponent, listing: Listing) -> dict[str, Any]:
    sizes = [_size(file.path) for file in listing.files]
    files = [
        {"name": file.name, "path": str(file.path), "size": size}
        for file, size in zip(listing.files, sizes, strict=True)
    ]
    ignored = [
        {"name": item.name, "path": str(item.path), "file": _file_of(item.by), "line": item.by.line or None}
        | {"pattern": item.by.pattern}
        for item in listing.ignored
    ]
    return {"component": component.name, "size": sum(sizes), "files": files, "ignored": ignored}


def _file_of(by: IgnoredBy) -> str | None:
    return str(by.file) if by.file is not None else None


def _as_text(component: CommandComponent, listing: Listing) -> str:
    if not listing.files:
        why = "there is no code: in it" if component.code.path is None else "all of it is ignored, or there is nothing"
        lines = [f"{component.name} uploads nothing: {why}"]
    else:
        sizes = [_size(file.path) for file in listing.files]
        rows = [(human(size), file.name) for file, size in zip(listing.files, sizes, strict=True)]
        width = max(len(size) for size, _ in rows)
        lines = [f"{size.rjust(width)}  {printable(name)}" for size, name in rows]
        lines += ["", f"{component.name} uploads {counted(len(sizes))}, {human(sum(sizes))}"]
    if listing.ignored:
        lines += ["", *table([("IGNORED", "BY"), *((printable(name), _told(by)) for name, by in folded(listing))])]
    return "\n".join(lines)


def _told(by: IgnoredBy) -> str:
    return f"{by.file}:{by.line}: {by.pattern}" if by.file is not None else f"{by.pattern} never goes along"


def folded(listing: Listing) -> list[tuple[str, IgnoredBy]]:
    """What is ignored, a folder in one line if nothing of it goes along and all of it for the same reason."""
    needed = {parent for file in listing.files for parent in _parents(file.name)}
    groups: dict[str, list[Ignored]] = defaultdict(list)
    for item in listing.ignored:
        top = next((parent for parent in _parents(item.name) if parent not in needed), item.name)
        groups[top].append(item)
    rows = []
    for top, items in groups.items():
        if len({item.by for item in items}) == 1 and len(items) > 1:
            rows.append((f"{top} ({counted(len(items))})", items[0].by))
        else:
            rows += [(item.name, item.by) for item in items]
    return rows


def _parents(name: str) -> list[str]:
    """The folders that a file lies in, outermost first, each with a slash at its end."""
    parts = name.rstrip("/").split("/")[:-1]
    return ["/".join(parts[: count + 1]) + "/" for count in range(len(parts))]


def counted(files: int) -> str:
    """`1 file`, `2 files`."""
    return f"{files} file{'s' if files != 1 else ''}"


def human(size: int) -> str:
    """A size in bytes for a person: 12 B, 3.4 kB, 5.6 MB."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1e3:.1f} kB" if size < 999_950 else f"{size / 1e6:.1f} MB"


def _size(path: Path) -> int:
    """The size of a file in bytes, 0 of a link that leads nowhere."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
