"""What releases tell the model registry: the champion is the version that prod serves, a failed one is withdrawn.

The endpoint's record says what is still to be told, so that whoever comes next finishes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from msgspec.structs import replace

from penstock.errors import RunError
from penstock.store.endpoints import EndpointFolder, endpoint_folder
from penstock.store.models import Models
from penstock.store.registry import version_tags
from penstock.store.workspace import Workspace
from penstock_steps.errors import StepError

WITHDRAWN = "withdrawn"


def settle_pointer(workspace: Workspace, folder: EndpointFolder, told: Callable[[str], None]) -> None:
    """Do what the endpoint's record says is to be done in the registry, and note that it is done.

    Raises RunError if the registry cannot be changed; the record keeps what is to be done.
    """
    record = folder.read()
    if record is None or record.pointer is None:
        return
    serving = version_of_prod(workspace, record.name, record.pointer.model)
    model, withdrawn = record.pointer.model, record.pointer.withdrawn
    if withdrawn == serving:
        withdrawn = None  # prod goes on serving it
    if model in Models(workspace).names():
        try:
            _tell(workspace, model, serving, withdrawn, told)
        except StepError as error:
            raise RunError(f"{error}\nThe next release or rollback of {record.name} tells the registry again") from None
    folder.write(replace(record, pointer=None))


def version_of_prod(workspace: Workspace, name: str, model: str) -> str | None:
    """The version of a model that the prod endpoint serves, or did until it was stopped."""
    record = endpoint_folder(workspace, f"{name}-prod").read()
    current = record.current if record is not None else None
    return current.version if current is not None and current.model == model else None


def _tell(
    workspace: Workspace, model: str, serving: str | None, withdrawn: str | None, told: Callable[[str], None]
) -> None:
    models = Models(workspace)
    champion = models.champion(model)
    leads = serving is not None and (withdrawn is None or champion == withdrawn)
    is_right = not leads or (champion == serving and _role(workspace, model, serving) == "champion")
    if withdrawn not in models.versions(model):
        withdrawn = None
    if is_right and withdrawn is None:
        return
    from penstock_steps import registry

    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{workspace.tracking_db}"
    client = registry.connect()
    with registry.registry_lock():
        if withdrawn is not None:
            registry.set_version_tag(client, model, withdrawn, registry.ROLE_TAG, WITHDRAWN)
            told(f"version {withdrawn} of {model} is withdrawn")
        if leads and serving is not None:
            registry.set_champion(client, model, serving)
            registry.mirror_champion(client, model)
            told(f"the champion of {model} is version {serving}, which prod serves")
        elif withdrawn is not None and champion == withdrawn:
            registry.remove_champion(client, model)
            told(f"{model} has no champion: prod serves none of its versions")


def _role(workspace: Workspace, model: str, version: str | None) -> str | None:
    return version_tags(workspace, model, version).get("role") if version is not None else None
