"""PS404: what a model or a data asset is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from penstock.check.rule import Told, rule
from penstock.check.subject import Subject

# `azureml:`, `https://`, `runs:/`, `C:\`: anything but a path on this machine.
_ELSEWHERE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*:|.*\$\{\{")


@rule("PS404", "The files of a model or a data asset do not exist")
def no_files(subject: Subject) -> Iterator[Told]:
    path = subject.root.text("path") if subject.kind.family in ("data", "model") else None
    if path is None or _ELSEWHERE.match(path):
        return
    where = subject.folder / Path(re.sub(r"^file:(//)?", "", path))
    if not (subject.files.is_file(where) or subject.files.is_dir(where)):
        node = subject.root.entries["path"].value
        yield Told(f"'{path}' does not exist.", node.place, f"Looked for {where}; paths count from the file's folder.")
