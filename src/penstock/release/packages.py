"""Packages as a release sees them: what is in one, and whether it is still what was made.

A package agrees with itself if each file is as manifest.json lists it. That alone proves nothing, for whoever changes a
file can change the manifest with it. So the manifest's own digest is compared with one that is kept elsewhere, its
anchor: the tag `package_digest` of the model version, or what a person or a CI job says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import DefinitionError, RunError
from penstock.store import registry
from penstock.store.workspace import Workspace
from penstock_steps.errors import StepError
from penstock_steps.manifest import DIGEST, MANIFEST_FILE, Difference, differences, read_manifest
from penstock_steps.registry import PACKAGE_DIGEST_TAG
from penstock_steps.skipped import skipped_reason


@dataclass(frozen=True, slots=True)
class Package:
    """What a package's manifest says, unchecked.

    Attributes:
        path: the folder.
        digest: of manifest.json, `sha256:...`: it names the package.
        model_name: the registered model,
        version: and which version of it the package serves.
        model_digest: the content digest of that version's model folder.
        scoring: how score.py loads the model and what it takes; see `penstock_steps.manifest`.
        files: the digest of each file by its path in the package, with slashes.
    """

    path: Path
    digest: str
    model_name: str
    version: str
    model_digest: str
    scoring: Mapping[str, Any]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A package's digest as it is kept outside the package, and where that is."""

    digest: str
    source: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was compared and what came of it. `anchor` is None if there was none to compare with."""

    package: Package
    anchor: Anchor | None
    differences: tuple[Difference, ...]

    @property
    def is_anchored(self) -> bool:
        """Whether the manifest is the one that the anchor names."""
        return self.anchor is not None and self.anchor.digest == self.package.digest

    @property
    def problems(self) -> tuple[str, ...]:
        """All that is wrong, a sentence each; a missing anchor is not among them."""
        found = [str(difference) for difference in self.differences]
        if self.anchor is not None and not self.is_anchored:
            found.append(
                f"{MANIFEST_FILE} is another one than {self.anchor.source} says: "
                f"its digest is {self.package.digest}, not {self.anchor.digest}"
            )
        return tuple(found)


def read_package(path: Path) -> Package:
    """Read the manifest of the package in the folder `path`. `verify` tells whether the files are as it says.

    Raises:
        DefinitionError: there is no such folder.
        RunError: it is no package, or its manifest cannot be read. The message says so, and why a step made none.
    """
    if not path.is_dir():
        raise DefinitionError(f"{path} {'is a file' if path.exists() else 'does not exist'}; name a package's folder")
    try:
        manifest = read_manifest(path)
    except StepError as error:
        raise RunError(f"{error}{_why_none(path)}") from None
    return Package(
        path=path,
        digest=manifest.digest,
        model_name=manifest.model["name"],
        version=manifest.model["version"],
        model_digest=manifest.model_digest,
        scoring=manifest.scoring,
        files=manifest.files,
    )


def registry_anchor(package: Package, workspace: Workspace) -> Anchor | None:
    """The digest that the registry of a workspace has of the package of this model version; None if it has none."""
    digest = registry.version_tags(workspace, package.model_name, package.version).get(PACKAGE_DIGEST_TAG)
    source = f"the registry in {workspace.root} (version {package.version} of {package.model_name})"
    return Anchor(digest, source) if digest else None


def anchor_of(package: Package, digest: str | None, workspace: Workspace) -> Anchor | None:
    """The digest that a person gives, else that of the registry; None if there is neither.

    Raises DefinitionError for what is no digest.
    """
    return registry_anchor(package, workspace) if digest is None else digest_anchor(digest)


def digest_anchor(digest: str) -> Anchor:
    """What a person says. Raises DefinitionError for what is no digest."""
    if not DIGEST.fullmatch(digest):
        raise DefinitionError(f"--digest {digest} is no digest; it is sha256: and 64 hex digits in lower case")
    return Anchor(digest, "--digest")


def verify(package: Package, anchor: Anchor | None) -> Verification:
    """Compare each file of a package with its manifest, and the manifest with its anchor.

    What was read is what counts: if manifest.json has changed since `read_package`, that is told as a change.

    Raises:
        RunError: a file cannot be read.
    """
    try:
        manifest = read_manifest(package.path)
        found = differences(package.path, manifest)
    except StepError as error:
        raise RunError(str(error)) from None
    if manifest.digest != package.digest:
        found.append(Difference(MANIFEST_FILE, "changed"))
    return Verification(package, anchor, tuple(found))


def _why_none(path: Path) -> str:
    try:
        reason = skipped_reason(path)
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # somebody else's skipped.json
    return f". Nothing was packaged: {reason}" if reason else ""
