"""Model folders: what is said about a model, and what is not loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skops.io
import yaml
from sklearn.linear_model import LinearRegression

from penstock_steps.arguments import boolean, did_you_mean, json_object, names, shortened
from penstock_steps.errors import StepError
from penstock_steps.models import input_columns, load_estimator, model_file, training_rows, trusted_types


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    skops.io.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "model.skops")
    describe(tmp_path)
    return tmp_path


def describe(folder: Path, signature: object = '[{"type": "double", "name": "x"}]', **flavor: object) -> None:
    sklearn = {"pickled_model": "model.skops", "serialization_format": "skops", **flavor}
    document = {"flavors": {"sklearn": sklearn}, "signature": {"inputs": signature}}
    (folder / "MLmodel").write_text(yaml.safe_dump(document))


def test_a_model_is_loaded_with_its_columns(folder: Path) -> None:
    assert load_estimator(folder).predict([[0.5]]) == pytest.approx([0.5])
    assert [(column.name, column.type) for column in input_columns(folder)] == [("x", "double")]
    assert training_rows(folder) is None
    np.save(folder / "training_rows.npy", np.array([3], dtype=np.uint64))
    assert training_rows(folder) == np.array([3], dtype=np.uint64)


def test_types_off_the_list_are_not_loaded(folder: Path) -> None:
    with pytest.raises(StepError, match=r"the model holds os\.system, which is not on the list of types"):
        trusted_types(["os.system", "numpy.dtype"])
    describe(folder, skops_trusted_types=["builtins.eval"])
    with pytest.raises(StepError, match=r"the model holds builtins\.eval"):
        load_estimator(folder)
    assert trusted_types(["sklearn.tree._tree.Tree", "numpy.dtype"]) == ["numpy.dtype", "sklearn.tree._tree.Tree"]


def test_a_type_that_the_description_hides_is_not_loaded(folder: Path) -> None:
    """skops looks into the file itself; what MLmodel says can only take away."""
    from sklearn.tree import DecisionTreeRegressor

    skops.io.dump(DecisionTreeRegressor().fit([[0.0], [1.0]], [0.0, 1.0]), folder / "model.skops")
    with pytest.raises(StepError, match=r"cannot be loaded .*Untrusted types found"):
        load_estimator(folder)


def test_what_is_no_model_is_told(folder: Path) -> None:
    (folder / "model.skops").write_bytes(b"not a zip archive")
    with pytest.raises(StepError, match="cannot be loaded"):
        load_estimator(folder)
    (folder / "model.skops").unlink()
    with pytest.raises(StepError, match=r"lacks model\.skops, which its MLmodel names"):
        model_file(folder)
    for signature in (None, "[]", '[{"type": "tensor"}]'):
        describe(folder, signature)
        with pytest.raises(StepError, match="has no signature that names its columns"):
            input_columns(folder)
    (folder / "MLmodel").write_text("flavors: {xgboost: {}}")
    with pytest.raises(StepError, match="is not a scikit-learn model"):
        model_file(folder)
    (folder / "MLmodel").write_text("- a list")
    with pytest.raises(StepError, match="is not a description of a model"):
        model_file(folder)
    (folder / "MLmodel").write_text("{")
    with pytest.raises(StepError, match="is not YAML"):
        model_file(folder)
    (folder / "MLmodel").unlink()
    with pytest.raises(StepError, match="is not an MLflow model: it has no MLmodel"):
        model_file(folder)


def test_values_of_the_command_line() -> None:
    assert [boolean(text) for text in ("true", "False", " TRUE ")] == [True, False, True]
    with pytest.raises(ValueError, match="'yes' is neither true nor false"):
        boolean("yes")
    assert names(None) == names(" , ") == []
    assert names(" a, b ,,c d") == ["a", "b", "c d"]
    assert json_object('{"a": {"b": 1}}', "--x") == {"a": {"b": 1}}
    assert did_you_mean("AREA", ["area", "town"]) == " Did you mean 'area'?"
    assert did_you_mean("zzz", ["area", "town"]) == ""
    assert shortened([1, 2, 3], 2) == "1, 2 and 1 more"
