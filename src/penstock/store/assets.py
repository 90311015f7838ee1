"""The assets of a workspace: `assets/<type>/<name>/<version>/`, each a copy of its own that nothing changes any more.

An asset's folder is made elsewhere and renamed into its place, so that it is there as a whole or not at all, and of
two that want the same place one is second.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import DefinitionError, RunError
from penstock.spec.reference import ASSET_TYPES, NAME, VERSION, AssetType, version_order
from penstock.store.cache import protect
from penstock.store.digests import Digests
from penstock.store.workspace import Workspace, write_atomically

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)
_NEW = ".new-"


@dataclass(frozen=True, slots=True)
class Asset:
    """A version of an asset and its folder."""

    type: AssetType
    name: str
    version: str
    path: Path

    @property
    def file(self) -> Path:
        """Its definition."""
        return self.path / f"{self.type}.yml"

    def __str__(self) -> str:
        return f"{self.type} {self.name}:{self.version}"


@dataclass(frozen=True)
class Assets:
    """The assets of a workspace."""

    workspace: Workspace

    @property
    def root(self) -> Path:
        return self.workspace.root / "assets"

    def names(self, kind: AssetType) -> list[str]:
        return _folders(self.root / kind)

    def versions(self, kind: AssetType, name: str) -> list[str]:
        """All versions, the latest last."""
        if not NAME.fullmatch(name):
            return []
        return sorted(_folders(self.root / kind / name), key=version_order)

    def find(self, kind: AssetType, name: str, version: str | None) -> Asset | None:
        """A version of an asset, the latest for None; None if it is not there."""
        known = self.versions(kind, name)
        found = version if version is not None else (known[-1] if known else None)
        return Asset(kind, name, found, self.root / kind / name / found) if found in known and found else None

    def all(self, kind: AssetType | None = None) -> Iterator[Asset]:
        """Every version of every asset, by type and name."""
        for each in (kind,) if kind is not None else ASSET_TYPES:
            for name in self.names(each):
                for version in self.versions(each, name):
                    yield Asset(each, name, version, self.root / each / name / version)

    def create(
        self,
        kind: AssetType,
        name: str,
        version: str | None,
        fill: Callable[[Path], None],
        definition: Callable[[str], str],
    ) -> tuple[Asset, bool]:
        """Make a version of an asset; without `version` the next whole number. Returns it, and False if it was there.

        `fill(folder)` writes the files that it is made of, `definition(version)` gives its YAML. Raises
        DefinitionError for a name that is none, and if the version is there with other content; RunError if something
        cannot be read or written.
        """
        _refuse_odd(kind, name, version)
        try:
            with self._new() as folder:
                made = folder / "made"
                made.mkdir()
                fill(made)
                protect(made)
                return self._placed(kind, name, version, made, definition)
        except OSError as error:
            about = f"{error.filename}: {error.strerror}" if error.filename is not None else str(error)
            raise RunError(f"the {kind} {name} cannot be made in {self.root}: {about}") from None

    def _placed(
        self, kind: AssetType, name: str, version: str | None, made: Path, definition: Callable[[str], str]
    ) -> tuple[Asset, bool]:
        while True:
            wanted = version if version is not None else self.next_version(kind, name)
            asset = Asset(kind, name, wanted, self.root / kind / name / wanted)
            written = made / asset.file.name
            write_atomically(written, definition(wanted))
            protect(written)
            asset.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                made.rename(asset.path)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
                if version is not None:
                    self._refuse_other(asset, made)
                    return asset, False
            else:
                return asset, True  # else somebody was faster: the next number

    def next_version(self, kind: AssetType, name: str) -> str:
        """The version that an asset gets whose file says none."""
        numbers = [int(version) for version in self.versions(kind, name) if version.isdecimal()]
        return str(max(numbers, default=0) + 1)

    def _refuse_other(self, asset: Asset, made: Path) -> None:
        """A version that is there may be made again, but not of something else."""
        digests = Digests(made.parent / "index.db")  # never written: what is compared here is read once
        if digests.of(asset.path) == digests.of(made):
            return
        following = self.next_version(asset.type, asset.name)
        raise DefinitionError(
            f"the {asset} is in {self.root} already, with other content, and a version never changes. "
            f"Give this one another version: --version {following}"
        )

    @contextmanager
    def _new(self) -> Iterator[Path]:
        """A folder to make an asset in, of this process alone; those of processes that have died are removed."""
        self.workspace.prepare()
        self.root.mkdir(parents=True, exist_ok=True)
        with _locked(self.root):
            for left in self.root.glob(f"{_NEW}*"):
                with suppress(OSError), _locked(left, wait=False):
                    remove(left)
            folder = Path(tempfile.mkdtemp(prefix=_NEW, dir=self.root))
            own = os.open(folder, os.O_RDONLY)
            fcntl.flock(own, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            remove(folder)
            os.close(own)


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Raises BlockingIOError if somebody else has it and is not to be waited for."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(opened)


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _folders(parent: Path) -> list[str]:
    try:
        with os.scandir(parent) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def _refuse_odd(kind: AssetType, name: str, version: str | None) -> None:
    made_of = "letters, digits, '_', '-' and '.' make one, and the first is no dot"
    if not NAME.fullmatch(name):
        raise DefinitionError(f"'{name}' is no name of a {kind}: {made_of}")
    if version is not None and not VERSION.fullmatch(version):
        raise DefinitionError(f"'{version}' is no version of a {kind}: {made_of}")


def described(asset: Asset) -> dict[str, str]:
    """An asset for `--format json`."""
    return {"type": asset.type, "name": asset.name, "version": asset.version, "path": str(asset.path)}
