"""The MLTable files that a plan can already see: what is wrong with them, and what they name beside their folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from penstock.graph.model import Data, Graph, GraphNode
from penstock.plan.parallel import input_mode, input_type, split_input
from penstock.spec.files import Files
from penstock.spec.finding import Finding
from penstock.spec.mltable import MLTABLE, RULE, MLTable, TablePath, read_mltable
from penstock.spec.source import parse

EVALUATED = ("eval_mount", "eval_download")


def bad_tables(graph: Graph, files: Files) -> Iterator[Finding]:
    """PR121: what is wrong with the MLTable files that steps will be given by what these say."""
    seen = set()
    for node in graph.nodes.values():
        for name, value in node.inputs.items():
            if isinstance(value, Data) and value.is_local and is_read(node, name) and value.path not in seen:
                seen.add(value.path)
                yield from _wrong(value, files)


def is_read(node: GraphNode, name: str) -> bool:
    """Whether the MLTable of an input is read by the engine, not by the step."""
    if input_type(node, name) != "mltable":
        return False
    return input_mode(node, name) in EVALUATED or split_input(node) == name


def _wrong(value: Data, files: Files) -> Iterator[Finding]:
    folder = Path(os.path.normpath(value.path))
    if not files.is_file(folder / MLTABLE):
        message = f"the folder '{value.uri}' holds no file MLTable."
        yield Finding(RULE, "error", message, value.place, "Write one, or type: uri_folder.")
        return
    table = _read(folder, files)
    yield from table.findings
    for path in table.paths:
        if path.is_local and path.kind != "pattern" and not _is_there(path, folder, files):
            yield Finding(RULE, "error", f"the {path.kind} '{path.text}' is not there.", path.place)


def _read(folder: Path, files: Files) -> MLTable:
    file = folder / MLTABLE
    return read_mltable(parse(files.read(file), str(file)))


def _is_there(path: TablePath, folder: Path, files: Files) -> bool:
    place = folder / path.text.removeprefix("file://")
    return files.is_file(place) or (path.kind == "folder" and files.is_dir(place))


def outside(folder: Path, files: Files) -> list[Path]:
    """The files and folders that an MLTable names and that are not in its own folder; of a pattern the folder."""
    folder = Path(os.path.normpath(folder))
    if not files.is_file(folder / MLTABLE):
        return []
    local = [path.text.removeprefix("file://") for path in _read(folder, files).paths if path.is_local]
    found = [Path(os.path.normpath(folder / _without_pattern(text))) for text in local]
    return [path for path in dict.fromkeys(found) if not path.is_relative_to(folder)]


def _without_pattern(text: str) -> str:
    fixed = re.split(r"[*?\[]", text)
    return text if len(fixed) == 1 else fixed[0].rpartition("/")[0] or "."
