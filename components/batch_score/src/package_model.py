"""A package's model, as the package itself predicts: through its score.py, as a request to the server would."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from penstock_steps.errors import StepError
from penstock_steps.manifest import verify_package
from penstock_steps.model_input import ModelColumn
from penstock_steps.skipped import skipped_reason

_CELL = re.compile(r"input_data\.data\[\d+\]\[(\d+)\]")


@dataclass(frozen=True)
class Refusal:
    """Why a request was refused, and because of which column if it is one's fault."""

    why: str
    column: str | None


@dataclass(frozen=True)
class PackageModel:
    """A loaded package. `columns` are those that the model takes; `name` is `model:version`."""

    name: str
    digest: str
    columns: Sequence[ModelColumn]
    module: ModuleType

    def predict(self, rows: Sequence[Sequence[Any]]) -> list[Any] | Refusal:
        """A prediction for each row, or the refusal of all of them.

        Args:
            rows: values as JSON has them, in the order of `columns`; at least one row.

        Raises:
            StepError: the package answers something else.
        """
        columns = [column.name for column in self.columns]
        answer = self.module.run(json.dumps({"input_data": {"columns": columns, "data": rows}}, allow_nan=False))
        if isinstance(answer, list):
            if len(answer) != len(rows):
                raise StepError(
                    f"{self.name} answered {len(answer)} predictions for {len(rows)} rows; package it again"
                )
            return answer
        body = answer if isinstance(answer, dict) else json.loads(answer.get_data())
        cell = _CELL.fullmatch(str(body.get("field")))
        return Refusal(str(body["error"]), columns[int(cell[1])] if cell else None)


def load_package(package: Path, digest: str | None) -> PackageModel:
    """Verify a package, against the digest of its manifest if one is given, and load its model.

    Raises StepError if it is no package, or not what its manifest or the digest says.
    """
    skipped = skipped_reason(package)
    if skipped is not None:
        raise StepError(f"{package} holds no package, for nothing was packaged: {skipped}")
    manifest = verify_package(package, digest)
    spec = importlib.util.spec_from_file_location("package_score", package / "score.py")
    if spec is None or spec.loader is None or "score.py" not in manifest.files:
        raise StepError(f"{package} has no score.py; package the model again")
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True  # nothing is to be added to the package
    spec.loader.exec_module(module)
    module.init()
    columns = [ModelColumn(column["name"], column["type"]) for column in manifest.scoring["columns"]]
    return PackageModel(f"{manifest.model['name']}:{manifest.model['version']}", manifest.digest, columns, module)
