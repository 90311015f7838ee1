"""PS7xx: secrets in definitions and in the code that is uploaded. No message holds what it is about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from penstock.check.memory import bytes_of, remembered
from penstock.check.rule import Told, rule
from penstock.check.secrets import Secret, SecretKind, secrets_in
from penstock.check.snapshots import snapshot_of
from penstock.check.subject import Subject
from penstock.spec.place import Place

_LARGEST = 1_000_000
_MOST = 50_000_000

_KEEP = "Take it out and replace it where it is valid: "


@rule("PS701", "A key or a connection string")
def key(subject: Subject) -> Iterator[Told]:
    fix = "let the job use its identity, or read the key from a key vault at run time."
    yield from _told(subject, "key", _KEEP + fix)


@rule("PS702", "A shared access signature")
def signature(subject: Subject) -> Iterator[Told]:
    fix = "refer to the data as azureml://datastores/NAME/paths/..., whose credentials the workspace keeps."
    yield from _told(subject, "signature", _KEEP + fix)


@rule("PS703", "A private key, a client secret or a token")
def credential(subject: Subject) -> Iterator[Told]:
    fix = "let the job use its identity, or read it from a key vault at run time."
    yield from _told(subject, "credential", _KEEP + fix)


@rule("PS704", "A subscription id", "warning")
def subscription(subject: Subject) -> Iterator[Told]:
    fix = "Leave it to the workspace that the file is submitted to, or to the pipeline's variables."
    yield from _told(subject, "subscription", fix)


def _told(subject: Subject, kind: SecretKind, fix: str) -> Iterator[Told]:
    for file in _files(subject):
        for secret in _secrets(subject, file):
            if secret.kind == kind:
                message = f"this is {secret.what}; {_consequence(kind)}"
                yield Told(message, Place(str(file), secret.line, secret.column), fix)


def _consequence(kind: SecretKind) -> str:
    if kind == "subscription":
        return "the file works in no other one."
    return "whoever can read the repository, the job or its snapshot has it."


def _files(subject: Subject) -> tuple[Path, ...]:
    """The definition, the components that it uses, and what they upload."""

    def find() -> tuple[Path, ...]:
        found = {str(subject.root.place.file): None}
        for component in subject.components():
            found[component.source.place.file] = None
        for component in subject.commands():
            snapshot = snapshot_of(component, subject)
            for file in snapshot.files if snapshot is not None else ():
                found[os.path.normpath(file.path)] = None
        return tuple(Path(name) for name in found)

    return remembered(subject, ("secret files", subject.file, id(subject.root)), find)


def _secrets(subject: Subject, file: Path) -> tuple[Secret, ...]:
    def look() -> tuple[Secret, ...]:
        used = subject.cache.get("secrets read", 0)
        try:
            size = subject.files.size(file)
            if size > _LARGEST or used + size > _MOST:
                return ()
            subject.cache["secrets read"] = used + size
            return tuple(secrets_in(bytes_of(subject, file)))
        except (OSError, ValueError, KeyError):
            return ()

    return remembered(subject, ("secrets", file), look)
