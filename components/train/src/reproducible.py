"""Makes a saved model the same bytes whenever the same model is saved.

skops names the parts of a file by their addresses in memory and dates them; MLflow stamps an id and a time. Both are
replaced here by what depends on the content alone, so that the digest of a model folder says which model it is.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from mlflow.models import Model

from penstock_steps.digests import content_digest

_SCHEMA = "schema.json"  # https://skops.readthedocs.io/en/stable/persistence.html
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip archive can hold
_NO_TIME = "1970-01-01 00:00:00.000000"


def settle_skops(path: Path) -> None:
    """Rewrite a skops file with its parts numbered in the order in which its schema names them, and without dates."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts.pop(_SCHEMA))
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}
    _renumber(schema, numbers, files)
    renamed = {files[name]: content for name, content in parts.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files.values():
            _add(archive, name, renamed[name])
        _add(archive, _SCHEMA, json.dumps(schema, separators=(",", ":")).encode())


def settle_mlmodel(folder: Path) -> None:
    """Give a saved MLflow model an id made from its other files, the size that they have, and no time of creation."""
    model = Model.load(folder)
    description = folder / "MLmodel"
    description.unlink()
    model.model_uuid = uuid5(NAMESPACE_OID, content_digest(folder)).hex
    model.utc_time_created = _NO_TIME
    model.model_size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    model.save(description)


def _renumber(node: Any, numbers: dict[int, int], files: dict[str, str]) -> None:
    """Replace, in place, the addresses below `node` by running numbers, and file names by such ones."""
    if isinstance(node, dict):
        if isinstance(node.get("__id__"), int):
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if isinstance(node.get("file"), str):
            node["file"] = files.setdefault(node["file"], f"{len(files)}{PurePosixPath(node['file']).suffix}")
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        _renumber(child, numbers, files)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _FIRST_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
