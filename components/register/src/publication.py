"""Adds a version to the registry and makes it the champion, so that dying at any moment leaves a champion.

The writes, in this order: the model's files into the run; the registered model; the version with all its tags and the
role candidate; the pointer; the role of the new champion; the role of the old one. Before the pointer's write the old
champion stands, after it the new one. Whoever runs the step again finds the version by its digests and goes on where
the first run ended; and whichever run of the model comes next puts right the roles that were not written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock_steps import registry
from penstock_steps.errors import StepError
from penstock_steps.registry import ROLE_TAG, Champion
from penstock_steps.tracking import store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Upload:
    """Where the model's files went: `source` is their address, `run_id` the run that holds them."""

    source: str
    run_id: str


@dataclass(frozen=True)
class Publication:
    """What is to be published.

    Attributes:
        name: the registered model.
        identity: the tags that tell this model of this decision from all others.
        tags: all tags of the version, `identity` among them.
        expected: the champion that the decision was taken against, or None.
    """

    name: str
    identity: Mapping[str, str]
    tags: Mapping[str, str]
    expected: Champion | None


def publish(client: MlflowClient, publication: Publication, upload: Callable[[], Upload]) -> str:
    """Publish the model and return its version.

    Args:
        client: of the registry.
        publication: what, and against which champion.
        upload: puts the model's files where the registry can refer to them. Called only if it is to be referred to,
            and before the lock is taken, for it may take long.

    Raises:
        StepError: the champion is no longer the one that the decision was taken against (no version is added then), or
            the registry fails.
    """
    uploaded = None
    if _unfinished(client, publication) is None:
        _refuse_stale(client, publication)
        uploaded = upload()
    with registry.registry_lock():
        version = _unfinished(client, publication)
        if version is None:
            _refuse_stale(client, publication)
            version = _add_version(client, publication, uploaded or upload())
        _make_champion(client, publication, version)
    return version


def repair(client: MlflowClient, name: str) -> None:
    """Put right the roles that a run left which was killed. Raises StepError if the registry fails."""
    with registry.registry_lock():
        registry.mirror_champion(client, name)


def _unfinished(client: MlflowClient, publication: Publication) -> str | None:
    """The version that an earlier run of this step added; not one whose time as champion has passed."""
    expected = publication.expected
    if expected is not None:
        tags = registry.version_tags(client, expected.name, expected.version)
        if tags.get(registry.MODEL_DIGEST_TAG) == publication.identity[registry.MODEL_DIGEST_TAG]:
            return expected.version  # the decision is about the champion itself: a run that was interrupted
    version = registry.find_version(client, publication.name, publication.identity)
    if version is None:
        return None
    role = registry.version_tags(client, publication.name, version).get(ROLE_TAG)
    return version if role in ("candidate", "champion") else None


def _add_version(client: MlflowClient, publication: Publication, uploaded: Upload) -> str:
    registry.ensure_registered_model(client, publication.name)
    with store_errors(f"add a version of {publication.name} to"):
        added = client.create_model_version(
            publication.name,
            uploaded.source,
            run_id=uploaded.run_id,
            tags={**publication.tags, ROLE_TAG: "candidate"},
        )
    return str(added.version)


def _make_champion(client: MlflowClient, publication: Publication, version: str) -> None:
    name, old = publication.name, publication.expected
    new = Champion(name, version)
    if registry.find_champion(client, name) != new:
        _refuse_stale(client, publication)
        registry.set_champion(client, name, version)
        if registry.find_champion(client, name) != new:
            raise StepError(f"another process moved the champion of {name} at the same moment; evaluate again")
    registry.mirror_champion(client, name, old.version if old is not None else None)


def _refuse_stale(client: MlflowClient, publication: Publication) -> None:
    current = registry.find_champion(client, publication.name)
    if current != publication.expected:
        raise StepError(
            f"the decision is stale: it compared the candidate with {_named(publication.expected)}, but the champion "
            f"of {publication.name} is now {_named(current)}. Nothing was registered; evaluate again"
        )


def _named(champion: Champion | None) -> str:
    return f"version {champion.version}" if champion else "no champion"
