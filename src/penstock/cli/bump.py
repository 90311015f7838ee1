"""`penstock publish --bump`: gives what has changed the version that it needs, wherever that version stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from penstock.cli.published import Published, read_published
from penstock.errors import DefinitionError, RunError
from penstock.graph.coded import coded_of
from penstock.publish.breaks import naming
from penstock.publish.edit import has_entry, with_constant, with_entry, with_version
from penstock.publish.lock import to_text
from penstock.publish.project import Item
from penstock.publish.verdict import Verdict
from penstock.spec.model import PipelineComponent
from penstock.spec.place import Place
from penstock.store.workspace import rewrite

_ROUNDS = 5  # what a version is part of changes with it, and needs one itself


class Bumped(Struct, frozen=True):
    """What has been written.

    Attributes:
        verdicts: those that gave an item another version, which is in `needed`.
        files: what was changed, the lock among them.
        naming: where pipelines go on naming an old version.
        unread: why the lock could not be read, and was taken for an empty one.
    """

    verdicts: list[Verdict]
    files: list[Path]
    naming: list[Place]
    unread: str = ""


def bump(paths: tuple[Path, ...]) -> Bumped:
    """Write new versions, into files and lock, until nothing needs one.

    Raises:
        DefinitionError: as `read_published`; or a version is none that a next one is known of, or that can be changed.
        RunError: a file cannot be written.
    """
    done: dict[Path, None] = {}
    raised: dict[object, Verdict] = {}
    published = read_published(paths, anew=True)
    unread = published.unread
    try:
        for _ in range(_ROUNDS):
            settled = dict(_edited(published))
            raised |= {verdict.item.key: verdict for verdict in published.wrong}
            for file, data in settled.items():
                rewrite(file, data)
                done[file] = None
            if not settled:
                break
            published = read_published(paths, anew=True)
        if _write_lock(published):
            done[published.lock_file] = None
    except OSError as error:
        raise RunError(f"{error.filename} cannot be written: {error.strerror}") from None
    old = [(verdict.item, verdict.before or "") for verdict in raised.values()]
    places = [place for item, version in old for place in naming(item, version, published.project)]
    return Bumped([*raised.values()], [*done], places, unread)


def _write_lock(published: Published) -> bool:
    """Write the lock, in which alone the versions of pipelines stand; False if it is as it has to be."""
    chosen = [
        replace(each, status="raised", version=each.needed) if each.is_wrong and each.needed else each
        for each in published.chosen
    ]
    text = to_text(replace(published, chosen=chosen).next_lock)
    if text == published.lock_text:
        return False
    published.lock_file.parent.mkdir(parents=True, exist_ok=True)
    rewrite(published.lock_file, text.encode())
    return True


def _edited(published: Published) -> Iterator[tuple[Path, bytes]]:
    """The files that other versions change, with their new content."""
    for verdict in published.chosen:
        if verdict.is_wrong and verdict.needed is None:
            message = f"no version is known to follow '{verdict.before}': it is neither MAJOR.MINOR.PATCH nor a number"
            raise DefinitionError(f"{published.place(verdict)}: {verdict.item}: {message}. Write another one here")
        if verdict.item.kind != "pipeline" and verdict.status != "same":
            version = verdict.needed or verdict.version
            yield from _of_definition(verdict.item, version)
            yield from _of_sources(verdict.item, version, published)
            yield from _of_changelog(verdict, version)


def _of_definition(item: Item, version: str) -> Iterator[tuple[Path, bytes]]:
    if version != item.version:
        key = item.root.key_place("version")
        if item.place < key:
            message = f"the version {item.version} stands at {item.place}, and here is an alias of it"
            raise DefinitionError(f"{key}: {message}; write version: {version}")
        yield item.file, with_version(_text(item.file), item.place, item.version, version).encode()


def _of_sources(item: Item, version: str, published: Published) -> Iterator[tuple[Path, bytes]]:
    component = published.project.components.get(item.file)
    coded = coded_of(component) if component is not None and not isinstance(component, PipelineComponent) else None
    if coded is None or coded.code.path is None:
        return
    for file in sorted((coded.folder / coded.code.path).glob("*.py")):
        text = file.read_bytes().decode("utf-8", "surrogateescape")  # Python may be of any encoding
        new = with_constant(text, item.name, version)
        if new != text:
            yield file, new.encode("utf-8", "surrogateescape")


def _of_changelog(verdict: Verdict, version: str) -> Iterator[tuple[Path, bytes]]:
    file = verdict.item.file.with_name("CHANGELOG.md")
    if verdict.bump is None or not file.is_file():
        return
    text = _text(file)
    if not has_entry(text, version):
        yield file, with_entry(text, version, f"{verdict.bump}: {'; '.join(verdict.reasons)}.").encode()


def _text(file: Path) -> str:
    """A file's text with its line ends. Raises DefinitionError if it is none."""
    data = file.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        place = Place(str(file), before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise DefinitionError(f"{place}: this is not UTF-8 text; save it as UTF-8") from None
