"""PS4xx: files and data that a job names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from penstock.check.coded import coded
from penstock.check.registered import data_of, registered
from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.graph.literals import azure_text
from penstock.graph.model import Data
from penstock.spec.model import JobNode, PipelineJob
from penstock.spec.source import Mapping, Scalar

_ELSEWHERE = ("azureml:", "git+", "https://", "http://")


@rule("PS401", "The code folder does not exist")
def no_code(subject: Subject) -> Iterator[Told]:
    for one in coded(subject):
        path = one.code.path
        if path is None or path.startswith(_ELSEWHERE) or "${{" in path:
            continue
        if not _exists(subject, one.folder / path):
            fix = "Paths count from the folder of the file that they stand in."
            yield Told(f"{one.name}: the code '{path}' does not exist.", one.code.path_place, fix)


@rule("PS402", "An additional include does not exist")
def no_include(subject: Subject) -> Iterator[Told]:
    for component in coded(subject):
        for include in component.code.includes:
            path = component.folder / str(include.value)
            zipped = path.suffix == ".zip" and subject.files.is_dir(path.with_suffix(""))  # the client packs the folder
            if not _exists(subject, path) and not zipped:
                message = f"{component.name}: the additional include '{include.value}' does not exist."
                yield Told(message, include.place)


@rule("PS403", "Data that does not exist")
def no_data(subject: Subject) -> Iterator[Told]:
    for whose, name, value in _data(subject):
        if _is_path(value) and not _exists(subject, value.path):
            message = f"{whose}: the data '{value.uri}' of '{name}' does not exist."
            yield Told(message, value.place, _elsewhere(subject, value))


def _data(subject: Subject) -> Iterator[tuple[str, str, Data]]:
    """All data that a job names: whose it is, for which input."""
    for node in subject.nodes():
        yield from ((f"'{node.name}'", name, value) for name, value in node.inputs.items() if isinstance(value, Data))
    for broken, _ in registered(subject):
        yield from ((f"'{broken.name}'", name, value) for name, value in data_of(broken))
    for name, given in subject.graph.job.inputs.items() if subject.graph else ():
        if given.is_data and given.scalar is not None:
            uri, kind = azure_text(given.scalar), given.type or "uri_folder"
            yield "the pipeline", name, Data(uri, kind, subject.folder, given.mode, given.value_place)


@rule("PS407", "A file where the job says uri_folder", "warning")
def file_for_folder(subject: Subject) -> Iterator[Told]:
    graph = subject.graph
    if graph is None:
        return
    nodes = (*(node.job for node in subject.nodes()), *(broken.job for broken, _ in registered(subject)))
    holders: tuple[PipelineJob | JobNode, ...] = (graph.job, *nodes)
    for holder in holders:
        for given in holder.inputs.values():
            if given.type != "uri_folder" or not given.is_data or given.scalar is None:
                continue
            data = Data(azure_text(given.scalar), given.type, holder.folder, given.mode, given.value_place)
            if _is_path(data) and subject.files.is_file(data.path):
                message = (
                    f"'{given.name}' is uri_folder, but '{data.uri}' is a file: Azure looks for a folder of its name."
                )
                yield Told(message, data.place, "Write type: uri_file, or the path of the folder.")


@rule("PS408", "The model or the component of a deployment does not exist", azure_only=True)
def no_part(subject: Subject) -> Iterator[Told]:
    for key in ("model", "component") if subject.kind.family == "deployment" else ():
        node = subject.root.get(key)
        node = node.get("path") if isinstance(node, Mapping) and key == "model" else node
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            continue
        text = node.value.removeprefix("file:")
        is_path = key == "component" or isinstance(subject.root.get(key), Mapping)
        if is_path and _LOCAL.fullmatch(text) and not _exists(subject, subject.folder / text):
            yield Told(f"the {key} '{text}' does not exist.", node.place, "Paths count from the deployment's folder.")


_LOCAL = re.compile(r"(?![A-Za-z][A-Za-z0-9+.-]*:)(?!.*\$\{\{).+", re.DOTALL)


def _is_path(data: Data) -> bool:
    """Whether it can only be a path: in a relative one `:` and `@` make the name of an asset, or runs:/ID/PATH."""
    text = data.uri.removeprefix("file://")
    return data.is_local and "${{" not in text and (text.startswith("/") or not {":", "@"} & set(text))


def _elsewhere(subject: Subject, data: Data) -> str:
    """A path that was meant from the working directory is the usual mistake with --set."""
    if _exists(subject, Path(data.uri)):
        return f"It does exist from here; paths count from the job's folder: write {Path(data.uri).absolute()}."
    return f"Looked for {data.path}; paths count from the folder of the file that they stand in."


def _exists(subject: Subject, path: Path) -> bool:
    return subject.files.is_file(path) or subject.files.is_dir(path)
