"""PS7xx: secrets in definitions and in the code that is uploaded. No message holds what it is about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from penstock.check.coded import coded
from penstock.check.memory import bytes_of, remembered
from penstock.check.rule import Told, rule
from penstock.check.secrets import Secret, SecretKind, secrets_in
from penstock.check.snapshots import snapshot_of
from penstock.check.subject import Subject
from penstock.graph.coded import Coded
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
        for secret in _secrets(subject, file) or ():
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
        for one in coded(subject):
            snapshot = snapshot_of(one, subject)
            for file in snapshot.files if snapshot is not None else ():
                found[os.path.normpath(file.path)] = None
        return tuple(Path(name) for name in found)

    return remembered(subject, ("secret files", subject.file, id(subject.root)), find)


def _secrets(subject: Subject, file: Path) -> tuple[Secret, ...] | None:
    """The secrets in a file; None if it is too large to be searched, or too much has been searched already."""

    def look() -> tuple[Secret, ...] | None:
        used = subject.cache.get("secrets read", 0)
        try:
            size = subject.files.size(file)
            if size > _LARGEST or used + size > _MOST:
                return None
            subject.cache["secrets read"] = used + size
            return tuple(secrets_in(bytes_of(subject, file)))
        except (OSError, ValueError, KeyError):
            return ()

    return remembered(subject, ("secrets", file), look)


# What holds no text, however large it is.
_BINARY = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".mp4", ".wav", ".ttf", ".woff2", ".so", ".dll", ".whl"}
_BINARY |= {".gz", ".zip", ".7z", ".xlsx", ".parquet", ".feather", ".arrow", ".npy", ".npz", ".pyc", ".jar", ".egg"}
_BINARY |= {".pkl", ".joblib", ".pt", ".pth", ".onnx", ".h5", ".keras", ".safetensors", ".ckpt", ".pb", ".tflite"}


@rule("PS705", "What is not searched for secrets", "info")
def unsearched(subject: Subject) -> Iterator[Told]:
    for one in coded(subject):
        snapshot = snapshot_of(one, subject)
        names = {file.name: Path(os.path.normpath(file.path)) for file in snapshot.files} if snapshot else {}
        left = {
            name: path
            for name, path in names.items()
            if path.suffix.lower() not in _BINARY and _secrets(subject, path) is None
        }
        if left:
            yield _unsearched(one, {name: subject.files.size(path) for name, path in left.items()}, len(names))


def _unsearched(one: Coded, left: dict[str, int], count: int) -> Told:
    largest = max(left, key=lambda name: (left[name], name))
    message = (
        f"{one.name}: {len(left)} of the {count} files in the snapshot, {sum(left.values()) / 1e6:.1f} MB, are not "
        f"searched for secrets; the largest is '{largest}' ({left[largest] / 1e6:.1f} MB)."
    )
    fix = f"Only files up to {_LARGEST // 10**6} MB are searched, {_MOST // 10**6} MB in one check. "
    place = one.code.path_place if one.code.path is not None else one.code.includes[0].place
    return Told(message, place, f"{fix}Keep data out of the snapshot, or look through these yourself.")
