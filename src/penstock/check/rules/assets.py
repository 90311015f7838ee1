"""PS404, PS409, PS410: what a model or a data asset is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject
from penstock.spec.place import Place

# `azureml:`, `https://`, `runs:/`, `C:\`: anything but a path on this machine.
_ELSEWHERE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*:|.*\$\{\{")


class _Asset(NamedTuple):
    """An asset on this machine: its type, its path as written, and where that leads and stands."""

    type: str
    text: str
    path: Path
    place: Place


def _asset(subject: Subject) -> _Asset | None:
    default = {"data": "uri_folder", "model": "custom_model"}.get(subject.kind.family)
    text = subject.root.text("path")
    if default is None or text is None or _ELSEWHERE.match(text):
        return None
    path = subject.folder / Path(re.sub(r"^file:(//)?", "", text))
    kind = (subject.root.text("type") or default).lower()
    return _Asset(kind, text, path, subject.root.entries["path"].value.place)


@rule("PS404", "The files of a model or a data asset do not exist")
def no_files(subject: Subject) -> Iterator[Told]:
    asset = _asset(subject)
    if asset is not None and not (subject.files.is_file(asset.path) or subject.files.is_dir(asset.path)):
        fix = f"Looked for {asset.path}; paths count from the file's folder."
        yield Told(f"'{asset.text}' does not exist.", asset.place, fix)


@rule("PS409", "A data asset that is not what its type says", azure_only=True)
def other_type(subject: Subject) -> Iterator[Told]:
    asset = _asset(subject)
    if asset is None or subject.kind.family != "data":
        return
    if asset.type == "uri_file" and subject.files.is_dir(asset.path):
        yield Told(
            f"'{asset.text}' is a folder, not uri_file.", asset.place, "Write type: uri_folder, or name the file."
        )
    elif asset.type in ("uri_folder", "mltable") and subject.files.is_file(asset.path):
        fix = (
            "Write type: uri_file, or name the folder." if asset.type == "uri_folder" else "Name the folder of MLTable."
        )
        yield Told(f"'{asset.text}' is a file, not {asset.type}.", asset.place, fix)
    elif asset.type == "mltable" and _lacks(subject, asset.path, "MLTable"):
        yield Told(f"the folder '{asset.text}' holds no file MLTable.", asset.place, "Write one, or type: uri_folder.")


@rule("PS410", "An MLflow model without its description", "warning")
def no_mlmodel(subject: Subject) -> Iterator[Told]:
    asset = _asset(subject)
    if asset is not None and asset.type == "mlflow_model" and _lacks(subject, asset.path, "MLmodel"):
        fix = "Name the folder that MLflow saved the model to, or write type: custom_model."
        yield Told(f"the folder '{asset.text}' holds no file MLmodel.", asset.place, fix)


def _lacks(subject: Subject, folder: Path, name: str) -> bool:
    return subject.files.is_dir(folder) and not subject.files.is_file(folder / name)
