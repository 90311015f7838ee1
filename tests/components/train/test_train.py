"""train: any table in, an MLflow model out; a bad input gets one message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from model_side import Bench, classification_table, regression_table

from penstock_steps import lineage
from penstock_steps.digests import content_digest
from penstock_steps.errors import StepError
from penstock_steps.model_input import as_model_input
from penstock_steps.models import input_columns, load_estimator, training_rows
from penstock_steps.rows import row_hashes
from penstock_steps.tables import read_table

# Loads the models as somebody else would: this library cannot be imported, and a warning is an error.
ELSEWHERE = """
import sys, warnings
sys.modules["penstock"] = sys.modules["penstock_steps"] = None
import mlflow.pyfunc, mlflow.sklearn, pandas as pd
warnings.simplefilter("error")
for folder in sys.argv[2:]:
    table = pd.read_parquet(sys.argv[1]).drop(columns="y")
    by_pyfunc, by_sklearn = mlflow.pyfunc.load_model(folder), mlflow.sklearn.load_model(folder)
    assert set(by_pyfunc.metadata.get_input_schema().input_names()) == set(table.columns)
    assert len(by_pyfunc.predict(by_pyfunc.input_example)) == 1
    assert list(by_pyfunc.predict(table)) == list(by_sklearn.predict(table))
    nothing = table.head(1).astype(object).where([[False] * table.shape[1]], None)
    nothing = nothing.astype({"built": "datetime64[ns]", "area": "float64", "floor": "float64", "rooms": "float64"})
    assert len(by_sklearn.predict(nothing)) == 1
    print(*by_sklearn.predict(table), sep="\\n")
