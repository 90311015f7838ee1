"""A project's items as the objects of azure-ai-ml that get published."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from penstock.azure.assets import DIGEST
from penstock.compile.client import ask, quiet
from penstock.compile.place import RefusedError
from penstock.errors import DefinitionError
from penstock.publish.project import Item, Project
from penstock.spec.model import Component, OtherComponent, PipelineComponent
from penstock.spec.reference import AssetReference, read_reference
from penstock.spec.source import Scalar, scalar_text

Labels = Mapping[str, str]


def entity_of(item: Item, version: str, project: Project, labels: Labels) -> Any:
    """The object that is published for an item, with the digest of its content as a property.

    `labels`: for each text of `labelled` the reference with a number in place of the label.
    Raises DefinitionError if Azure's client refuses it.
    """
    try:
        with quiet():
            entity = ask(lambda: _loaded(item, version, project, labels))
    except RefusedError as error:
        raise DefinitionError(f"{item.place}: {item}: {error}") from None
    entity.properties = {**(entity.properties or {}), DIGEST: item.digest}
    return entity


def _loaded(item: Item, version: str, project: Project, labels: Labels) -> Any:
    from azure.ai.ml import load_component, load_environment

    if item.kind == "environment":
        return load_environment(item.file)
    if item.block is not None:
        document = item.block.document(item.name, version)
        jobs = {name: _numbered(node, labels) for name, node in document["jobs"].items()}
        text = yaml.safe_dump({**document, "jobs": jobs}, sort_keys=False)
        return load_component(io.StringIO(text), relative_origin=str(item.file))
    changes = dict(_changes(project.components[item.file], item, project, labels))
    return load_component(item.file, params_override=[{key: value} for key, value in changes.items()])


def _numbered(node: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    return {key: labels.get(value, value) if isinstance(value, str) else value for key, value in node.items()}


def _changes(component: Component, item: Item, project: Project, labels: Labels) -> Iterator[tuple[str, str]]:
    """What a component names, by dotted path, as it has to name it once that is published."""
    needed = {project.items[key].file: project.items[key] for key in item.needs}
    for path, text in references(component):
        if text.startswith("azureml:"):
            if text in labels:
                yield path, labels[text]
            continue
        named = next((each for file, each in needed.items() if same_file(text, component, str(file))), None)
        if named is not None:
            yield path, f"azureml:{named.name}:{named.version}"


def same_file(text: str, component: Component, file: str) -> bool:
    """Whether `text`, which stands in the component's file, names `file`."""
    import os

    return os.path.normpath(component.folder / text.removeprefix("file:")) == file


def references(component: Component) -> Iterator[tuple[str, str]]:
    """The environments and components that a component names: (dotted path, text)."""
    if isinstance(component, PipelineComponent):
        for name, node in component.jobs.items():
            if isinstance(node.component, Scalar):
                key = "trial" if node.type == "sweep" else "component"
                yield f"jobs.{name}.{key}", scalar_text(node.component)
        return
    task = component.source.mapping("task") if isinstance(component, OtherComponent) else None
    for path, source in (("", component.source), ("task.", task)):
        environment = source.get("environment") if source is not None else None
        if isinstance(environment, Scalar):
            yield f"{path}environment", scalar_text(environment)


def labelled(item: Item, project: Project) -> Iterator[tuple[str, str, AssetReference]]:
    """What an item names by `@latest` or by no version at all: the text, the kind, and what it reads as."""
    texts: list[tuple[str, str]] = []
    if item.block is not None:
        for node in item.block.jobs.values():
            texts += [("component", node[key]) for key in ("component", "trial") if isinstance(node.get(key), str)]
    elif item.file in project.components:
        for path, text in references(project.components[item.file]):
            texts.append(("environment" if path.endswith("environment") else "component", text))
    for kind, text in texts:
        reference = read_reference(text)
        if reference is not None and reference.is_latest and reference.registry is None:
            yield text, kind, reference
