"""Model folders: what `train` writes beside the MLflow model, how they are read, and what a model file may hold.

A model folder is an MLflow model (MLmodel, model.skops or model.pkl, requirements and an input example) with two files
more: `training_rows.npy`, the sorted 64-bit hashes of the rows that the model was trained on (8 bytes a row), and
`lineage.json`. Reading needs no MLflow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from penstock_steps.errors import StepError

if TYPE_CHECKING:  # neither NumPy nor pandas is needed to read what a folder says about its model
    import numpy as np
    from numpy.typing import NDArray

    from penstock_steps.model_input import ModelColumn

MLMODEL_FILE = "MLmodel"
TRAINING_ROWS_FILE = "training_rows.npy"

# What a fitted pipeline of the allow-list consists of, beyond what skops itself trusts. skops leaves trees and
# neighbour searches out because a crafted file could make them read out of bounds, so a file is loaded only after its
# digest was checked.
_TRUSTED = {
    "numpy.asarray",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
}
_TRUSTED_MODULES = ("sklearn._loss.loss.", "sklearn.metrics._dist_metrics.")


@dataclass(frozen=True)
class ModelFile:
    """The file in a model folder that holds the fitted estimator.

    Attributes:
        path: where it is.
        serialization: skops or pickle.
        trusted: the types beyond skops's own that it is said to consist of.
    """

    path: Path
    serialization: str
    trusted: tuple[str, ...]


def trusted_types(names: Iterable[str]) -> list[str]:
    """`names` in order, if all of them are types that a model of this library may hold; raises StepError otherwise."""
    ordered = sorted(names)
    strange = [name for name in ordered if name not in _TRUSTED and not name.startswith(_TRUSTED_MODULES)]
    if strange:
        raise StepError(
            f"the model holds {', '.join(strange)}, which is not on the list of types that are safe to load; "
            "use another estimator, or save it with --serialization pickle if you trust all who can write it"
        )
    return ordered


def model_file(folder: Path) -> ModelFile:
    """Where a model folder keeps its estimator. Raises StepError if it is no scikit-learn model of MLflow's."""
    flavor = _mlmodel(folder).get("flavors", {}).get("sklearn")
    if not flavor:
        raise StepError(f"{folder} is not a scikit-learn model: its {MLMODEL_FILE} has no sklearn flavor")
    path = folder / str(flavor["pickled_model"])
    if not path.is_file():
        raise StepError(f"{folder} lacks {path.name}, which its {MLMODEL_FILE} names; train the model again")
    serialization = str(flavor.get("serialization_format", "pickle"))
    return ModelFile(path, serialization, tuple(flavor.get("skops_trusted_types") or ()))


def load_estimator(folder: Path) -> Any:
    """The fitted scikit-learn pipeline of a model folder, **whose digest must have been checked before**.

    Raises StepError if it cannot be loaded, or holds a type that is not on our list.
    """
    file = model_file(folder)
    try:
        if file.serialization != "skops":
            import pickle

            with file.path.open("rb") as stream:
                return pickle.load(stream)  # noqa: S301  (chosen with --serialization pickle; the digest was checked)
        import skops.io

        return skops.io.load(file.path, trusted=trusted_types(file.trusted))
    except StepError:
        raise
    except Exception as error:  # noqa: BLE001  (a damaged or foreign file can raise anything)
        raise StepError(f"the model in {folder} cannot be loaded ({type(error).__name__}: {error})") from None


def input_columns(folder: Path) -> list[ModelColumn]:
    """The columns that the model takes, in its signature's order. Raises StepError if it has no such signature."""
    from penstock_steps.model_input import ModelColumn

    return [ModelColumn(column["name"], column["type"]) for column in signature_inputs(folder)]


def signature_inputs(folder: Path) -> list[dict[str, Any]]:
    """`{name, type, required}` of each column in the model's signature."""
    signature = _mlmodel(folder).get("signature") or {}
    columns: list[dict[str, Any]] = json.loads(signature.get("inputs") or "[]")
    if not columns or not all({"name", "type"} <= column.keys() for column in columns):
        raise StepError(f"the model in {folder} has no signature that names its columns; train it again")
    return columns


def python_version(folder: Path) -> str:
    """The Python that the model was trained with, `3.11.7`. Raises StepError if the model does not say."""
    found = _mlmodel(folder).get("flavors", {}).get("python_function", {}).get("python_version")
    if not found:
        raise StepError(f"the model in {folder} does not say which Python it was trained with; train it again")
    return str(found)


def training_rows(folder: Path) -> NDArray[np.uint64] | None:
    """The sorted hashes of the rows that the model was trained on, shape (rows,); None if the folder does not say."""
    import numpy as np

    path = folder / TRAINING_ROWS_FILE
    return np.load(path, allow_pickle=False) if path.is_file() else None


def _mlmodel(folder: Path) -> dict[str, Any]:
    path = folder / MLMODEL_FILE
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StepError(f"{folder} is not an MLflow model: it has no {MLMODEL_FILE}") from None
    except yaml.YAMLError as error:
        raise StepError(f"{path} is not YAML ({error}); train the model again") from None
    if not isinstance(document, dict):
        raise StepError(f"{path} is not a description of a model; train the model again")
    return document
