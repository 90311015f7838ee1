"""What `.azure/` declares: a workspace, compute targets and endpoints, as Azure ML YAML."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from penstock.compile.client import quiet
from penstock.errors import DefinitionError
from penstock.store.stages import Stage

FOLDER = ".azure"
TAG, TAG_VALUE = "penstock", "provisioned"
# On what several stages use: those of them that have been removed, and use it no more.
_REMOVED = "penstock_removed"
_VARIABLE = re.compile(r"\$\{(\w+)\}")
# What is asked of the declaration by its schema -> kind.
_KINDS = {
    "workspace": "workspace",
    "amlCompute": "compute",
    "computeInstance": "compute",
    "kubernetesCompute": "compute",
    "synapseSparkCompute": "compute",
    "vmCompute": "compute",
    "managedOnlineEndpoint": "online endpoint",
    "kubernetesOnlineEndpoint": "online endpoint",
    "batchEndpoint": "batch endpoint",
    "pipelineComponentBatchDeployment": "batch deployment",
}
_SCHEMA = re.compile(r"([^/]+)\.schema\.json$")


class Found(Struct, frozen=True):
    """What there is of a resource: whether penstock made it, what is not as declared, which other stages use it.

    `is_gone`: it is not there, only what was made with it.
    """

    is_ours: bool
    differences: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    is_gone: bool = False


class Declared(Struct, frozen=True):
    """One object of a file, as azure-ai-ml has it (`entity`)."""

    kind: str
    name: str
    file: Path
    entity: Any


def declared_for(root: Path, stage: Stage) -> list[Path]:
    """The files that make up a stage, in the order in which they depend on each other.

    workspace.yml; of compute/*.yml those that the stage's overlay names (azureml:NAME); endpoints/STAGE.yml and
    endpoints/STAGE.*.yml, of which *.deployment.yml come last.
    """
    folder = root / FOLDER
    named = named_by(stage)
    compute = [file for file in sorted((folder / "compute").glob("*.yml")) if file.stem in named]
    endpoints = [
        folder / "endpoints" / f"{stage.name}.yml",
        *sorted((folder / "endpoints").glob(f"{stage.name}.*.yml")),
    ]
    endpoints.sort(key=lambda file: ".deployment" in file.name)
    return [file for file in (folder / "workspace.yml", *compute, *endpoints) if file.is_file()]


def named_by(stage: Stage) -> set[str]:
    """What the stage's overlay names (azureml:NAME): the compute targets that its jobs run on."""
    values = [value for changes in (stage.overlay, *stage.overlays.values()) for value in changes.values()]
    return {value.removeprefix("azureml:") for value in values if value.startswith("azureml:")}


def read_declared(file: Path, environment: Mapping[str, str] = os.environ) -> Declared:
    """One file; `${NAME}` in it is a variable of the environment.

    Raises:
        DefinitionError: it cannot be read, a variable is not set, its $schema is of nothing that can be provisioned, or
            azure-ai-ml refuses it.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{file} cannot be read: {error}") from None
    text = "\n".join(_filled(text, file, environment))
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DefinitionError(f"{file}: this is not YAML: {error}") from None
    schema = _SCHEMA.search(str(document.get("$schema", "")) if isinstance(document, dict) else "")
    kind = _KINDS.get(schema[1]) if schema is not None else None
    if kind is None:
        known = ", ".join(_KINDS)
        raise DefinitionError(
            f"{file}: $schema says of nothing that can be provisioned what it is; it is one of {known}"
        )
    entity = _loaded(kind, text, file)
    return Declared(kind, str(entity.name), file, entity)


def _filled(text: str, file: Path, environment: Mapping[str, str]) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for found in _VARIABLE.finditer(line.partition("#")[0]):
            if not environment.get(found[1]):
                raise DefinitionError(f"{file}:{number}:{found.start() + 1}: the variable {found[1]} is not set")
        yield _VARIABLE.sub(lambda found: environment.get(found[1], found[0]), line)


def _loaded(kind: str, text: str, file: Path) -> Any:
    with quiet():
        from azure.ai import ml
        from azure.ai.ml.entities import PipelineComponentBatchDeployment

        loaders: dict[str, Callable[..., Any]] = {
            "workspace": ml.load_workspace,
            "compute": ml.load_compute,
            "online endpoint": ml.load_online_endpoint,
            "batch endpoint": ml.load_batch_endpoint,
            # azure-ai-ml 1.35 has no load_ function for these
            "batch deployment": lambda _: PipelineComponentBatchDeployment._load(yaml.safe_load(text), file),
        }
        try:
            return loaders[kind](io.StringIO(text))
        except Exception as error:
            # of many types
            raise DefinitionError(f"{file}: Azure's client refuses it: {str(error).strip()}") from error


def is_ours(tags: Mapping[str, str] | None) -> bool:
    """Whether penstock has made what bears these tags."""
    return (tags or {}).get(TAG) == TAG_VALUE


def removed_from(tags: Mapping[str, str] | None) -> list[str]:
    """The stages that have been removed from what bears these tags, and use it no more."""
    return (tags or {}).get(_REMOVED, "").split()


def noted(tags: Mapping[str, str] | None, stage: str, *, is_removed: bool) -> dict[str, str]:
    """The tags, with what they say of a stage put right. A note that is empty stays: a PATCH may take no tag away."""
    stages = [*(each for each in removed_from(tags) if each != stage), *([stage] if is_removed else [])]
    is_there = bool(stages) or _REMOVED in (tags or {})
    return {**(tags or {}), **({_REMOVED: " ".join(stages)} if is_there else {})}


def differences(wanted: Mapping[str, Any], there: Mapping[str, Any], path: str = "") -> list[str]:
    """What is declared and is otherwise at Azure; what is not declared is Azure's."""
    found = []
    for key, value in wanted.items():
        other = there.get(key)
        if isinstance(value, dict):
            found += differences(value, other if isinstance(other, dict) else {}, f"{path}{key}.")
        elif value is not None and str(value).lower() != str(other).lower():
            found.append(f"{path}{key} is {other}, {value} is declared")
    return found
