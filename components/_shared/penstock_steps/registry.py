"""The model registry: versions with their tags, and the champion, which is a pointer.

The champion is one tag on the *registered model*, `champion=<version>`: one write, so there is at most one. The tag
`role` of a version mirrors it for whoever looks at versions (candidate, champion, retired, withdrawn) and decides
nothing. Works on any MLflow registry: names, versions and tags only, no aliases, no stages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from penstock_steps.digests import content_digest
from penstock_steps.errors import StepError
from penstock_steps.tracking import URI_VARIABLE, has_store, store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION_TAG = "champion"
ROLE_TAG = "role"
MODEL_DIGEST_TAG = "model_digest"
DECISION_DIGEST_TAG = "decision_digest"
PACKAGE_DIGEST_TAG = "package_digest"
_LOCK_SECONDS = 120.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}", re.ASCII)  # what Azure's registry takes


@dataclass(frozen=True)
class Champion:
    """The model version that a registered model's tag `champion` names."""

    name: str
    version: str

    def as_dict(self) -> dict[str, str]:
        """`{name, version}`, as decision.json has it."""
        return {"name": self.name, "version": self.version}


def connect() -> MlflowClient:
    """A client of the store that MLFLOW_TRACKING_URI names. Raises StepError if it names none."""
    if not has_store():
        raise StepError(
            f"{URI_VARIABLE} is not set, so there is no model registry to look into; run the step as part of a job, "
            f"or set it (for a store on this machine: {URI_VARIABLE}=sqlite:///mlflow.db)"
        )
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # noise in a log
    from mlflow import MlflowClient  # takes seconds

    with store_errors("open"):
        return MlflowClient()


def find_champion(client: MlflowClient, name: str) -> Champion | None:
    """The champion of the registered model `name`; None if there is no such model or it has none.

    Raises StepError if the registry cannot be read, or takes no such name.
    """
    model = _registered_model(client, name)
    version = model.tags.get(CHAMPION_TAG) if model else None
    return Champion(name, str(version)) if version else None


def set_champion(client: MlflowClient, name: str, version: str) -> None:
    """Point to `version`: the one write that makes it the champion."""
    with store_errors("move the champion in"):
        client.set_registered_model_tag(name, CHAMPION_TAG, version)


def remove_champion(client: MlflowClient, name: str) -> None:
    """Point to no version: the next candidate has nothing to be compared with."""
    with store_errors("remove the champion from"):
        client.delete_registered_model_tag(name, CHAMPION_TAG)


def mirror_champion(client: MlflowClient, name: str, former: str | None = None) -> None:
    """Let the versions' roles say what the pointer says: it is champion, whichever else says so has retired.

    Also finishes what another process was killed at. Nothing is written if all is as it should be, and nothing is known
    of a model that has no champion. `former` is a version whose time has passed, whatever its role still is.
    """
    champion = find_champion(client, name)
    if champion is None:
        return
    with store_errors(f"list the versions of {name} in"):
        roles = {str(version.version): version.tags.get(ROLE_TAG) for version in _all_versions(client, name)}
    if roles.get(champion.version, "champion") != "champion":
        set_version_tag(client, name, champion.version, ROLE_TAG, "champion")
    for version, role in roles.items():
        passed = role == "champion" or (version == former and role == "candidate")
        if passed and version != champion.version:
            set_version_tag(client, name, version, ROLE_TAG, "retired")


def set_version_tag(client: MlflowClient, name: str, version: str, tag: str, value: str) -> None:
    """Write one tag of a model version."""
    with store_errors(f"tag version {version} of {name} in"):
        client.set_model_version_tag(name, version, tag, value)


def ensure_registered_model(client: MlflowClient, name: str) -> None:
    """Make the registered model unless it exists, also when another process makes it at the same moment."""
    from mlflow.exceptions import MlflowException

    if _registered_model(client, name) is None:
        with store_errors(f"create the registered model {name} in"):
            try:
                client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise


def version_tags(client: MlflowClient, name: str, version: str) -> Mapping[str, str]:
    """The tags of a model version. Raises StepError if it does not exist."""
    with store_errors(f"read version {version} of {name} from"):
        tags: Mapping[str, str] = client.get_model_version(name, version).tags
    return tags


def find_version(client: MlflowClient, name: str, tags: Mapping[str, str]) -> str | None:
    """The newest version of the model that has all of `tags`, or None."""
    with store_errors(f"list the versions of {name} in"):
        versions = _all_versions(client, name)
    found = [int(version.version) for version in versions if tags.items() <= version.tags.items()]
    return str(max(found)) if found else None


def download(client: MlflowClient, champion: Champion, to: Path) -> Path:
    """Fetch a version's model folder, below `to`, and check it against the digest that register wrote as a tag.

    Raises:
        StepError: the version does not exist, its content cannot be fetched, it has no digest, or it has changed.
    """
    import mlflow.artifacts  # takes seconds

    what = f"version {champion.version} of {champion.name}"
    expected = version_tags(client, champion.name, champion.version).get(MODEL_DIGEST_TAG)
    if not expected:
        raise StepError(f"{what} has no tag {MODEL_DIGEST_TAG}, so its content cannot be checked; it is not register's")
    with store_errors(f"fetch {what} from"):
        source = client.get_model_version_download_uri(champion.name, champion.version)
        try:
            folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(to)))
        except OSError as error:
            raise StepError(f"the content of {what} cannot be fetched from {source}: {error}") from None
    found = content_digest(folder)
    if found != expected:
        raise StepError(
            f"the content of {what} has changed since it was registered: its digest is {found}, the tag "
            f"{MODEL_DIGEST_TAG} says {expected}"
        )
    return folder


@contextmanager
def registry_lock() -> Iterator[None]:
    """Lets one process at a time change a registry on this machine; a registry elsewhere has no lock to take.

    The lock is on a file beside the store and ends with the process, however it ends. Raises StepError after two
    minutes of waiting.
    """
    path = lock_path(os.environ.get(URI_VARIABLE, ""))
    if path is None:
        yield
        return
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=_LOCK_SECONDS):
            yield
    except Timeout:
        raise StepError(
            f"another process has been changing the registry for {_LOCK_SECONDS:.0f} s (it holds {path}); "
            "run the step again when it has ended"
        ) from None


def lock_path(uri: str) -> Path | None:
    """The lock file beside the store that a tracking URI names; None if the store is not on this machine's disk."""
    scheme = urlparse(uri).scheme
    if scheme.startswith("sqlite"):
        database = uri.split(":///", 1)[-1].split("?", 1)[0]
        return Path(f"{unquote(database)}.champion.lock")
    if scheme in ("", "file"):
        return Path(unquote(urlparse(uri).path or uri)) / ".champion.lock"
    return None


def _registered_model(client: MlflowClient, name: str) -> Any | None:
    from mlflow.exceptions import MlflowException

    if not _NAME.fullmatch(name):
        raise StepError(f"{name!r} cannot name a model; take at most 255 letters, digits and any of _ . -")
    with store_errors("read"):
        try:
            return client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise


def _all_versions(client: MlflowClient, name: str) -> Iterator[Any]:
    """All versions of the model, page by page. Azure's server filters by name only, so tags are compared here."""
    token = None
    while True:
        page = client.search_model_versions(f"name='{name}'", page_token=token)
        yield from page
        token = page.token
        if not token:
            return
