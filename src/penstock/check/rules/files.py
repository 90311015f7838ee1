"""PS4xx: files and data that a job names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.graph.model import Data
from penstock.spec.model import CommandComponent


@rule("PS401", "The code folder does not exist")
def no_code(subject: Subject) -> Iterator[Told]:
    for component in subject.components():
        if not isinstance(component, CommandComponent) or component.code.path is None:
            continue
        if component.code.path.startswith(("azureml:", "git+", "https://")):
            fix = "Check the code out and name its folder."
            message = f"{component.name}: the code '{component.code.path}' is not on this machine."
            yield Told(message, component.code.path_place, fix)
        elif not _exists(subject, component.folder / component.code.path):
            message = f"{component.name}: the code '{component.code.path}' does not exist."
            yield Told(
                message, component.code.path_place, "Paths count from the folder of the file that they stand in."
            )


@rule("PS402", "An additional include does not exist")
def no_include(subject: Subject) -> Iterator[Told]:
    for component in subject.components():
        if isinstance(component, CommandComponent):
            for include in component.code.includes:
                if not _exists(subject, component.folder / str(include.value)):
                    yield Told(
                        f"{component.name}: the additional include '{include.value}' does not exist.", include.place
                    )


@rule("PS403", "Data that does not exist")
def no_data(subject: Subject) -> Iterator[Told]:
    for node in subject.nodes():
        for name, value in node.inputs.items():
            if isinstance(value, Data) and value.is_local and not _exists(subject, value.path):
                yield Told(
                    f"'{node.name}': the data '{value.uri}' of '{name}' does not exist.",
                    value.place,
                    _elsewhere(subject, value),
                )


def _elsewhere(subject: Subject, data: Data) -> str:
    """A path that was meant from the working directory is the usual mistake with --set."""
    if _exists(subject, Path(data.uri)):
        return f"It does exist from here; paths count from the job's folder: write {Path(data.uri).absolute()}."
    return f"Looked for {data.path}; paths count from the folder of the file that they stand in."


@rule("PS404", "Data that is not on this machine")
def remote_data(subject: Subject) -> Iterator[Told]:
    for node in subject.nodes():
        for name, value in node.inputs.items():
            if isinstance(value, Data) and not value.is_local:
                message = f"'{node.name}': the data '{value.uri}' of '{name}' is not on this machine."
                yield Told(message, value.place, f"Download it and run with --set inputs.{name}.path=PATH.")


def _exists(subject: Subject, path: Path) -> bool:
    return subject.files.is_file(path) or subject.files.is_dir(path)
