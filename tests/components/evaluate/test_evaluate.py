"""evaluate: candidate and champion on the same rows, and never a silent accept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from model_side import Bench, classification_table, regression_table
from sklearn.metrics import root_mean_squared_error

from penstock_steps import lineage
from penstock_steps.errors import StepError
from penstock_steps.model_input import as_model_input
from penstock_steps.models import input_columns, load_estimator
from penstock_steps.tables import read_table

BAD_ESTIMATOR = {"estimator": "DummyRegressor"}
METRICS = json.dumps({"rmse": {"min_improvement": 0.5, "floor": 1000}, "r2": {}, "mae": {}})


def measured(model: Path, test: Path) -> float:
    rows = read_table(test)
    predicted = load_estimator(model).predict(as_model_input(rows, input_columns(model)))
    return float(root_mean_squared_error(rows["y"], predicted))


def test_the_first_candidate_needs_its_floors_only(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    decision = bench.decision(bench.evaluate(model, test, metrics=METRICS))
    assert decision["verdict"] == "accept"
    assert "there is no champion yet" in decision["reasons"][-1]
    assert decision["champion"] is None
    assert (
        decision["metrics"]["champion"] is decision["metrics"]["difference"] is decision["metrics"]["interval"] is None
    )
    assert decision["metrics"]["candidate"]["rmse"] == pytest.approx(measured(model, test))
    assert decision["candidate"] == {"digest": lineage.read(model).digest}
    assert decision["data"] == {
        "digest": lineage.read(test).digest, "rows": 20, "rows_champion_trained_on": None,
    }  # fmt: skip
    assert decision["suite"] == {"name": "checks", "digest": f"sha256:{'5' * 64}"}


def test_a_floor_that_is_missed_rejects_the_first_candidate(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    metrics = json.dumps({"rmse": {"min_improvement": 0, "floor": 0.001}})
    decision = bench.decision(bench.evaluate(bench.train(train), test, metrics=metrics))
    assert decision["verdict"] == "reject"
    assert "misses its floor of at most 0.001" in decision["reasons"][0]


def test_a_better_candidate_and_a_worse_one(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = bench.split(regression_table())
    champion = bench.champion(train, test, estimator="KNeighborsRegressor")
    better, worse = bench.train(train, "better"), bench.train(train, "worse", **BAD_ESTIMATOR)
    capsys.readouterr()
    accepted = bench.decision(bench.evaluate(better, test, "accepted", metrics=METRICS))
    assert accepted["verdict"] == "accept"
    assert accepted["champion"] == {"name": "rent", "version": "1"}
    difference = measured(better, test) - measured(champion, test)
    assert accepted["metrics"]["difference"]["rmse"] == pytest.approx(difference)
    assert accepted["metrics"]["champion"]["rmse"] == pytest.approx(measured(champion, test))
    low, high = accepted["metrics"]["interval"]["rmse"]
    assert low < difference < high
    assert accepted["data"]["rows_champion_trained_on"] == 0
    told = capsys.readouterr().out
    assert "verdict: accept" in told
    assert "20 held-out rows; candidate against champion 1" in told
    rejected = bench.decision(bench.evaluate(worse, test, "rejected", metrics=METRICS))
    assert rejected["verdict"] == "reject"
    assert len(rejected["reasons"]) == 1
    assert "higher than champion version 1" in rejected["reasons"][0]


def test_the_same_model_again_is_no_improvement(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.champion(train, test)
    decision = bench.decision(bench.evaluate(model, test, "again"))
    assert decision["verdict"] == "reject"
    assert "is the same as that of champion version 1" in decision["reasons"][0]
    assert decision["metrics"]["interval"]["rmse"] == [0.0, 0.0]


def test_a_champion_that_an_interrupted_run_left_without_a_package_is_accepted_again(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.champion(train, test)
    bench.client.delete_model_version_tag("rent", "1", "package_digest")
    decision = bench.decision(bench.evaluate(model, test, "again"))
    assert decision["verdict"] == "accept"
    assert "which a run that was interrupted has left without a package" in decision["reasons"][0]
    other = bench.decision(bench.evaluate(bench.train(train, "other", parameters='{"alpha": 100000}'), test, "other"))
    assert other["verdict"] == "reject", "another model is judged as ever"


def test_evaluating_twice_gives_the_same_decision(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    bench.champion(train, test, estimator="KNeighborsRegressor")
    model = bench.train(train)
    first, second = bench.evaluate(model, test, "first"), bench.evaluate(model, test, "second")
    assert (first / "decision.json").read_bytes() == (second / "decision.json").read_bytes()


def test_rows_that_the_champion_was_trained_on_are_counted(bench: Bench) -> None:
    table = regression_table()
    bench.champion(*bench.split(table))
    train, test = bench.split(table, "reshuffled", seed=1)  # all held-out rows of this one were on the other side
    decision = bench.decision(bench.evaluate(bench.train(train), test))
    assert decision["data"]["rows_champion_trained_on"] == decision["data"]["rows"] == 20


def test_metrics_and_verdict_go_to_the_run_of_the_job(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    bench.champion(train, test, estimator="KNeighborsRegressor")
    model = bench.train(train)
    run = bench.client.create_run(bench.client.get_experiment_by_name("loop").experiment_id)
    bench.environment["MLFLOW_RUN_ID"] = run.info.run_id
    decision = bench.decision(bench.evaluate(model, test, metrics=METRICS))
    logged = bench.client.get_run(run.info.run_id).data
    assert logged.metrics["candidate.rmse"] == pytest.approx(decision["metrics"]["candidate"]["rmse"])
    assert logged.metrics["champion.mae"] == pytest.approx(decision["metrics"]["champion"]["mae"])
    assert logged.tags["verdict"] == "accept"
    assert logged.tags["champion_version"] == "1"


CLASSES = {
    "two": (["no", "yes"], ["accuracy", "f1_macro", "roc_auc"]),
    "three": ([1, 2, 3], ["log_loss", "roc_auc"]),
    "booleans": ([False, True], ["matthews_correlation"]),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classification(bench: Bench, case: str) -> None:
    classes, names = CLASSES[case]
    table = classification_table()
    ranks = table["area"].rank(method="first", pct=True)
    table["y"] = pd.Series(classes)[(ranks * len(classes) * 0.999).astype(int)].to_numpy()
    train, test = bench.split(table)
    bench.champion(train, test, task="classification", estimator="DummyClassifier")
    model = bench.train(train, task="classification", estimator="LogisticRegression")
    metrics = json.dumps({name: {"min_improvement": 0} for name in names})
    decision = bench.decision(bench.evaluate(model, test, task="classification", metrics=metrics))
    assert decision["verdict"] == "accept", decision["reasons"]
    assert set(decision["metrics"]["candidate"]) == set(names)
    assert all(np.isfinite(value) for value in decision["metrics"]["difference"].values())


def test_a_metric_without_a_value_is_a_reject(bench: Bench) -> None:
    table = classification_table()
    table.loc[np.arange(len(table)) % 4 == 0, "y"] = "yes"  # the held-out rows
    train, test = bench.split(table)
    metrics = json.dumps({"roc_auc": {"min_improvement": 0}, "accuracy": {}})
    given = {"task": "classification", "metrics": metrics}
    model = bench.train(train, task="classification", estimator="LogisticRegression")
    decision = bench.decision(bench.evaluate(model, test, **given))
    assert decision["verdict"] == "reject"
    assert decision["reasons"] == ["roc_auc of the candidate cannot be computed: the rows hold no case of the class no"]
    assert decision["metrics"]["candidate"]["roc_auc"] is None
    model = bench.train(train, "margin", task="classification", estimator="LinearSVC")
    decision = bench.decision(bench.evaluate(model, test, "margin-decision", **given))
    assert decision["verdict"] == "reject"
    assert "the model gives no probabilities" in decision["reasons"][0]


def test_a_champion_that_needs_a_column_which_is_gone_is_not_beaten(bench: Bench) -> None:
    table = regression_table()
    bench.champion(*bench.split(table), **BAD_ESTIMATOR)
    train, test = bench.split(table.drop(columns="town"), "narrow")
    decision = bench.decision(bench.evaluate(bench.train(train), test))
    assert decision["verdict"] == "reject"
    assert "version 1 of rent, could not be scored" in decision["reasons"][0]
    assert "the column 'town' is missing" in decision["reasons"][0]
    assert decision["metrics"]["champion"] is None
    assert decision["champion"] == {"name": "rent", "version": "1"}


def artifacts(bench: Bench) -> Path:
    [model] = (bench.folder / "artifacts").rglob("model")
    return model


def test_a_champion_that_was_tampered_with_is_not_loaded(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    bench.champion(train, test, **BAD_ESTIMATOR)
    other = bench.train(train, "other", estimator="KNeighborsRegressor")
    shutil.copyfile(other / "model.skops", artifacts(bench) / "model.skops")
    decision = bench.decision(bench.evaluate(bench.train(train), test))
    assert decision["verdict"] == "reject"
    assert "has changed since it was registered" in decision["reasons"][0]


def test_a_champion_that_is_gone_is_not_beaten(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    bench.champion(train, test, **BAD_ESTIMATOR)
    model = bench.train(train)
    bench.client.set_registered_model_tag("rent", "champion", "12")
    decision = bench.decision(bench.evaluate(model, test, "no-version"))
    assert decision["verdict"] == "reject"
    assert "version 12" in decision["reasons"][0]
    bench.client.set_registered_model_tag("rent", "champion", "1")
    shutil.rmtree(artifacts(bench))
    decision = bench.decision(bench.evaluate(model, test, "no-files"))
    assert decision["verdict"] == "reject"
    assert "could not be scored" in decision["reasons"][0]


def test_a_champion_without_a_digest_is_not_loaded(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    bench.champion(train, test, **BAD_ESTIMATOR)
    bench.client.delete_model_version_tag("rent", "1", "model_digest")
    decision = bench.decision(bench.evaluate(bench.train(train), test))
    assert decision["verdict"] == "reject"
    assert "has no tag model_digest, so its content cannot be checked" in decision["reasons"][0]


def test_a_champion_for_another_target_is_not_compared(bench: Bench) -> None:
    table = regression_table()
    train, test = bench.split(table)
    bench.champion(train, test)
    model = bench.train(train, "area-model", target="area")
    decision = bench.decision(bench.evaluate(model, test, target="area"))
    assert decision["verdict"] == "reject"
    assert "it was trained for regression of 'y', here regression of 'area' is asked" in decision["reasons"][0]


def test_a_candidate_for_another_target_is_refused(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    with pytest.raises(StepError, match="the candidate was trained for regression of 'y', here regression of 'area'"):
        bench.evaluate(model, test, target="area")


def test_rows_and_model_must_be_of_one_split(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    _, strange = bench.split(regression_table(), "other", seed=1)
    with pytest.raises(StepError, match="come from different runs of split_data"):
        bench.evaluate(model, strange)
    with pytest.raises(StepError, match="is the train output of split_data; connect test_data to its test output"):
        bench.evaluate(model, train)
    with pytest.raises(StepError, match="was written by split_data, not by train"):
        bench.evaluate(test, test)


def test_a_model_of_unknown_rows_is_refused(bench: Bench) -> None:
    _, test = bench.split(regression_table())
    (bench.folder / "rows").mkdir()
    regression_table().to_parquet(bench.folder / "rows" / "data.parquet")
    model = bench.train(bench.folder / "rows", require_lineage="false")
    with pytest.raises(StepError, match=r"nothing tells that the rows in .* were held out"):
        bench.evaluate(model, test)


def test_held_out_rows_that_were_changed_are_refused(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    read_table(test).assign(y=0.0).to_parquet(test / "data.parquet")
    ended = bench.process(
        "evaluate", candidate=model, test_data=test, target="y", task="regression", model_name="rent",
        metrics=METRICS, decision=bench.folder / "decision",
    )  # fmt: skip
    assert ended.code == 1
    assert "is not what split_data wrote: its content digest is" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (bench.folder / "decision").exists()


def test_a_candidate_that_was_changed_is_refused(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    other = bench.train(train, "other", **BAD_ESTIMATOR)
    shutil.copyfile(other / "model.skops", model / "model.skops")
    with pytest.raises(StepError, match="is not what train wrote"):
        bench.evaluate(model, test)


def test_without_a_store_nobody_knows_the_champion(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    bench.environment.clear()
    with pytest.raises(StepError, match="MLFLOW_TRACKING_URI is not set, so there is no model registry to look into"):
        bench.evaluate(model, test)


def test_no_rows_and_no_target_are_told(bench: Bench) -> None:
    table = regression_table()
    train, _ = bench.split(table)
    model = bench.train(train)
    _, empty = bench.split(table.head(0), "empty")
    from scoring import held_out

    with pytest.raises(StepError, match="holds no rows to score on"):
        held_out(empty, "y", "regression")
    with pytest.raises(StepError, match=r"--target names the column 'yy', which is missing"):
        held_out(empty, "yy", "regression")
    nulls = table.assign(y=table["y"].where(table.index != 4))
    _, test = bench.split(nulls, "nulls")
    with pytest.raises(StepError, match="the target 'y' is missing in 1 of 20 rows"):
        bench.evaluate(model, test)


def test_a_process_says_what_it_decided(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    ended = bench.process(
        "evaluate", candidate=model, test_data=test, target="y", task="regression", model_name="rent",
        metrics=json.dumps({"rmse": {"min_improvement": 0, "floor": 0.1}}), decision=bench.folder / "decision",
    )  # fmt: skip
    assert ended.code == 0, ended.stderr
    assert ended.stderr == ""
    assert "verdict: reject" in ended.stdout
    assert "misses its floor of at most 0.1" in ended.stdout
    assert lineage.verify(bench.folder / "decision", component="evaluate").port == "decision"
