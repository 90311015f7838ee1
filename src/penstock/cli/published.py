"""What `penstock publish` is about: the project on this disk, its lock, and how one stands to the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from penstock.errors import DefinitionError, RunError
from penstock.graph.library import Library
from penstock.publish.lock import FILE, Lock, LockError, read_lock, version_place
from penstock.publish.project import Item, Project, read_project
from penstock.publish.verdict import Verdict, judge, lock_of
from penstock.spec.place import Place
from penstock.store.digests import Digests
from penstock.store.discover import SUFFIXES, yaml_files
from penstock.store.files import RememberingDisk
from penstock.store.project import project_root, shown

FOLDERS = ("environments", "components", "pipelines")


class Published(Struct, frozen=True):
    """A project as it is now. `root` is its folder; paths are as a person would write them from here.

    `chosen` are the verdicts on what the command line is about, all of `verdicts` if it names nothing. `unread` tells
    why the lock could not be read, where it is taken for an empty one.
    """

    root: Path
    project: Project
    verdicts: list[Verdict]
    chosen: list[Verdict]
    lock: Lock
    lock_text: str | None
    unread: str = ""

    @property
    def lock_file(self) -> Path:
        return self.root / FILE

    @property
    def next_lock(self) -> Lock:
        """What the lock has to say, as far as it is about what is chosen."""
        names = {verdict.item.key for verdict in self.chosen}
        others = {key: entry for key, entry in self.lock.entries.items() if key in self.project.items}
        kept = {key: entry for key, entry in others.items() if key not in names}
        return Lock({**kept, **lock_of(self.chosen).entries})

    @property
    def is_current(self) -> bool:
        return not self.wrong and self.lock_text is not None and self.lock == self.next_lock

    @property
    def wrong(self) -> list[Verdict]:
        return [verdict for verdict in self.chosen if verdict.is_wrong]

    def place(self, verdict: Verdict) -> Place:
        """Where the version of an item stands: in its file, of a pipeline in the lock."""
        item = verdict.item
        if item.kind != "pipeline" or verdict.status == "new":
            return item.place
        return self.locked_place(item)

    def locked_place(self, item: Item) -> Place:
        """Where the version of an item stands in the lock."""
        return version_place(self.lock_text or "", str(self.lock_file), item)


def read_published(paths: tuple[Path, ...], *, anew: bool = False) -> Published:
    """The project that `paths` lie in, or the working directory.

    `anew`: take a lock that cannot be read for an empty one, and say so in `unread`.

    Raises:
        DefinitionError: a definition is wrong, a path does not exist or holds nothing to publish, the lock cannot be
            read.
        RunError: a file cannot be read.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise DefinitionError(f"{path}: there is no such file or folder")
    named = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 - without following links
    here = named[0] if named else Path(os.path.abspath(os.curdir))  # noqa: PTH100
    top = project_root(here if here.is_dir() else here.parent)
    root = _from_here(top)
    try:
        below = tuple(root / path.relative_to(top) if path.is_relative_to(top) else path for path in named)
        return _read(root, below, anew=anew)
    except FileNotFoundError as error:
        raise DefinitionError(f"{error.filename} does not exist, and is part of what is published") from None
    except OSError as error:
        raise RunError(f"{error.filename} cannot be read: {error.strerror}") from None


def _from_here(top: Path) -> Path:
    """The project's folder as a person in the working directory would write it."""
    here = Path(os.path.abspath(os.curdir))  # noqa: PTH100
    return Path(os.path.relpath(top)) if here.is_relative_to(top) else Path(shown(top))


def _read(root: Path, paths: tuple[Path, ...], *, anew: bool) -> Published:
    library = Library(RememberingDisk())
    files = list(dict.fromkeys(_files(root, paths)))
    unindexed = Digests(root / ".penstock" / "publish.db")  # never closed, so nothing is written
    project = read_project(files, root / "pipelines", library, unindexed)
    data = _lock_data(root / FILE)
    unread, lock = "", Lock()
    try:
        lock = read_lock(data, str(root / FILE))
    except LockError as error:
        if not anew:
            raise
        unread = error.what
    text = data.decode("utf-8", "replace") if data is not None else None
    verdicts = judge(project, lock)
    names = {item.key for item in _chosen(project, root, paths)}
    return Published(root, project, verdicts, [each for each in verdicts if each.item.key in names], lock, text, unread)


def _lock_data(file: Path) -> bytes | None:
    if file.is_dir():
        raise DefinitionError(f"{Place(str(file))}: here is a folder, and the lock has to be a file; remove it")
    return file.read_bytes() if file.is_file() else None


def _files(root: Path, paths: tuple[Path, ...]) -> Iterator[Path]:
    """The YAML files to read, below the folders of the project and the paths that are named."""
    for folder in (*(root / name for name in FOLDERS), *(path for path in paths if path != root)):
        if folder.is_dir():
            yield from yaml_files(folder)
        elif folder.suffix.lower() in SUFFIXES:
            yield folder


def _chosen(project: Project, root: Path, paths: tuple[Path, ...]) -> list[Item]:
    """What lies at or below the paths, and what it needs; all of it for none, or the project's own folder."""
    if not paths or root in paths:
        if not project.items:
            message = f"there is nothing to publish: none of {', '.join(FOLDERS)} holds an environment or a component"
            raise DefinitionError(f"{message} with a name. Name files or folders")
        return list(project.items.values())
    found: list[Item] = []
    for path in paths:
        here = [item for item in project.items.values() if item.file.is_relative_to(path)]
        if not here:
            what = "environment and no component with a name, and no pipeline job below pipelines/"
            raise DefinitionError(f"{path}: there is nothing to publish here: no {what}")
        found += here
    return project.with_needs(found)
