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
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from penstock_steps.digests import file_digest, folder_files
from penstock_steps.errors import StepError
from penstock_steps.registration import Registration

MANIFEST_FILE = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """A package's manifest.

    Attributes:
        model: `{name, version}` of the registered model version that the package serves.
        model_digest: the content digest of that version's model folder, of which the package holds what scoring needs.
        scoring: `{file, serialization, trusted, columns}`: how score.py loads the model and what it takes.
        files: the digest of each file by its path in the package, with slashes.
    """

    model: Mapping[str, str]
    model_digest: str
    scoring: Mapping[str, Any]
    files: Mapping[str, str]


def write_manifest(package: Path, registration: Registration, scoring: Mapping[str, Any]) -> str:
    """Write the manifest of all files that are in `package` now, and return the manifest's own digest.

    Args:
        package: the folder.
        registration: the model version that the package serves.
        scoring: see `Manifest`.
    """
    manifest = Manifest(
        model={"name": registration.model_name, "version": registration.version},
        model_digest=registration.model_digest,
        scoring=scoring,
        files={name: file_digest(path) for name, path in _files(package).items()},
    )
    path = package / MANIFEST_FILE
    path.write_text(
        json.dumps({"format": FORMAT, **asdict(manifest)}, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    return file_digest(path)


def read_manifest(package: Path) -> Manifest:
    """Read a package's manifest. Raises StepError if there is none or it is not one of ours."""
    path = package / MANIFEST_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        format_ = document.pop("format")
        manifest = Manifest(**document)
    except FileNotFoundError:
        raise StepError(f"{package} is not a package: it has no {MANIFEST_FILE}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StepError(f"{path} is not a manifest ({error}); package the model again") from None
    if format_ != FORMAT:
        raise StepError(f"{path} has format {format_}, this version reads format {FORMAT}")
    return manifest


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
    found = file_digest(package / MANIFEST_FILE)
    if digest is not None and found != digest:
        raise StepError(f"{package / MANIFEST_FILE} was changed: its digest is {found}, it was recorded as {digest}")
    present = _files(package)
    problems = [f"{name} is missing" for name in manifest.files if name not in present]
    for name, path in present.items():
        if name not in manifest.files:
            problems.append(f"{name} is not listed")
        elif file_digest(path) != manifest.files[name]:
            problems.append(f"{name} was changed")
    if problems:
        raise StepError(f"{package} is not what {MANIFEST_FILE} says: {', '.join(problems)}; package the model again")
    return manifest


def _files(package: Path) -> dict[str, Path]:
    files = folder_files(package)  # without lineage.json
    files.pop(MANIFEST_FILE, None)
    return files
