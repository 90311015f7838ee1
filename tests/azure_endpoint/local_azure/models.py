"""Models that jobs register: in MLflow's store, as on Azure in the same registry that ARM answers for.

A job writes to the store of its workspace folder; when it is over, its versions and tags are documents as well, and
their files are in blob storage. Tags that a client writes go back into the store, where the next job reads them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from local_azure.blobs import Blobs
from local_azure.documents import Document
from local_azure.jobs import ARTIFACTS, Job, Jobs
from local_azure.resources import Resources
from penstock.store.models import Models
from penstock.store.workspace import Workspace


class ModelRegistry:
    """Hangs on `resources` what happens to models."""

    def __init__(self, resources: Resources, blobs: Blobs, jobs: Jobs) -> None:
        self._documents, self._blobs, self._jobs = resources.documents, blobs, jobs
        jobs.after.append(self.take_over)
        resources.written["workspaces/models"] = self._put_back
        resources.written["workspaces/models/versions"] = self._put_back

    def take_over(self, job: Job) -> None:
        """Make documents of what the store of a job's workspace has."""
        workspace = job.workspace
        home = Workspace(self._jobs.workspace_folder(workspace))
        models = Models(home)
        self._name_jobs(job, home)
        for name in models.names():
            container = f"{workspace}/models/{name}"
            champion = models.champion(name)
            before = (self._documents.get(container) or {}).get("properties", {})
            tags = {**before.get("tags", {}), **({"champion": champion} if champion else {})}
            self._documents.put(container, {"properties": {**before, "tags": tags}})
            for version in models.versions(name):
                self._take_over_version(container, models, f"{name}:{version}")

    def _name_jobs(self, job: Job, home: Workspace) -> None:
        """A step's AZUREML_ROOT_RUN_ID is the name of its job on Azure, of the engine's run here; so in tags, too."""
        run = self._jobs.run(job)
        if run is not None and home.tracking_db.exists():
            with closing(sqlite3.connect(home.tracking_db, timeout=60)) as db, db:
                keys = "('root_run_id', 'package_run_id')"
                change = f"UPDATE model_version_tags SET value = ? WHERE value = ? AND key IN {keys}"
                db.execute(change, (job.name, run.name))

    def _take_over_version(self, container: str, models: Models, reference: str) -> None:
        found = models.find(reference)
        path = f"{container}/versions/{found.version}"
        document = self._documents.get(path)
        if document is not None:
            document["properties"]["tags"] = dict(found.tags)
            return
        place = f"models/{found.name}/{found.version}"
        if found.path is not None:
            self._blobs.upload(container.rpartition("/models/")[0], ARTIFACTS, place, found.path)
        properties = {
            "modelType": "mlflow_model",
            "modelUri": f"azureml://datastores/{ARTIFACTS}/paths/{place}",
            "flavors": {},
            "tags": dict(found.tags),
            "properties": {},
            "isArchived": False,
            "isAnonymous": False,
        }
        self._documents.put(path, {"properties": properties})

    def _put_back(self, path: str, document: Document) -> None:
        """Tags that were written by a client, into the store."""
        document["properties"].setdefault("flavors", {})
        workspace, _, rest = path.partition("/models/")
        name, _, version = rest.partition("/versions/")
        database = Workspace(self._jobs.workspace_folder(workspace)).tracking_db
        if not database.exists():
            return
        table, key = ("model_version_tags", (name, version)) if version else ("registered_model_tags", (name,))
        columns = ("name", "version")[: len(key)]
        owner = "model_versions" if version else "registered_models"
        where = " AND ".join(f"{column} = ?" for column in columns)
        with closing(sqlite3.connect(database, timeout=60)) as db, db:
            if not db.execute(f"SELECT 1 FROM {owner} WHERE {where}", key).fetchall():
                return  # one that a client registered
            db.execute(f"DELETE FROM {table} WHERE {where}", key)
            tags = document["properties"].get("tags") or {}
            db.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}, key, value) VALUES ({', '.join('?' * (len(key) + 2))})",
                [(*key, tag, value) for tag, value in tags.items()],
            )
