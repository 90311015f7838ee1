"""The environment of a component or a file: its definition, and its conda file. Read once per check."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from penstock.check.coded import coded
from penstock.check.conda import Conda, read_conda
from penstock.check.memory import bytes_of, remembered
from penstock.check.subject import Subject
from penstock.graph.coded import Coded
from penstock.spec.source import Document, Mapping, Node, Scalar, parse, scalar_text


class Environment(Struct, frozen=True):
    """The definition of an environment; its paths count from `folder`."""

    source: Mapping
    folder: Path

    @property
    def conda_path(self) -> Path | None:
        """Where its conda file lies, if it has one in a file."""
        node = self.source.get("conda_file")
        if not isinstance(node, Scalar) or node.value is None:
            return None
        return Path(os.path.normpath(self.folder / scalar_text(node).removeprefix("file:")))


def environments(subject: Subject) -> tuple[Environment, ...]:
    """The environments that a subject defines, itself or in a file that it names."""
    own = (Environment(subject.root, subject.folder),) if subject.kind.family == "environment" else ()
    others = (environment_of(one, subject) for one in coded(subject))
    found = {environment.source.place: environment for environment in (*own, *others) if environment is not None}
    return tuple(found.values())


def environment_of(one: Coded, subject: Subject) -> Environment | None:
    """The definition of the environment of a step or a deployment; None if it is registered, or cannot be read."""
    node, folder = one.environment, one.folder
    if isinstance(node, Mapping):
        return Environment(node, folder)
    if not isinstance(node, Scalar) or not str(node.value).startswith("file:"):
        return None
    path = Path(os.path.normpath(folder / str(node.value).removeprefix("file:")))
    document = document_of(path, subject)
    if document is None or not isinstance(document.root, Mapping):
        return None
    return Environment(document.root, path.parent)


def document_of(path: Path, subject: Subject) -> Document | None:
    """The parsed YAML file; None if it cannot be read."""

    def read() -> Document | None:
        try:
            return parse(bytes_of(subject, path), str(path)) if subject.files.is_file(path) else None
        except OSError:
            return None

    return remembered(subject, ("yaml", path), read)


def conda_node(environment: Environment, subject: Subject) -> Node | Document | None:
    """The content of the conda file: a node, or the document if that is not YAML; None if there is none to read."""
    node = environment.source.get("conda_file")
    if isinstance(node, Mapping):
        return node
    path = environment.conda_path
    document = document_of(path, subject) if path is not None else None
    if document is None:
        return None
    return document.root if document.root is not None and not document.findings else document


def conda_of(environment: Environment, subject: Subject) -> Conda | None:
    """What the conda file brings; None if there is none, or it is none."""
    node = conda_node(environment, subject)
    if node is None or isinstance(node, Document):
        return None
    found = read_conda(node)
    return None if isinstance(found, str) else found
