"""What the workspace's MLflow store knows of registered models and of the runs that made them, without MLflow.

Tables as in MLflow 3.15: registered_models, registered_model_tags, model_versions, model_version_tags, and for runs
tags, latest_metrics.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.errors import DefinitionError, RunError
from penstock.spec.finding import close_match
from penstock.store.registry import model_versions
from penstock.store.workspace import Workspace

_BUSY_S = 60
_CHAMPION = "champion"  # the tag of a registered model that names its champion; components/_shared has it too


class ModelVersion(Struct, frozen=True):
    """A version of a registered model: `run_id` is the MLflow run that added it, `path` its files, if they are here."""

    name: str
    version: str
    created: datetime
    run_id: str
    source: str
    path: Path | None
    tags: Mapping[str, str]


class NodeRun(Struct, frozen=True):
    """Which node of which run an MLflow run was."""

    run: str
    node: str


class Models:
    """Reads the store of a workspace; a workspace without one has no models. All methods raise RunError if it fails."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def names(self) -> list[str]:
        """All registered models."""
        return [name for (name,) in self._rows("SELECT name FROM registered_models ORDER BY name")]

    def champion(self, name: str) -> str | None:
        """The version that a model's tag `champion` names."""
        query = "SELECT value FROM registered_model_tags WHERE name = ? AND key = ?"
        rows = self._rows(query, name, _CHAMPION)
        return str(rows[0][0]) if rows else None

    def versions(self, name: str) -> list[str]:
        """A model's versions, the latest last."""
        query = "SELECT version FROM model_versions WHERE name = ? ORDER BY version"
        return [str(version) for (version,) in self._rows(query, name)]

    def find(self, reference: str) -> ModelVersion:
        """The version that `MODEL:VERSION` names, or the champion for `MODEL`.

        Raises DefinitionError, with what is spelled nearly so, if there is no such model, version or champion.
        """
        name, colon, version = reference.partition(":")
        names = self.names()
        if name not in names:
            close = close_match(name, names)
            way = f"Did you mean '{close}'?" if close else f"There is: {', '.join(names)}." if names else ""
            raise DefinitionError(f"no model {name} is registered in {self._workspace.tracking_db}. {way}".rstrip())
        versions = self.versions(name)
        listed = ", ".join(versions) or "none"
        if not colon:
            champion = self.champion(name)
            if champion is None:
                raise DefinitionError(f"{name} has no champion; name one of its versions ({listed}) as {name}:VERSION")
            version = champion
        if version not in versions:
            raise DefinitionError(f"{name} has no version {version}; there is: {listed}")
        return self._version(name, version)

    def made_in(self, run: str) -> list[tuple[str, str]]:
        """(name, version) of the model versions that a run registered."""
        query = (
            "SELECT v.name, v.version FROM model_versions v JOIN tags t ON t.run_uuid = v.run_id"
            " WHERE t.key = 'penstock.run' AND t.value = ? ORDER BY v.name, v.version"
        )
        return [(name, str(version)) for name, version in self._rows(query, run)]

    def metrics(self, run: str) -> dict[str, dict[str, float]]:
        """The last value of each metric that each node of a run logged."""
        query = (
            "SELECT n.value, m.key, m.value FROM tags r JOIN tags n ON n.run_uuid = r.run_uuid"
            " JOIN latest_metrics m ON m.run_uuid = r.run_uuid"
            " WHERE r.key = 'penstock.run' AND r.value = ? AND n.key = 'penstock.node' AND NOT m.is_nan"
            " ORDER BY n.value, m.key"
        )
        found: dict[str, dict[str, float]] = {}
        for node, metric, value in self._rows(query, run):
            found.setdefault(node, {})[metric] = value
        return found

    def node_of(self, run_id: str) -> NodeRun | None:
        """The node that an MLflow run belongs to, for a sweep's trial the sweep; None if it is nobody's here."""
        tags = dict(self._rows("SELECT key, value FROM tags WHERE run_uuid = ?", run_id))
        if "penstock.run" not in tags:
            return None
        parent = tags.get("mlflow.parentRunId", "")
        if parent and parent != tags.get("mlflow.rootRunId"):
            return self.node_of(parent)
        return NodeRun(tags["penstock.run"], tags["penstock.node"]) if "penstock.node" in tags else None

    def _version(self, name: str, version: str) -> ModelVersion:
        query = "SELECT creation_time, run_id, source FROM model_versions WHERE name = ? AND version = ?"
        [(created, run_id, source)] = self._rows(query, name, version)
        query = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ? ORDER BY key"
        path = model_versions(self._workspace, name).get(version)
        moment = datetime.fromtimestamp(created / 1000, UTC)
        tags = {key: str(value) for key, value in self._rows(query, name, version)}
        return ModelVersion(name, version, moment, run_id or "", source or "", path, tags)

    def _rows(self, query: str, *values: str) -> list[Any]:
        if not self._workspace.tracking_db.exists():
            return []
        with self._reading() as db:
            return list(db.execute(query, values))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        file = self._workspace.tracking_db
        try:
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)) as db:
                yield db
        except sqlite3.Error as error:
            raise RunError(f"{file} cannot be read as an MLflow store: {error}") from None
