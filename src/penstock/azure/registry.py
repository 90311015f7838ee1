"""Models of a workspace, as releases need them: tags of versions, the champion, the package of a version.

The champion is a tag of the *registered model* (see components/_shared/penstock_steps/registry.py). The client of
azure-ai-ml writes versions only, so Azure Resource Manager is asked for the models themselves:
https://learn.microsoft.com/rest/api/azureml/model-containers.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.azure.arm import Arm
from penstock.azure.client import asking
from penstock.azure.jobs import Pause, going_on, is_over
from penstock.errors import DefinitionError, RunError
from penstock.store.stages import Stage
from penstock_steps.registry import CHAMPION_TAG, PACKAGE_DIGEST_TAG, ROLE_TAG

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

# Tags that the component `package` writes: the image by its digest, and the job that has the package as its output.
IMAGE_TAG, PACKAGE_RUN_TAG = "image", "package_run_id"
WITHDRAWN = "withdrawn"
IMAGE = re.compile(r"(?P<registry>[\w.-]+)/(?P<repository>[\w./-]+)@(?P<digest>sha256:[0-9a-f]{64})", re.ASCII)
_VERSION = "2024-04-01"
_OUTPUT = "package"
_PATIENCE_S, _TAG_PATIENCE_S = 1800, 600
_READ_ONLY = {"provisioningState", "latestVersion", "nextVersion"}


class Models:
    """The registry of a workspace. Methods raise AzureError. `told` gets what is waited for, in sentences."""

    def __init__(self, client: MLClient, arm: Arm, stage: Stage, told: Callable[[str], None]) -> None:
        self._client, self._arm, self._stage, self._told = client, arm, stage, told

    def tags(self, name: str, version: str | None = None) -> dict[str, str]:
        """The tags of a model, or of one of its versions; empty if there is none."""
        document = self._get(name, version)
        return dict((document or {"properties": {}})["properties"].get("tags") or {})

    def set_tags(self, name: str, version: str | None, **tags: str | None) -> None:
        """Write tags, and take away those that are None; nothing is written if all are as they should be."""
        document = self._get(name, version)
        if document is None:
            return
        before = document["properties"].get("tags") or {}
        after = {key: value for key, value in {**before, **tags}.items() if value is not None}
        if after != before:
            kept = {key: value for key, value in document["properties"].items() if key not in _READ_ONLY}
            body = {"properties": {**kept, "tags": after}}
            with asking(_label(name, version)):
                self._arm.put(self._id(name, version), _VERSION, body)

    def make_champion(self, name: str, version: str) -> None:
        """Point to the version that prod serves; roles follow."""
        former = self.tags(name).get(CHAMPION_TAG)
        self.set_tags(name, None, **{CHAMPION_TAG: version})
        self.set_tags(name, version, **{ROLE_TAG: "champion"})
        if former is not None and former != version and self.tags(name, former).get(ROLE_TAG) == "champion":
            self.set_tags(name, former, **{ROLE_TAG: "retired"})

    def withdraw(self, name: str, version: str, serving: str | None) -> None:
        """Mark a version that must not serve; the champion is what prod serves, or nobody."""
        self.set_tags(name, version, **{ROLE_TAG: WITHDRAWN})
        if self.tags(name).get(CHAMPION_TAG) != version:
            return
        if serving is not None and serving != version:
            self.make_champion(name, serving)
        else:
            self.set_tags(name, None, **{CHAMPION_TAG: None})

    def of_image(self, reference: str, *, arrives: bool = False) -> tuple[str, str]:
        """(name, version) of the model version whose tag says that it is in this image.

        An image that `arrives` comes to its container registry some seconds before the job that has it built writes the
        tag: so that is waited for, for ten minutes, while any job goes on.

        Raises:
            DefinitionError: it is no reference by digest, or no version is in it.
        """
        if IMAGE.fullmatch(reference) is None:
            raise DefinitionError(
                f"{reference} names no image by its digest, and what a tag leads to can change; write "
                "REGISTRY.azurecr.io/REPOSITORY@sha256:..."
            )
        pause, is_told = Pause(), False
        while (found := self._tagged_with(reference)) is None:
            going = going_on(self._client) if arrives else []
            if not going or pause.lasted_s > _TAG_PATIENCE_S:
                found = self._tagged_with(reference)  # by a job that has ended since it was looked for
                break
            if not is_told:
                is_told = True
                self._told(
                    f"no model version says yet that it is in {reference}; waiting, as jobs go on: {', '.join(going)}"
                )
            pause()
        if found is None:
            raise DefinitionError(f"no model version in {self._stage.workspace} says that it is in {reference}")
        return found

    def _tagged_with(self, image: str) -> tuple[str, str] | None:
        with asking(f"the models of {self._stage.workspace}"):
            for model in self._client.models.list():
                for version in self._client.models.list(model.name):
                    if _same_image((version.tags or {}).get(IMAGE_TAG, ""), image):
                        return str(version.name), str(version.version)
        return None

    @contextmanager
    def package(self, name: str, version: str) -> Iterator[Path]:
        """The folder of the package of a version, fetched from the job that made it, while this lasts.

        The outputs of a job that goes on cannot be fetched, so its end is waited for.

        Raises:
            RunError: the version has none, or its job does not end.
        """
        tags = self.tags(name, version)
        if PACKAGE_RUN_TAG not in tags or PACKAGE_DIGEST_TAG not in tags:
            raise RunError(
                f"{_label(name, version)} has no package: the tags {PACKAGE_DIGEST_TAG} and {PACKAGE_RUN_TAG}, which "
                "the component package writes, are not there"
            )
        job = tags[PACKAGE_RUN_TAG]
        self._wait_for(job, _label(name, version))
        with tempfile.TemporaryDirectory(prefix="penstock-") as temporary:
            with asking(f"the package of {_label(name, version)} (job {job})"):
                self._client.jobs.download(job, output_name=_OUTPUT, download_path=temporary)
            found = [path.parent for path in Path(temporary).rglob("manifest.json")]
            if not found:
                raise RunError(f"job {job} has no output '{_OUTPUT}' with a package of {_label(name, version)}")
            yield found[0]

    def _wait_for(self, job: str, label: str) -> None:
        pause, is_told = Pause(), False
        while not is_over(self._client, job):
            if pause.lasted_s > _PATIENCE_S:
                raise RunError(f"job {job}, which made the package of {label}, goes on; release it when that is over")
            if not is_told:
                is_told = True
                self._told(f"waiting for the end of job {job}, which made the package of {label}")
            pause()

    def _get(self, name: str, version: str | None) -> dict[str, Any] | None:
        with asking(_label(name, version)):
            return self._arm.get(self._id(name, version), _VERSION)

    def _id(self, name: str, version: str | None) -> str:
        model = f"{self._stage.workspace_id}/models/{name}"
        return model if version is None else f"{model}/versions/{version}"


def _same_image(one: str, other: str) -> bool:
    """Two references to an image by its digest; the name of a registry has no case."""
    (registry, _, rest), (other_registry, _, other_rest) = one.partition("/"), other.partition("/")
    return (registry.lower(), rest) == (other_registry.lower(), other_rest)


def _label(name: str, version: str | None) -> str:
    return f"model {name}" if version is None else f"version {version} of model {name}"
