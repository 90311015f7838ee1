"""From a YAML file to an asset of the workspace: read, checked, copied."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from penstock.check import check
from penstock.check.subject import Subject, subject_of
from penstock.cli.suppressed import suppressions
from penstock.errors import DefinitionError
from penstock.graph.catalog import NotHere
from penstock.graph.library import Library
from penstock.spec.kind import Kind, kind_of
from penstock.spec.override import apply
from penstock.spec.read import component_type
from penstock.spec.reference import ASSET_TYPES, AssetType, read_reference
from penstock.spec.source import Document, Mapping, Node, Scalar, parse, scalar_text
from penstock.spec.write import to_yaml, with_value
from penstock.store.asset_files import AssetFiles
from penstock.store.assets import Asset
from penstock.store.catalog import WorkspaceCatalog
from penstock.store.files import Disk

_MOST = 5
_OF_JOBS = {"compute", "experiment_name", "settings", "services", "limits", "identity"}


@dataclass
class NewAsset:
    """A checked definition. `told` is what a person should know of it."""

    type: AssetType
    root: Mapping
    file: Path
    told: list[str] = field(default_factory=list)

    def create(self, catalog: WorkspaceCatalog) -> tuple[Asset, bool]:
        """Make the asset; False if it was there. Raises DefinitionError and RunError."""
        name = self.root.text("name")
        if name is None:
            raise DefinitionError(f"{self.root.place}: the {self.type} has no name; write name:, or --name NAME")
        made: list[Mapping] = []

        def fill(folder: Path) -> None:
            files = AssetFiles(folder, lambda kind, node: _pinned(kind, node, catalog))
            made.append(files.of(self.type, self.root, self.file.parent))
            if files.ignored:
                shown = ", ".join(files.ignored[:_MOST]) + (", ..." if len(files.ignored) > _MOST else "")
                self.told.append(f"left out, as .amlignore or .gitignore says: {shown}")

        def definition(version: str) -> str:
            return to_yaml(with_value(with_value(made[0], "name", name), "version", version))

        return catalog.assets.create(self.type, name, self.root.text("version"), fill, definition)


def read_new_asset(file: Path, overrides: tuple[str, ...], disk: Disk, catalog: WorkspaceCatalog) -> NewAsset:
    """Read and check a file. Raises DefinitionError for what is no asset, or has errors."""
    try:
        document = parse(disk.read(file), str(file))
    except IsADirectoryError:
        raise DefinitionError(f"{file} is a folder; name the YAML file in it") from None
    except OSError as error:
        raise DefinitionError(f"{file} cannot be read: {error.strerror}") from None
    if document.root is None:
        raise DefinitionError("\n".join(map(str, document.findings)))
    document = Document(document.file, apply(document.root, overrides), document.findings)
    subject = subject_of(document, file, disk, _kind(document.root), Library(disk, catalog=catalog))
    if subject is None or subject.kind.family not in ASSET_TYPES:
        what = f"is a {subject.kind}" if subject is not None else "is nothing that Azure ML has"
        raise DefinitionError(f"{file} {what}; an asset is one of {', '.join(ASSET_TYPES)}. A $schema tells which")
    told = _checked(subject, file, disk)
    return NewAsset(subject.kind.family, subject.root, file, told)


def _kind(root: Node | None) -> Kind | None:
    """What the file is; of what may be a job or a component, such as a pipeline without inputs, a component."""
    kind = kind_of(root)
    if kind is None or kind.family != "job" or not isinstance(root, Mapping):
        return kind
    is_job = "$schema" in root.entries or "name" not in root.entries or root.entries.keys() & _OF_JOBS
    return kind if is_job else Kind("component", component_type(root))


def _checked(subject: Subject, file: Path, disk: Disk) -> list[str]:
    """The warnings about a file. Raises DefinitionError if there are errors."""
    findings = suppressions(disk).apply(check(subject), [str(file)])
    missing = [broken for broken in (subject.graph.broken if subject.graph else ()) if broken.what == "registered"]
    lines = [f"{broken.place}: error PR102: {broken.message}" for broken in missing]
    if lines or any(finding.severity == "error" for finding in findings):
        told = [*map(str, findings), *lines, f"{file}: nothing was created"]
        raise DefinitionError("\n".join(told))
    return list(map(str, findings))


def _pinned(kind: AssetType, node: Scalar, catalog: WorkspaceCatalog) -> str:
    """A reference with the version that it means now; as it is, if that is not known here."""
    text = scalar_text(node)
    reference = read_reference(text)
    if reference is None or not reference.is_latest:
        return text
    found = catalog.component(text) if kind == "component" else catalog.environment(text)
    if isinstance(found, NotHere) or found.mapped:
        return text
    return f"azureml:{reference.name}:{found.path.parent.name}"
