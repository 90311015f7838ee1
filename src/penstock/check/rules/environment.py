"""PS5xx: the environments of components."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.spec.model import CommandComponent
from penstock.spec.source import Scalar


@rule("PS501", "The environment file does not exist")
def no_environment_file(subject: Subject) -> Iterator[Told]:
    for component in subject.components():
        environment = component.environment if isinstance(component, CommandComponent) else None
        if not isinstance(environment, Scalar) or not str(environment.value).startswith("file:"):
            continue
        path = component.folder / str(environment.value).removeprefix("file:")
        if not subject.files.is_file(path):
            message = f"{component.name}: the environment file '{path}' does not exist."
            yield Told(message, environment.place, "Paths count from the folder of the file that they stand in.")
