"""What names lead to that are no paths: the read-only view of a workspace. `penstock.store.catalog` implements it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from msgspec import Struct


class Located(Struct, frozen=True):
    """Where it lies. `note` is what a person should know of that; `mapped`: somebody says so for its URI."""

    path: Path
    note: str = ""
    mapped: bool = False


class NotHere(Struct, frozen=True):
    """Why a name leads to nothing, as the end of a sentence about it, and the way out."""

    why: str
    fix: str


class Catalog(Protocol):
    """The assets and datastores of a workspace, and what URIs are mapped to."""

    def component(self, reference: str) -> Located | NotHere:
        """The YAML file of a component that `azureml:...` names."""
        ...

    def environment(self, reference: str) -> Located | NotHere:
        """The YAML file of an environment that `azureml:...` names."""
        ...

    def data(self, uri: str, kind: str) -> Located | NotHere:
        """Data, or by its type (`mlflow_model`, ...) a model, that a URI names."""
        ...

    def place(self, uri: str) -> Located | NotHere:
        """Where what is written to a URI goes; it need not be there."""
        ...
