"""The workspace's MLflow store: SQLite, with a run for each node that a step's `mlflow.start_run()` continues.

Importing MLflow takes seconds, so the engine does not. MLflow makes the database once, in a process of its own; the
empty database is kept in the user's cache folder for the next workspace (by MLflow's version). Runs are then rows of
the tables `experiments`, `runs` and `tags`, written here as MLflow's SqlAlchemyStore.create_run writes them (MLflow
3.15; a test reads them back with MlflowClient).
"""

from __future__ import annotations

import getpass
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from penstock.errors import RunError
from penstock.store.host import installed
from penstock.store.workspace import Workspace

_MAKE = (
    "import logging, sys; logging.disable(logging.INFO)\n"
    "from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore\n"
    "SqlAlchemyStore('sqlite:///' + sys.argv[1], sys.argv[2])\n"
)
_BUSY_S = 60
_INFINITE = 1.7976931348623157e308  # what MLflow writes for infinity
_LONGEST_PARAMETER = 6000
_STATUS = {"completed": "FINISHED", "failed": "FAILED", "canceled": "KILLED"}


class TrackedRun(Struct, frozen=True):
    """A node's MLflow run, as the environment variables that a job on Azure finds."""

    run_id: str
    variables: Mapping[str, str]


class Tracking:
    """The runs of one pipeline run in the workspace's store: one for it and one for each of its nodes.

    They are there once `begin` has been called. Their ids are known before, so that another process can close them.
    """

    def __init__(self, workspace: Workspace, experiment: str, run: str, nodes: Iterable[str]) -> None:
        self._workspace = workspace
        self._experiment = experiment
        self._run = run
        self._parent = os.urandom(16).hex()
        self._runs = {node: os.urandom(16).hex() for node in nodes}
        self._experiment_id = 0

    def begin(self) -> dict[str, TrackedRun]:
        """Make the runs, in one transaction.

        Raises RunError if the store cannot be made or written.
        """
        try:
            _ensure_store(self._workspace)
            with closing(self._connect()) as db, db:
                db.execute("BEGIN IMMEDIATE")
                self._experiment_id, artifacts = self._find_experiment(db)
                self._insert(db, self._parent, self._run, artifacts, {})
                for node, run_id in self._runs.items():
                    tags = {"mlflow.parentRunId": self._parent, "mlflow.rootRunId": self._parent, "penstock.node": node}
                    self._insert(db, run_id, node, artifacts, tags)
        except sqlite3.Error as error:
            raise RunError(f"the MLflow store {self._workspace.tracking_db} cannot be written: {error}") from None
        return {node: TrackedRun(run_id, self._variables(run_id)) for node, run_id in self._runs.items()}

    def end(self, status: str, nodes: Mapping[str, str]) -> None:
        """Close the runs with the statuses that the nodes ended with; those of nodes that never started are removed."""
        if not self._workspace.tracking_db.exists():
            return  # it has not been begun
        now = int(time.time() * 1000)
        with closing(self._connect()) as db, db:
            db.execute("BEGIN IMMEDIATE")
            for node, run_id in self._runs.items():
                ended = _STATUS.get(nodes.get(node, ""))
                if ended is None:
                    db.execute("DELETE FROM tags WHERE run_uuid = ?", (run_id,))
                    db.execute("DELETE FROM runs WHERE run_uuid = ?", (run_id,))
                else:
                    _close(db, run_id, ended, now)
            _close(db, self._parent, _STATUS.get(status, "FAILED"), now)
            # those below a node's, if it was not there any more to close them
            mine = "SELECT run_uuid FROM tags WHERE key = 'penstock.run' AND value = ?"
            db.execute(
                "UPDATE runs SET status = 'KILLED', end_time = ?"  # noqa: S608 - `mine` is above
                f" WHERE status IN ('RUNNING', 'SCHEDULED') AND run_uuid IN ({mine})",
                (now, self._run),
            )

    def child(self, node: str, name: str) -> dict[str, str]:
        """Make a run below a node's; returns its variables."""
        run_id = os.urandom(16).hex()
        tags = {"mlflow.parentRunId": self._runs[node], "mlflow.rootRunId": self._parent, "penstock.node": name}
        with closing(self._connect()) as db, db:
            db.execute("BEGIN IMMEDIATE")
            _, artifacts = self._find_experiment(db)
            self._insert(db, run_id, name, artifacts, tags)
        return self._variables(run_id)

    def end_child(self, run_id: str, status: str) -> None:
        """Close a run below a node's."""
        with closing(self._connect()) as db, db:
            _close(db, run_id, _STATUS.get(status, "FAILED"), int(time.time() * 1000))

    def history(self, run_id: str, metric: str) -> list[float]:
        """The values of a metric in the order in which they were logged, without NaN and infinities."""
        query = "SELECT value FROM metrics WHERE run_uuid = ? AND key = ? AND NOT is_nan ORDER BY timestamp, step"
        with closing(self._connect()) as db:
            values = [value for (value,) in db.execute(query, (run_id, metric))]
        return [value for value in values if abs(value) < _INFINITE]

    def best(self, node: str, run_id: str, values: Mapping[str, str], metric: tuple[str, float]) -> None:
        """Note in a node's run which of those below it is the best, its parameters and its metric."""
        own, now = self._runs[node], int(time.time() * 1000)
        with closing(self._connect()) as db, db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO tags (key, value, run_uuid) VALUES ('best_child_run_id', ?, ?)", (run_id, own))
            db.executemany(
                "INSERT OR REPLACE INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
                [(name, text[:_LONGEST_PARAMETER], own) for name, text in values.items()],
            )
            for table in ("metrics", "latest_metrics"):
                db.execute(
                    f"INSERT OR REPLACE INTO {table} (key, value, timestamp, run_uuid, step, is_nan)"  # noqa: S608
                    " VALUES (?, ?, ?, ?, 0, 0)",
                    (*metric, now, own),
                )

    def metrics(self) -> dict[str, dict[str, float]]:
        """The last value of each metric that each node logged."""
        query = "SELECT key, value FROM latest_metrics WHERE run_uuid = ? AND NOT is_nan ORDER BY key"
        with closing(self._connect()) as db:
            found = {node: dict(db.execute(query, (run_id,)).fetchall()) for node, run_id in self._runs.items()}
        return {node: metrics for node, metrics in found.items() if metrics}

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._workspace.tracking_db, timeout=_BUSY_S, isolation_level=None)

    def _find_experiment(self, db: sqlite3.Connection) -> tuple[int, str]:
        query = "SELECT experiment_id, artifact_location FROM experiments WHERE name = ?"
        found = db.execute(query, (self._experiment,)).fetchone()
        if found is None:
            now = int(time.time() * 1000)
            inserted = db.execute(
                "INSERT INTO experiments (name, lifecycle_stage, creation_time, last_update_time)"
                " VALUES (?, 'active', ?, ?)",
                (self._experiment, now, now),
            )
            location = f"{self._workspace.artifacts.as_uri()}/{inserted.lastrowid}"
            db.execute(
                "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (location, inserted.lastrowid)
            )
            found = (inserted.lastrowid, location)
        return found[0], found[1]

    def _insert(self, db: sqlite3.Connection, run_id: str, name: str, artifacts: str, tags: Mapping[str, str]) -> None:
        """A run: SCHEDULED until `start_run` or `end` says otherwise."""
        user, now = getpass.getuser(), int(time.time() * 1000)
        db.execute(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
            " source_version, lifecycle_stage, artifact_uri, experiment_id)"
            " VALUES (?, ?, 'JOB', ?, '', ?, 'SCHEDULED', ?, '', 'active', ?, ?)",
            (run_id, name, self._run, user, now, f"{artifacts}/{run_id}/artifacts", self._experiment_id),
        )
        all_tags = {"mlflow.runName": name, "mlflow.user": user, "penstock.run": self._run, **tags}
        db.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", [(k, v, run_id) for k, v in all_tags.items()]
        )

    def _variables(self, run_id: str) -> dict[str, str]:
        return {
            "MLFLOW_TRACKING_URI": f"sqlite:///{self._workspace.tracking_db}",
            # or a registry that is set in the shell, production's say, would get this machine's models
            "MLFLOW_REGISTRY_URI": f"sqlite:///{self._workspace.tracking_db}",
            "MLFLOW_EXPERIMENT_NAME": self._experiment,
            "MLFLOW_EXPERIMENT_ID": str(self._experiment_id),
            "MLFLOW_RUN_ID": run_id,
        }


