"""`manifest.json`: what a package consists of, so that whoever deploys or loads it can tell that nothing was changed.

    {"format": 1,
     "model":   {"name": "diabetes", "version": "3"},
     "model_digest": "sha256:...",
     "scoring": {"file": "model/model.skops", "serialization": "skops", "trusted": [...],
                 "columns": [{"name": "age", "type": "double"}, ...]},
     "files":   {"Dockerfile": "sha256:...", "model/MLmodel": "sha256:...", ...}}

`files` holds every file of the package but manifest.json itself and `lineage.json`, which records the run and would
make two packages of one model differ. The manifest's own digest is kept outside the package (as the tag
`package_digest` of the model version), so changing a file together with its entry is noticed too.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from penstock_steps.digests import LINEAGE_FILE, bytes_digest, file_digest
from penstock_steps.errors import StepError
from penstock_steps.registration import Registration

MANIFEST_FILE = "manifest.json"
FORMAT = 1
DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_UNLISTED = (MANIFEST_FILE, LINEAGE_FILE)


@dataclass(frozen=True)
class Manifest:
    """A package's manifest.

    Attributes:
        model: `{name, version}` of the registered model version that the package serves.
        model_digest: the content digest of that version's model folder, of which the package holds what scoring needs.
        scoring: `{file, serialization, trusted, columns}`: how score.py loads the model and what it takes.
        files: the digest of each file by its path in the package, with slashes.
        digest: of the very bytes that this was read from.
    """

    model: Mapping[str, str]
    model_digest: str
    scoring: Mapping[str, Any]
    files: Mapping[str, str]
    digest: str


@dataclass(frozen=True)
class Difference:
    """A file of a package that is not as the manifest lists it."""

    file: str
    problem: Literal["missing", "changed", "not listed", "no regular file"]

    def __str__(self) -> str:
        return f"{self.file} {'was' if self.problem == 'changed' else 'is'} {self.problem}"


def write_manifest(package: Path, registration: Registration, scoring: Mapping[str, Any]) -> str:
    """Write the manifest of all files that are in `package` now, and return the manifest's own digest.

    Args:
        package: the folder.
        registration: the model version that the package serves.
        scoring: see `Manifest`.
    """
    document = {
        "format": FORMAT,
        "model": {"name": registration.model_name, "version": registration.version},
        "model_digest": registration.model_digest,
        "scoring": scoring,
        "files": {name: file_digest(path) for name, path in _entries(package).items()},
    }
    path = package / MANIFEST_FILE
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return file_digest(path)


def read_manifest(package: Path) -> Manifest:
    """Read a package's manifest. Raises StepError if there is none or it is not one of ours."""
    path = package / MANIFEST_FILE
    try:
        text = path.read_bytes()
        document = json.loads(text)
        format_ = document.pop("format")
        manifest = Manifest(**document, digest=bytes_digest(text))
    except (FileNotFoundError, NotADirectoryError):
        raise StepError(f"{package} is not a package: it has no {MANIFEST_FILE}") from None
    except OSError as error:
        raise StepError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StepError(f"{path} is not a manifest ({error}); package the model again") from None
    if format_ != FORMAT:
        raise StepError(f"{path} has format {format_}, this version reads format {FORMAT}")
    wrong = _wrong(manifest)
    if wrong is not None:
        raise StepError(f"{path} is not a manifest ({wrong}); package the model again")
    return manifest


def differences(package: Path, manifest: Manifest) -> list[Difference]:
    """Each file of the folder `package` that is not as `manifest` lists it, in the order of their names.

    `lineage.json` is not looked at, nor is manifest.json, which only a digest from outside can vouch for. A link is no
    regular file: what it leads to could be changed after the check. Raises StepError if a file cannot be read.
    """
    present = _entries(package)
    found = [Difference(name, "missing") for name in manifest.files if name not in present]
    try:
        for name, path in present.items():
            if not stat.S_ISREG(path.lstat().st_mode):
                found.append(Difference(name, "no regular file"))
            elif name not in manifest.files:
                found.append(Difference(name, "not listed"))
            elif file_digest(path) != manifest.files[name]:
                found.append(Difference(name, "changed"))
    except OSError as error:
        raise StepError(f"{error.filename} cannot be read: {error.strerror}") from None
    return sorted(found, key=lambda difference: difference.file.encode(errors="surrogateescape"))


def verify_package(package: Path, digest: str | None = None) -> Manifest:
    """Read a package's manifest and check that the package holds exactly the files that it lists.

    Args:
        package: the folder.
        digest: the manifest's digest as it is kept outside the package; not compared if None.

    Raises:
        StepError: the manifest is another one than `digest` says; a file is changed, missing or not listed. The message
            names all such files.
    """
    manifest = read_manifest(package)
    if digest is not None and manifest.digest != digest:
        raise StepError(
            f"{package / MANIFEST_FILE} was changed: its digest is {manifest.digest}, it was recorded as {digest}"
        )
    found = differences(package, manifest)
    if found:
        told = ", ".join(map(str, found))
        raise StepError(f"{package} is not what {MANIFEST_FILE} says: {told}; package the model again")
    return manifest


def _entries(package: Path) -> dict[str, Path]:
    """Whatever lies in the package and is no folder, links to folders included, by its relative path with slashes."""
    found = {
        path.relative_to(package).as_posix(): path
        for path in package.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    for name in _UNLISTED:
        found.pop(name, None)
    return dict(sorted(found.items(), key=lambda item: item[0].encode(errors="surrogateescape")))


def _wrong(manifest: Manifest) -> str | None:
    """What is not of the type that it should be."""
    if not isinstance(manifest.model, dict) or manifest.model.keys() != {"name", "version"}:
        return "model is not {name, version}"
    if not all(isinstance(value, str) for value in (*manifest.model.values(), manifest.model_digest)):
        return "model and model_digest are not texts"
    if not isinstance(manifest.scoring, dict):
        return "scoring is not an object"
    digests = manifest.files.values() if isinstance(manifest.files, dict) else [None]
    if not all(isinstance(digest, str) and DIGEST.fullmatch(digest) for digest in digests):
        return "files are not digests by their names"
    return None
