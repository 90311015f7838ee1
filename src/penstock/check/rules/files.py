"""PS4xx: files and data that a job names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.graph.model import Data

_ELSEWHERE = ("azureml:", "git+", "https://", "http://")


@rule("PS401", "The code folder does not exist")
def no_code(subject: Subject) -> Iterator[Told]:
    for component in subject.commands():
        path = component.code.path
        if path is None or path.startswith(_ELSEWHERE):
            continue
        if not _exists(subject, component.folder / path):
            message = f"{component.name}: the code '{path}' does not exist."
            yield Told(
                message, component.code.path_place, "Paths count from the folder of the file that they stand in."
            )


@rule("PS402", "An additional include does not exist")
def no_include(subject: Subject) -> Iterator[Told]:
    for component in subject.commands():
        for include in component.code.includes:
            path = component.folder / str(include.value)
            zipped = path.suffix == ".zip" and subject.files.is_dir(path.with_suffix(""))  # the client packs the folder
            if not _exists(subject, path) and not zipped:
                message = f"{component.name}: the additional include '{include.value}' does not exist."
                yield Told(message, include.place)


@rule("PS403", "Data that does not exist")
def no_data(subject: Subject) -> Iterator[Told]:
    for node in subject.nodes():
        for name, value in node.inputs.items():
            if isinstance(value, Data) and _is_path(value) and not _exists(subject, value.path):
                yield Told(
                    f"'{node.name}': the data '{value.uri}' of '{name}' does not exist.",
                    value.place,
                    _elsewhere(subject, value),
                )


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
