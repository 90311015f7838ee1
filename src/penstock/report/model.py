"""From a model version back to all that made it, and forward to where it is served."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from penstock.errors import DefinitionError
from penstock.store.endpoints import endpoint_folders
from penstock.store.history import PastRun, past_run
from penstock.store.models import Models, ModelVersion
from penstock.store.workspace import Workspace

_SHA = "sha256:"


def describe(version: ModelVersion, models: Models, workspace: Workspace) -> dict[str, Any]:
    """A model version with its origin and its use. What is not known, or not there any more, is null.

    Of each step that took part there is the component's version, the digest of the snapshot that ran, and in which run.

    Raises:
        RunError: the store cannot be read.
    """
    walk = _Walk(version, models, workspace)
    tags = version.tags
    return {
        "model": version.name,
        "version": version.version,
        "role": tags.get("role"),
        "champion": models.champion(version.name),
        "is_champion": models.champion(version.name) == version.version,
        "previous_champion": tags.get("previous_champion"),
        "created": version.created.isoformat(),
        "path": str(version.path) if version.path is not None else None,
        "model_digest": tags.get("model_digest"),
        "trained": {name: tags.get(name) for name in ("estimator", "target", "task")},
        "data": walk.data(),
        "suite": {part: tags.get(tag) for part, tag in _SUITE.items()},
        "code": walk.code(),
        "environment": walk.environment(),
        "run": walk.run(),
        "metrics": _metrics(tags),
        "decision": walk.decision(),
        "package": walk.package(),
        "served": walk.served(),
    }


_SUITE = {"name": "suite", "version": "suite_version", "digest": "suite_digest"}


class _Walk(Struct):
    """The way back of one model version."""

    version: ModelVersion
    models: Models
    workspace: Workspace

    def data(self) -> dict[str, Any]:
        """The digest of the data, which file that was, and whether it still is."""
        tags = self.version.tags
        digest, file = tags.get("data_digest"), tags.get("data_file")
        made = self._made("validate_data")
        if made is not None:
            file = made[0].data(made[1], "data") or file
        return {
            "digest": digest,
            "file": file,
            "file_is": _state(file, digest),
            "train_digest": tags.get("train_data_digest"),
            "test_digest": tags.get("test_data_digest"),
        }

    def code(self) -> list[dict[str, Any]]:
        """Each step that took part, in the order of the loop."""
        found = []
        prefix = "component."
        names = [tag.removeprefix(prefix) for tag in self.version.tags if tag.startswith(prefix)]
        for name in sorted(names, key=_place):
            made = self._made(name)
            code = made[0].key(made[1]).get("code") if made else None
            found.append(
                {
                    "component": name,
                    "version": self.version.tags[prefix + name],
                    "snapshot": f"{_SHA}{code}" if code else None,
                    "run": made[0].name if made else None,
                    "node": made[1] if made else None,
                    "mlflow_run": self._run_id(name),
                }
            )
        return found

    def environment(self) -> dict[str, Any]:
        """Python, the digest of the installed distributions, and the definition that train's node named."""
        tags = self.version.tags
        made = self._made("train")
        definition = made[0].key(made[1]).get("environment") if made else None
        return {
            "python": tags.get("environment.python"),
            "distributions": tags.get("environment.distributions"),
            "definition": _parsed(definition),
        }

    def run(self) -> dict[str, Any]:
        """The run that registered the version."""
        node = self.models.node_of(self.version.run_id)
        name = node.run if node is not None else self.version.tags.get("root_run_id")
        run = self._past(name) if name else None
        return {
            "name": name,
            "folder": str(run.folder.path) if run is not None else None,
            "job": run.job_file if run is not None else None,
            "status": run.status if run is not None else None,
            "git_commit": self.version.tags.get("git_commit"),
        }

    def decision(self) -> dict[str, Any] | None:
        """Why it was accepted, as register kept it beside the model's files."""
        from penstock_steps.decision import read_decision
        from penstock_steps.errors import StepError

        folder = _beside(self.version, "decision")
        if folder is None:
            return None
        try:
            decision = read_decision(folder)
        except StepError:
            return None
        against = decision.champion["version"] if decision.champion else None
        return {"verdict": decision.verdict, "reasons": decision.reasons, "champion": against}

    def package(self) -> dict[str, Any]:
        """The digest of its package, and where one with that digest lies."""
        from penstock_steps.digests import file_digest

        digest = self.version.tags.get("package_digest")
        name = self.run()["name"]
        run = self._past(name) if name else None
        paths = [Path(path) for node in run.nodes for path in node["outputs"].values()] if run is not None else []
        manifests = (path / "manifest.json" for path in paths)
        lies = [file.parent for file in manifests if digest and file.is_file() and file_digest(file) == digest]
        return {"digest": digest, "path": str(lies[0]) if lies else None}

    def served(self) -> list[dict[str, Any]]:
        """The endpoints of this machine where it is current; `port` is null while one is stopped."""
        found = []
        for folder in endpoint_folders(self.workspace):
            record = folder.read()
            current = record.current if record is not None else None
            if record is None or current is None or current.model != self.version.name:
                continue
            if current.version == self.version.version:
                port = record.port if current.server is not None else None
                found.append({"endpoint": folder.name, "since": current.since, "port": port})
        return found

    def _made(self, component: str) -> tuple[PastRun, str] | None:
        """The run and the node in which a step of the lineage ran, if they are still there."""
        node = self.models.node_of(self._run_id(component) or "")
        run = self._past(node.run) if node is not None else None
        return (run, node.node) if run is not None and node is not None else None

    def _run_id(self, component: str) -> str | None:
        if component == "register":  # it adds the version, so its own record is not in the version's tags
            return self.version.run_id
        return self.version.tags.get(f"run.{component}")

    def _past(self, name: str) -> PastRun | None:
        try:
            return past_run(self.workspace, name)
        except (DefinitionError, OSError):
            return None  # the run's folder was removed


_LOOP = ("newest_data", "validate_data", "split_data", "train", "evaluate", "register", "package")


def _place(component: str) -> tuple[int, str]:
    return (_LOOP.index(component) if component in _LOOP else len(_LOOP), component)


def _metrics(tags: Mapping[str, str]) -> dict[str, float]:
    prefix = "metric."
    return {tag.removeprefix(prefix): float(value) for tag, value in tags.items() if tag.startswith(prefix)}


def _state(file: str | None, digest: str | None) -> str | None:
    """Whether a file still holds what was read: same, changed, gone; None if it is not of this machine."""
    from penstock_steps.digests import content_digest

    if file is None or digest is None or not Path(file).is_absolute():
        return None
    try:
        return "same" if content_digest(Path(file)) == digest else "changed"
    except OSError:
        return "gone"


def _beside(version: ModelVersion, name: str) -> Path | None:
    """A folder of the artifacts of the run that the version's files lie in."""
    parts = urlsplit(version.source)
    if parts.scheme != "file":
        return None
    folder = Path(unquote(parts.path)).parent / name
    return folder if folder.is_dir() else None


def _parsed(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
