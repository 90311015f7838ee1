"""Finds the components that nodes refer to. Each file is read once, however many nodes use it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal as OneOf

from penstock.spec.files import Files
from penstock.spec.finding import Finding
from penstock.spec.model import Component
from penstock.spec.read import read_component
from penstock.spec.source import Mapping, parse


@dataclass(frozen=True, slots=True)
class NotFound:
    """Why a reference leads to no component."""

    what: OneOf["component", "registered"]
    message: str


@dataclass
class Library:
    """Components by reference. `findings` collects what is wrong with the files that were read on the way."""

    files: Files
    findings: list[Finding] = field(default_factory=list)
    _read: dict[Path, Component | NotFound] = field(default_factory=dict)

    def find(self, reference: str, folder: Path) -> Component | NotFound:
        """The component that `reference` names: a path from `folder`, with or without `file:`."""
        if reference.startswith(("azureml:", "azureml://")):
            message = (
                f"the registered component '{reference}' is not on this machine. "
                "Refer to its YAML file instead, for example component: ./component.yml."
            )
            return NotFound("registered", message)
        path = Path(os.path.normpath(folder / reference.removeprefix("file:")))
        if path not in self._read:
            self._read[path] = self._load(path)
        return self._read[path]

    def _load(self, path: Path) -> Component | NotFound:
        if not self.files.is_file(path):
            kind = "is a folder; name the YAML file in it" if self.files.is_dir(path) else "does not exist"
            return NotFound("component", f"the component file '{path}' {kind}.")
        try:
            document = parse(self.files.read(path), str(path))
        except OSError as error:
            return NotFound("component", f"the component file '{path}' cannot be read: {error.strerror}.")
        self.findings += document.findings
        if not isinstance(document.root, Mapping):
            return NotFound("component", f"'{path}' is not a component.")
        return read_component(document.root, path)
