"""Where a compiled file lies, and how it names other files: relative to itself, and only below the project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from penstock.errors import DefinitionError


class RefusedError(DefinitionError):
    """Something in a pipeline that job YAML cannot say. The message begins with where it is: `jobs.train: ...`."""


class Target(Struct):
    """The files that one pipeline in Python compiles to.

    Attributes:
        source: the Python file, absolute.
        root: the project's folder; no path that leaves it is written, since no other machine has what lies there.
        nested: the pipeline components that the job nests, by file name, with the document of each.
        lost: sentences about what the YAML does not hold, and that changes nothing of what runs.
    """

    source: Path
    root: Path
    nested: dict[str, dict[str, Any]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.source.parent

    @property
    def job_name(self) -> str:
        return f"{self.source.stem}.yml"

    def reference(self, path: Path, where: str) -> str:
        """`path` relative to the compiled file, with slashes. Raises RefusedError if it lies outside of the project."""
        absolute = Path(os.path.normpath(self.folder / path))
        if not absolute.is_relative_to(self.root):
            absolute = absolute.resolve()  # through a symbolic link into the project, perhaps
        if not absolute.is_relative_to(self.root):
            raise RefusedError(
                f"{where}: {absolute} lies outside of the project {self.root}, so no other machine has it; "
                "move it into the project, or name an asset (azureml:name:version) or a URI"
            )
        relative = os.path.relpath(absolute, self.folder).replace(os.sep, "/")
        return relative if relative.startswith("../") else f"./{relative}"

    def nest(self, name: str, document: dict[str, Any]) -> str:
        """Keep the document of a nested pipeline component, and return the reference to its file."""
        stem, count = f"{self.source.stem}.{name}", 1
        file = f"{stem}.component.yml"
        while self.nested.setdefault(file, document) != document:
            count += 1
            file = f"{stem}_{count}.component.yml"
        return f"./{file}"
