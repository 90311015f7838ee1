"""What names lead to on this machine: `penstock.graph.catalog.Catalog` over a workspace and what is mapped.

A URI that is mapped goes where that says, the longest beginning first; else `azureml:` names an asset of the workspace
or a path in one of its datastores. A registry's assets are those of the workspace.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct

from penstock.errors import DefinitionError
from penstock.graph.catalog import Located, NotHere
from penstock.spec.finding import did_you_mean
from penstock.spec.reference import AssetReference, AssetType, DatastorePath, read_datastore_path, read_reference
from penstock.spec.source import Mapping as Object
from penstock.spec.source import parse
from penstock.store.assets import Asset, Assets
from penstock.store.project import FILE, Mapped, Places
from penstock.store.registry import model_names, model_versions
from penstock.store.workspace import Workspace

_MODELS = ("mlflow_model", "custom_model", "triton_model", "safetensors_model")
_ENCODED = ("http:", "https:", "wasb:", "wasbs:", "abfs:", "abfss:", "adl:")
_OF_RUNS = ("runs:", "azureml://jobs/", "models:")


class WorkspaceCatalog(Struct, frozen=True):
    """Implements `Catalog`. `option` is how a command line names this workspace, empty if it need not."""

    workspace: Workspace
    places: Places
    option: str = ""

    @property
    def assets(self) -> Assets:
        return Assets(self.workspace)

    def component(self, reference: str) -> Located | NotHere:
        return self._mapped(reference) or self._definition("component", reference)

    def environment(self, reference: str) -> Located | NotHere:
        return self._mapped(reference) or self._definition("environment", reference)

    def data(self, uri: str, kind: str) -> Located | NotHere:
        mapped = self._mapped(uri)
        if mapped is not None:
            return mapped
        stored = read_datastore_path(uri)
        if stored is not None:
            return self._existing(self._datastore(stored), uri, stored)
        reference = read_reference(uri)
        if reference is not None:
            return self._files(reference, uri, "model" if kind in _MODELS else "data")
        if uri.startswith(_OF_RUNS):
            why = "is what a run on Azure has made, which is not on this machine"
            return NotHere(why, f"Download it, and say where it lies: {self._map(uri)}.")
        if uri.startswith("azureml:"):
            return NotHere("names neither an asset nor a path in a datastore", f"{_FORMS} {self._or_map(uri)}")
        return NotHere("is not on this machine", f"Download it, and say where it lies: {self._map(uri)}.")

    def place(self, uri: str) -> Located | NotHere:
        mapped = self._mapped(uri, must_exist=False)
        if mapped is not None:
            return mapped
        stored = read_datastore_path(uri)
        if stored is None:
            return NotHere("names no path in a datastore", "Write azureml://datastores/NAME/paths/PATH.")
        return Located(self._datastore(stored).path)

    def _definition(self, kind: AssetType, text: str) -> Located | NotHere:
        found = self._asset(kind, text)
        if isinstance(found, NotHere):
            return found
        asset, note = found
        return Located(asset.file, note)

    def _files(self, reference: AssetReference, text: str, kind: AssetType) -> Located | NotHere:
        """What a data asset or a model is made of."""
        kind = reference.type or kind
        found = self._asset(kind, text)
        if isinstance(found, NotHere):
            path = self._of_mlflow(reference) if kind == "model" else None
            return Located(path) if path is not None else found
        asset, note = found
        target = _path_of(asset)
        if target is None:
            return NotHere("names no path", f"Look at {asset.file}.")
        if re.match(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+:", target):
            return self._elsewhere(asset, target)
        return Located(Path(os.path.normpath(asset.path / re.sub(r"^file:(//)?", "", target))), note)

    def _elsewhere(self, asset: Asset, target: str) -> Located | NotHere:
        """Of an asset that names a URI, where that lies."""
        if read_reference(target) is not None:
            return NotHere(f"is {target}, another asset", f"Name that one; {asset.file} says so.")
        found = self.data(target, "")
        if isinstance(found, NotHere):
            return NotHere(f"is {target}, which {found.why}", found.fix)
        return Located(found.path, found.note, mapped=found.mapped)

    def _asset(self, kind: AssetType, text: str) -> tuple[Asset, str] | NotHere:
        """The asset that a reference names, and what is to be known of that."""
        reference = read_reference(text)
        if reference is None:
            return NotHere(f"names no {kind} that Azure ML could have", f"{_FORMS}")
        if reference.type not in (None, kind):
            return NotHere(f"is of the type {reference.type}, not {kind}", "")
        if reference.version is None and not reference.is_latest:
            why = f"has the label {reference.label}, and in a workspace on this machine there is only @latest"
            return NotHere(why, f"Write azureml:{reference.name}@latest or azureml:{reference.name}:VERSION.")
        asset = self.assets.find(kind, reference.name, reference.version)
        if asset is None:
            return NotHere(self._why_not(kind, reference), self._create(kind, reference, text))
        registry = f"'{text}' is taken from this workspace: {asset}" if reference.registry else ""
        return asset, registry

    def _why_not(self, kind: AssetType, reference: AssetReference) -> str:
        where = self.assets.root / kind
        versions = self.assets.versions(kind, reference.name)
        of_mlflow = list(model_versions(self.workspace, reference.name)) if kind == "model" else []
        known = [*versions, *(version for version in of_mlflow if version not in versions)]
        if known:
            return f"is not in the workspace: there {_are(known)} of '{reference.name}' in {where}"
        names = [*self.assets.names(kind), *(model_names(self.workspace) if kind == "model" else ())]
        hint = did_you_mean(reference.name, names)
        close = f" ({hint[:-1].replace('Did you mean', 'did you mean')}?)" if hint.startswith("Did") else ""
        return f"is not in the workspace, nothing of the name '{reference.name}' is in {where}{close}"

    def _create(self, kind: AssetType, reference: AssetReference, text: str) -> str:
        """The way out: the command that makes it."""
        line = f"penstock asset create {kind.upper()}.yml --name {reference.name}"
        line += f" --version {reference.version}" if reference.version is not None else ""
        line += f" {self.option}" if self.option else ""
        return f"Make it of its YAML file: {line}. {self._or_map(text)}"

    def _of_mlflow(self, reference: AssetReference) -> Path | None:
        """A model's files by the MLflow registry of the workspace."""
        if reference.version is None and not reference.is_latest:
            return None
        versions = model_versions(self.workspace, reference.name)
        latest = list(versions)[-1] if versions else None
        wanted = reference.version if reference.version is not None else latest
        return versions.get(wanted) if wanted is not None else None

    def _datastore(self, stored: DatastorePath) -> Mapped:
        named = self.places.datastores.get(stored.name)
        root = named.path if named is not None else self.workspace.datastores / stored.name
        return Mapped(root / stored.path if stored.path else root, named.said if named is not None else "")

    def _existing(self, found: Mapped, uri: str, stored: DatastorePath) -> Located | NotHere:
        if found.path.exists():
            return Located(found.path)
        if found.said:
            return NotHere(f"would be {found.path} by {found.said}, where nothing is", "Put it there.")
        known = [*_folders(self.workspace.datastores), *self.places.datastores]
        hint = did_you_mean(stored.name, known) if stored.name not in known else ""
        close = f" {hint}" if hint.startswith("Did") else ""
        fix = f"Put it at {found.path}, or say where it lies: {self._map(uri)}.{close}"
        return NotHere("is not on this machine", fix)

    def _mapped(self, uri: str, *, must_exist: bool = True) -> Located | NotHere | None:
        """Where a URI is mapped to; None if nobody says that. The longest beginning that is mapped wins."""
        begun = {prefix: rest for prefix in self.places.maps if (rest := _rest(uri, prefix)) is not None}
        if not begun:
            return None
        prefix = max(begun, key=lambda each: (self.places.maps[each].option, len(each)))
        mapped, rest = self.places.maps[prefix], begun[prefix]
        if ".." in rest.split("/"):
            return NotHere("leads out of what is mapped", f"Write it without '..'; {mapped.said} maps {prefix}.")
        path = mapped.path / rest if rest else mapped.path
        if must_exist and not path.exists():
            return NotHere(f"is mapped to {path}, which does not exist", f"See {mapped.said}.")
        return Located(path, mapped=True)

    def _map(self, uri: str) -> str:
        return f"--map {shlex.quote(uri)}=PATH, or [map] in {FILE}"

    def _or_map(self, uri: str) -> str:
        return f"Or say where it lies: {self._map(uri)}."


_FORMS = "Write azureml:NAME:VERSION, azureml:NAME@latest or azureml://datastores/NAME/paths/PATH."


def _rest(uri: str, prefix: str) -> str | None:
    """What of a URI follows a beginning that is mapped, as a relative path; None if it does not begin so."""
    if not uri.startswith(prefix):
        return None
    rest = uri[len(prefix) :]
    if rest and not prefix.endswith("/") and rest[0] not in "/?":
        return None
    encoded = uri.startswith(_ENCODED)
    rest = rest.partition("?")[0] if encoded else rest
    return (unquote(rest) if encoded else rest).strip("/")


def _path_of(asset: Asset) -> str | None:
    try:
        root = parse(asset.file.read_bytes(), str(asset.file)).root
    except OSError as error:
        raise DefinitionError(f"{asset.file} cannot be read: {error.strerror}") from None
    return root.text("path") if isinstance(root, Object) else None


def _are(versions: list[str]) -> str:
    shown = ", ".join(versions[-5:])
    return f"are the versions {shown}" if len(versions) > 1 else f"is the version {shown}"


def _folders(parent: Path) -> list[str]:
    return [path.name for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
