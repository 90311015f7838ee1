"""Inputs of type mltable in the modes eval_mount and eval_download: the files that the MLTable names, in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.errors import RunError
from penstock.graph.model import Data, GraphNode, NodeOutput
from penstock.plan.parallel import input_mode, input_type
from penstock.plan.tables import EVALUATED
from penstock.store.mltable import find_table, link_files
from penstock.store.workspace import Attempt, RunFolder


def evaluated(node: GraphNode, name: str, run: RunFolder, attempt: Attempt) -> str | None:
    """The folder that such an input is to its step; None for any other input. Raises OSError, with the reason."""
    value = node.inputs[name]
    if not isinstance(value, Data | NodeOutput) or input_type(node, name) != "mltable":
        return None
    mode = input_mode(node, name)
    if mode not in EVALUATED:
        return None
    target = attempt.path / "evaluated" / name
    if not target.exists():
        folder = data_path(value, run)
        try:
            link_files(find_table(folder), folder, target, copies=mode == "eval_download")
        except RunError as error:
            raise OSError(str(error)) from None
    return str(target)


def data_path(value: Data | NodeOutput, run: RunFolder) -> Path:
    """Where the data of an input lies."""
    if isinstance(value, NodeOutput):
        return run.node(value.node).output(value.port)
    return Path(os.path.normpath(value.path.absolute()))