"""


def test_models_load_where_the_library_is_unknown(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    by_class = bench.split(classification_table(), "classes")[0]
    models = [
        bench.train(train),
        bench.train(by_class, "classifier", task="classification", estimator="RandomForestClassifier"),
        bench.train(train, "pickled", estimator="KNeighborsRegressor", serialization="pickle"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, test / "data.parquet", *models],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true"},
    )
    assert done.returncode == 0, done.stderr
    rows = read_table(test)
    here = [load_estimator(model).predict(as_model_input(rows, input_columns(model))) for model in models]
    assert done.stdout.split() == [str(value) for values in here for value in values]


def test_the_same_inputs_give_the_same_bytes(bench: Bench) -> None:
    train, _ = bench.split(regression_table())
    given = {"estimator": "RandomForestRegressor", "parameters": '{"n_estimators": 5}'}
    bench.environment["PYTHONHASHSEED"] = "7"
    elsewhere = bench.folder / "elsewhere"
    ended = bench.process("train", train_data=train, target="y", task="regression", model=elsewhere, **given)
    assert ended.code == 0, ended.stderr
    assert ended.stderr == ""
    assert content_digest(bench.train(train, "here", **given)) == content_digest(elsewhere)
    assert content_digest(bench.train(train, "other", seed=1, **given)) != content_digest(elsewhere)


def test_the_folder_tells_what_it_was_trained_on(bench: Bench) -> None:
    train, _ = bench.split(regression_table())
    model = bench.train(train, exclude_columns="town, seen", seed=3)
    rows = training_rows(model)
    assert rows is not None
    assert rows.tolist() == sorted(row_hashes(read_table(train)).tolist())
    found = lineage.verify(model, component="train")
    assert list(found.steps) == ["split_data", "train", "validate_data"]
    record = found.steps["train"]
    assert record.inputs == {"train_data": lineage.read(train).digest}
    assert record.parameters["exclude_columns"] == ["town", "seen"]
    assert record.parameters["seed"] == 3
    assert record.facts["left_out"] == {"town": "excluded", "seen": "excluded"}
    assert record.facts["features"]["built"] == "time"
    assert record.facts["rows"] == 60


def test_the_signature_has_each_column_as_it_was(bench: Bench) -> None:
    train, _ = bench.split(classification_table())
    model = bench.train(train, task="classification", estimator="LogisticRegression")
    assert {column.name: column.type for column in input_columns(model)} == {
        "area": "double", "rooms": "long", "town": "string", "balcony": "boolean", "lift": "boolean",
        "built": "datetime", "seen": "string", "floor": "double",
    }  # fmt: skip
    for line in (model / "requirements.txt").read_text().split():
        assert "==" in line


def test_the_input_example_is_no_row_of_the_data(bench: Bench) -> None:
    table = regression_table()
    train, _ = bench.split(table)
    example = json.loads((bench.train(train) / "input_example.json").read_text())
    row = dict(zip(example["columns"], example["data"][0], strict=True))
    assert set(row) == set(table.columns) - {"y"}
    assert not (table["area"].eq(row["area"]) & table["town"].eq(row["town"]) & table["seen"].eq(row["seen"])).any()


def test_parameters_and_metrics_go_to_the_run_of_the_job(bench: Bench) -> None:
    train, _ = bench.split(regression_table())
    run = bench.client.create_run(bench.client.get_experiment_by_name("loop").experiment_id)
    bench.environment["MLFLOW_RUN_ID"] = run.info.run_id
    model = bench.train(train, parameters='{"alpha": 0.5}')
    logged = bench.client.get_run(run.info.run_id).data
    assert logged.params["estimator"] == "Ridge"
    assert logged.params["parameters"] == '{"alpha": 0.5}'
    assert set(logged.metrics) == {"training.rmse", "training.mae", "training.r2"}
    assert logged.metrics["training.r2"] > 0.5
    assert lineage.read(model).steps["train"].run_id == run.info.run_id


def test_without_a_store_it_says_so_and_leaves_nothing_behind(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    train, _ = bench.split(regression_table())
    bench.environment.clear()
    before = set(bench.folder.iterdir())
    bench.train(train)
    told = capsys.readouterr().out
    assert "MLFLOW_TRACKING_URI is not set: nothing is logged" in told
    assert "Ridge for y: 60 rows, 8 features (3 number, 2 boolean, 1 text, 1 time, 1 time text)" in told
    assert set(bench.folder.iterdir()) - before == {bench.folder / "model"}


def test_rows_that_were_edited_after_the_split_are_refused(bench: Bench) -> None:
    train, _ = bench.split(regression_table())
    read_table(train).assign(y=0.0).to_parquet(train / "data.parquet")
    model = bench.folder / "model"
    ended = bench.process("train", train_data=train, target="y", task="regression", estimator="Ridge", model=model)
    assert ended.code == 1
    assert "is not what split_data wrote: its content digest is sha256:" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not model.exists()


def test_rows_that_were_added_after_the_split_are_refused(bench: Bench) -> None:
    train, _ = bench.split(regression_table())
    regression_table(5).to_parquet(train / "more.parquet")
    with pytest.raises(StepError, match="is not what split_data wrote"):
        bench.train(train)


def test_the_test_side_is_refused(bench: Bench) -> None:
    _, test = bench.split(regression_table())
    with pytest.raises(StepError, match="is the test output of split_data; connect train_data to its train output"):
        bench.train(test)


def test_rows_without_lineage_need_the_explicit_option(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    regression_table().to_csv(bench.folder / "rows.csv", index=False)
    (bench.folder / "data").mkdir()
    (bench.folder / "rows.csv").rename(bench.folder / "data" / "rows.csv")
    with pytest.raises(StepError, match=r"has no lineage\.json"):
        bench.train(bench.folder / "data")
    model = bench.train(bench.folder / "data", require_lineage="False")
    assert "nothing tells that these rows were checked" in capsys.readouterr().out
    assert list(lineage.verify(model).steps) == ["train"]


def test_an_output_that_holds_something_is_refused(bench: Bench) -> None:
    train, _ = bench.split(regression_table())
    (bench.folder / "model").mkdir()
    (bench.folder / "model" / "mine.txt").touch()
    with pytest.raises(StepError, match="is not empty"):
        bench.train(train)


BAD = {
    "no such target": ({"target": "Y2"}, r"--target names the column 'Y2', which is missing.*There are: area"),
    "target spelled nearly": ({"target": "flor"}, r"Did you mean 'floor'\?"),
    "no such exclusion": ({"exclude_columns": "towm,area"}, r"--exclude-columns names the column 'towm'.*'town'"),
    "target excluded": ({"exclude_columns": "y"}, "--exclude-columns names the target 'y'"),
    "target with nulls": ({"target": "floor"}, r"the target 'floor' is missing in \d+ of 60 rows"),
    "text for regression": ({"target": "balcony"}, "the target 'balcony' is true or false"),
    "unknown estimator": ({"estimator": "RandomForest"}, r"is not on the list\. Did you mean 'RandomForestRegressor'"),
    "other task": ({"estimator": "SVC"}, "SVC is for classification, the task is regression"),
    "parameters no JSON": ({"parameters": "{alpha: 1}"}, "--parameters is not JSON: .* at character 2"),
    "parameters no object": ({"parameters": "[1]"}, "--parameters must be a JSON object"),
    "parameter twice": ({"parameters": '{"alpha": 1, "alpha": 2}'}, "--parameters names 'alpha' more than once"),
    "unknown parameters": (
        {"parameters": '{"alhpa": 1, "max_itr": 2}'},
        r"'alhpa' is not one\. Did you mean 'alpha'\? 'max_itr' is not one\. Did you mean 'max_iter'\?",
    ),
    "bad value": ({"parameters": '{"alpha": "high"}'}, "Ridge cannot be trained so: The 'alpha' parameter of Ridge"),
    "bad value of a sort": (
        {"estimator": "KNeighborsRegressor", "parameters": '{"n_neighbors": 1000}'},
        "KNeighborsRegressor cannot predict the rows that it was trained on: .*n_neighbors",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_each_bad_input_gets_its_message(bench: Bench, case: str) -> None:
    options, message = BAD[case]
    train, _ = bench.split(regression_table())
    with pytest.raises(StepError, match=message):
        bench.train(train, **options)
    assert not (bench.folder / "model").exists()


def test_fractions_are_no_classes(bench: Bench) -> None:
    train, _ = bench.split(regression_table())
    with pytest.raises(StepError, match=r"holds fractions such as .* Is the task regression\?"):
        bench.train(train, task="classification", estimator="LogisticRegression")


def test_one_class_cannot_be_learned(bench: Bench) -> None:
    train, _ = bench.split(classification_table().assign(y="yes"))
    with pytest.raises(StepError, match="is yes in every row; a classifier needs two classes"):
        bench.train(train, task="classification", estimator="LogisticRegression")


@pytest.mark.parametrize("classes", [["no", "yes"], [0, 1], [False, True], [3, 4, 5], ["a", "b", "c"]])
def test_classes_may_be_texts_whole_numbers_or_booleans(bench: Bench, classes: list[object]) -> None:
    table = classification_table()
    table["y"] = [classes[i % len(classes)] for i in range(len(table))]
    train, test = bench.split(table)
    model = bench.train(train, task="classification", estimator="DecisionTreeClassifier")
    predicted = load_estimator(model).predict(as_model_input(read_table(test), input_columns(model)))
    assert set(predicted.tolist()) <= set(classes)
    assert {type(value) for value in predicted.tolist()} == {type(classes[0])}


def test_warnings_of_the_estimator_are_told(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    train, _ = bench.split(classification_table())
    bench.train(train, task="classification", estimator="MLPClassifier", parameters='{"max_iter": 2}')
    assert "note from MLPClassifier: Stochastic Optimizer: Maximum iterations (2) reached" in capsys.readouterr().out


def test_a_table_of_one_row_is_refused(bench: Bench) -> None:
    train, _ = bench.split(regression_table(2))
    with pytest.raises(StepError, match="there are 1 rows to train on; at least 2 are needed"):
        bench.train(train)


def test_unused_columns_are_told(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    table = regression_table().assign(nothing=np.nan, always=7, id=lambda t: [f"flat-{i}" for i in t.index])
    train, _ = bench.split(table)
    model = bench.train(train)
    told = capsys.readouterr().out
    assert "left out: nothing (it has no value)" in told
    assert "left out: always (it is always 7)" in told
    assert "left out: id (every row has another text)" in told
    assert not {"nothing", "always", "id"} & {column.name for column in input_columns(model)}


def test_a_model_learns_from_each_kind_of_column() -> None:
    """Each kind of column alone explains the target, so the preparation must have carried its information."""
    from sklearn.tree import DecisionTreeRegressor

    from columns import find_features
    from preparation import make_pipeline_of

    half = [0, 1] * 40
    kinds = {
        "number": [1.5 + x for x in half],
        "boolean": [bool(x) for x in half],
        "nulls": [1.0 if x else None for x in half],
        "text": ["ab"[x] for x in half],
        "nulls of text": ["a" if x else None for x in half],
        "time": [pd.Timestamp(2024, 1, 1 + x) for x in half],
        "nulls of time": [pd.Timestamp(2024, 1, 1) if x else None for x in half],
        "time text": [f"2024-01-0{1 + x}T10:00:00" for x in half],
        "duration": [pd.Timedelta(days=x) for x in half],
        "category": pd.Categorical(["ab"[x] for x in half]),
        "zoned time": [pd.Timestamp(2024, 1, 1 + x, tz="Europe/Oslo") for x in half],
    }
    for name, values in kinds.items():
        table = pd.DataFrame({name: values})
        features = find_features(table.assign(other=range(80)), ["other"])
        rows = as_model_input(table, features.columns)
        predicted = make_pipeline_of(features, DecisionTreeRegressor()).fit(rows, half).predict(rows)
        assert predicted.tolist() == half, name


def test_values_that_were_never_seen_are_no_failure(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    rows = as_model_input(read_table(test), input_columns(model))
    strange = rows.assign(town="Paris", rooms=np.nan, area=1e9, built=pd.NaT, lift=np.nan, balcony=np.nan, seen=None)
    assert np.isfinite(load_estimator(model).predict(strange)).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_estimator_of_the_list_can_be_saved_safely(tmp_path: Path) -> None:
    import skops.io

    from columns import find_features
    from estimators import ESTIMATORS, make_estimator
    from penstock_steps.models import trusted_types
    from preparation import make_pipeline_of
    from reproducible import settle_skops

    tables = {"regression": regression_table(40), "classification": classification_table(40)}
    for task, estimators in ESTIMATORS.items():
        assert len(estimators) >= 8
        table = tables[task]
        features = find_features(table.drop(columns="y"), [])
        rows = as_model_input(table, features.columns)
        for name in estimators:
            settings = make_estimator(name, task, {}, 0).get_params()
            quick = {"n_estimators": 3} if "n_estimators" in settings else {}
            quick |= {"max_iter": 20, "tol": 1.0} if name.startswith(("MLP", "HistGradient")) else {}
            pipeline = make_pipeline_of(features, make_estimator(name, task, quick, 0)).fit(rows, abs_or(table["y"]))
            path = tmp_path / f"{name}.skops"
            skops.io.dump(pipeline, path)
            trusted = trusted_types(skops.io.get_untrusted_types(file=path))
            settle_skops(path)
            loaded = skops.io.load(path, trusted=trusted)
            assert np.array_equal(loaded.predict(rows), pipeline.predict(rows)), name


def abs_or(column: pd.Series) -> pd.Series:
    """Positive numbers, which PoissonRegressor asks for; texts as they are."""
    return column.abs() if column.dtype.kind == "f" else column
