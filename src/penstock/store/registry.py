"""Models of the workspace's MLflow registry: where the files of a version lie."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from penstock.store.workspace import Workspace

_BUSY_S = 60


def model_versions(workspace: Workspace, name: str) -> dict[str, Path]:
    """The versions of a registered model whose files are on this machine, the latest last."""
    found = {}
    for version, source, location in _rows(workspace, name):
        path = _path(location) or _path(source)
        if path is not None:
            found[str(version)] = path
    return found


def model_names(workspace: Workspace) -> list[str]:
    """All registered models."""
    return [name for (name,) in _query(workspace, "SELECT DISTINCT name FROM model_versions ORDER BY name")]


def version_tags(workspace: Workspace, name: str, version: str) -> dict[str, str]:
    """The tags of a model version; empty if there is no such version."""
    query = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
    return {str(key): str(value) for key, value in _query(workspace, query, name, version)}


def _rows(workspace: Workspace, name: str) -> list[tuple[int, str | None, str | None]]:
    query = "SELECT version, source, storage_location FROM model_versions WHERE name = ? ORDER BY version"
    rows = _query(workspace, query, name)
    return [(version, _of_logged(workspace, source), location) for version, source, location in rows]


def _of_logged(workspace: Workspace, source: str | None) -> str | None:
    """`models:/m-...` is a logged model of MLflow 3."""
    if source is None or not source.startswith("models:/m-"):
        return source
    query = "SELECT artifact_location FROM logged_models WHERE model_id = ?"
    rows = _query(workspace, query, source.removeprefix("models:/"))
    return str(rows[0][0]) if rows else None


def _query(workspace: Workspace, query: str, *values: str) -> list[Any]:
    if not workspace.tracking_db.exists():
        return []
    try:
        with closing(sqlite3.connect(workspace.tracking_db, timeout=_BUSY_S)) as db:
            return list(db.execute(query, values))
    except sqlite3.Error:
        return []  # not MLflow's, or of a version that has no such table: no model is known


def _path(uri: str | None) -> Path | None:
    if not uri:
        return None
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file"):
        return None
    path = Path(unquote(parts.path) if parts.scheme else uri)
    return path if path.exists() else None
