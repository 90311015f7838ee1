"""A project's items as the objects of azure-ai-ml that get published."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct, field

from penstock.azure.assets import DIGEST
from penstock.compile.client import ask, quiet
from penstock.compile.place import RefusedError
from penstock.errors import DefinitionError
from penstock.publish.project import Item, Project
from penstock.spec.model import Component, OtherComponent, PipelineComponent
from penstock.spec.reference import AssetReference, read_reference
from penstock.spec.source import Scalar, scalar_text


class Names(Struct, frozen=True):
    """How what is published names what it needs: by short names in a workspace, by URIs in a registry.

    `labels`: for each kind and text of `labelled` the reference with a number in place of the label.
    """

    registry: str = ""
    labels: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def reference(self, kind: str, name: str, version: str) -> str:
        """The reference to a version of an `environment` or a `component`."""
        if self.registry:
            return f"azureml://registries/{self.registry}/{kind}s/{name}/versions/{version}"
        return f"azureml:{name}:{version}"


def entity_of(item: Item, version: str, project: Project, names: Names) -> Any:
    """The object that is published for an item, with the digest of its content as a property.

    Raises DefinitionError if Azure's client refuses it.
    """
    try:
        with quiet():
            entity = ask(lambda: _loaded(item, version, project, names))
    except RefusedError as error:
        raise DefinitionError(f"{item.place}: {item}: {error}") from None
    entity.properties = {**(entity.properties or {}), DIGEST: item.digest}
    return entity


def _loaded(item: Item, version: str, project: Project, names: Names) -> Any:
    from azure.ai.ml import load_component, load_environment

    own: list[dict[str, str]] = [{"version": version}]  # the client would read 1.10 as a number: 1.1
    if item.kind == "environment":
        return load_environment(item.file, params_override=own)
    if item.block is not None:
        document = item.block.document(item.name, version)
        needed = [project.items[key] for key in item.needs]
        texts = {(str(each.kind), f"azureml:{each.name}:{each.version}"): _named(each, names) for each in needed}
        texts |= names.labels
        jobs = {name: _renamed(node, texts) for name, node in document["jobs"].items()}
        text = yaml.safe_dump({**document, "jobs": jobs}, sort_keys=False)
        return _with_trials(load_component(io.StringIO(text), relative_origin=str(item.file)))
    changes = dict(_changes(project.components[item.file], item, project, names))
    given = [*own, *({key: value} for key, value in changes.items())]
    return _with_trials(load_component(item.file, params_override=given))


def _with_trials(component: Any) -> Any:
    """azure-ai-ml 1.35 takes `azureml:` off the URI of a sweep's trial, and then does not know it for one."""
    for node in getattr(component, "jobs", {}).values():
        if isinstance(getattr(node, "trial", None), str) and node.trial.startswith("//registries/"):
            node._component = f"azureml:{node.trial}"
    return component


def _named(item: Item, names: Names) -> str:
    return names.reference(item.kind, item.name, item.version)


def _renamed(node: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    changed = {key: texts.get((kind, text), text) for key, kind, text in _named_by(node)}
    return {**node, **changed}


def _named_by(node: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What a node of a block names: the key, the kind, the text."""
    for key in ("component", "trial", "environment"):
        if isinstance(node.get(key), str):
            yield key, _kind_at(key), node[key]


def _changes(component: Component, item: Item, project: Project, names: Names) -> Iterator[tuple[str, str]]:
    """What a component names, by dotted path, as it has to name it once that is published."""
    needed = {project.items[key].file: project.items[key] for key in item.needs}
    for path, text in references(component):
        if text.startswith("azureml:"):
            if (_kind_at(path), text) in names.labels:
                yield path, names.labels[_kind_at(path), text]
            continue
        named = needed.get(Path(os.path.normpath(component.folder / text.removeprefix("file:"))))
        if named is not None:
            yield path, _named(named, names)


def references(component: Component) -> Iterator[tuple[str, str]]:
    """The environments and components that a component names: (dotted path, text)."""
    if isinstance(component, PipelineComponent):
        for name, node in component.jobs.items():
            if isinstance(node.component, Scalar):
                key = "trial" if node.type == "sweep" else "component"
                yield f"jobs.{name}.{key}", scalar_text(node.component)
            environment = node.source.get("environment")
            if isinstance(environment, Scalar):
                yield f"jobs.{name}.environment", scalar_text(environment)
        return
    task = component.source.mapping("task") if isinstance(component, OtherComponent) else None
    for path, source in (("", component.source), ("task.", task)):
        environment = source.get("environment") if source is not None else None
        if isinstance(environment, Scalar):
            yield f"{path}environment", scalar_text(environment)


def _kind_at(path: str) -> str:
    """What the last word of a dotted path names: an environment or a component."""
    return "environment" if path.rsplit(".", maxsplit=1)[-1] == "environment" else "component"


def labelled(item: Item, project: Project) -> Iterator[tuple[str, str, AssetReference]]:
    """What an item names by a label or by no version at all: the text, the kind, and what it reads as."""
    texts: list[tuple[str, str]] = []
    if item.block is not None:
        for node in item.block.jobs.values():
            texts += [(kind, text) for _, kind, text in _named_by(node)]
    elif item.file in project.components:
        for path, text in references(project.components[item.file]):
            texts.append((_kind_at(path), text))
    for kind, text in texts:
        reference = read_reference(text)
        if reference is not None and reference.version is None and reference.registry is None:
            yield text, kind, reference