def _close(db: sqlite3.Connection, run_id: str, status: str, now: int) -> None:
    db.execute("UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?", (status, now, run_id))


def mlflow_version() -> str | None:
    """The installed MLflow's version, without importing it; None if there is none."""
    return installed().get("mlflow")


def _ensure_store(workspace: Workspace) -> None:
    """Make the workspace's database unless it is there: a copy of the empty one, put in its place by a link."""
    if workspace.tracking_db.exists():
        return
    empty = _empty_store()
    workspace.root.mkdir(parents=True, exist_ok=True)
    temporary = workspace.root / f".mlflow.db.{os.getpid()}.{os.urandom(4).hex()}"
    shutil.copyfile(empty, temporary)
    with closing(sqlite3.connect(temporary)) as db, db:
        db.execute("UPDATE experiments SET artifact_location = ?", (f"{workspace.artifacts.as_uri()}/0",))
    try:
        os.link(temporary, workspace.tracking_db)  # fails if another run was faster; its store is as good
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _empty_store() -> Path:
    """The empty database that MLflow made for this version of it, made now if it is not in the cache."""
    from platformdirs import user_cache_path

    folder = user_cache_path("penstock")
    empty = folder / f"mlflow-{mlflow_version()}.db"
    if empty.exists():
        return empty
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{empty.name}.{os.getpid()}"
    made = subprocess.run(
        [sys.executable, "-c", _MAKE, str(temporary), str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise RunError(f"MLflow could not make its store:\n{made.stderr.strip()}")
    temporary.replace(empty)
    return empty
