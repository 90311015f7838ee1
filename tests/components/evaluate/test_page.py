"""evaluate, the whole step with all that can be asked of it: slices, other columns, and the page that shows it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_side import Bench, classification_table, regression_table

from penstock_steps.errors import StepError
from penstock_steps.model_input import ModelColumn
from rule import SliceRule
from scoring import new_columns
from slices import _slices, check_columns

EVIL = '<script>alert("x")</script>'


class Page(HTMLParser):
    """The elements of a page and their attributes, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_opens_offline_and_runs_nothing(bench: Bench) -> None:
    table = regression_table().rename(columns={"town": EVIL})
    train, test = bench.split(table)
    bench.champion(train, test, estimator="KNeighborsRegressor")
    slices = json.dumps({EVIL: {"max_worsening": 0, "min_rows": 2}})
    page = Page(bench.evaluate(bench.train(train), test, "second", slices=slices) / "report.html")
    assert "script" not in {tag for tag, _ in page.elements}
    assert EVIL in page.words
    [policy] = [found["content"] or "" for tag, found in page.elements if tag == "meta" and "http-equiv" in found]
    style = re.search(r"<style>(.*)</style>", (bench.folder / "second" / "report.html").read_text(), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:"
    sources = [found.get("src") or found.get("href") for tag, found in page.elements if tag in ("img", "link", "a")]
    assert len(sources) == 3
    assert all((source or "").startswith("data:image/png;base64,") for source in sources)
    assert "not how another training run would have come out" in " ".join(page.words.split())


@pytest.mark.parametrize("column", ["y", "dear3"])
def test_classes_have_a_page_too(bench: Bench, column: str) -> None:
    table = classification_table()
    if column != "y":  # three classes
        table["y"] = ["no", "perhaps", "yes"] * 26 + ["no", "yes"]
    train, test = bench.split(table)
    asked = {"task": "classification", "metrics": json.dumps({"accuracy": {"min_improvement": 0}})}
    bench.champion(train, test, task="classification", estimator="DummyClassifier")
    model = bench.train(train, task="classification", estimator="LogisticRegression")
    page = Page(bench.evaluate(model, test, "second", **asked) / "report.html")
    assert [found["alt"] for tag, found in page.elements if tag == "img"]
    for title in ("Confusion matrix of the candidate", "Confusion matrix of the champion", "ROC curve"):
        assert title in page.words


def test_a_candidate_that_is_worse_on_a_slice_is_rejected(bench: Bench) -> None:
    train, test = bench.split(regression_table(160))
    bench.champion(train, test, estimator="KNeighborsRegressor")
    model = bench.train(train)
    for column, settings in (("town", {"max_worsening": 0}), ("area", {"max_worsening": 0, "min_rows": 5})):
        slices = json.dumps({column: settings})
        decision = bench.decision(bench.evaluate(model, test, f"by-{column}", slices=slices))
        assert sum(one["rows"] for one in decision["slices"]) == decision["data"]["rows"] == 40
        worse = [one for one in decision["slices"] if one["verdict"] == "worse"]
        assert (decision["verdict"] == "reject") is bool(worse)
        assert len(worse) == sum(f"rows with {column}" in reason for reason in decision["reasons"])
        small = [one for one in decision["slices"] if one["rows"] < settings.get("min_rows", 10)]
        assert all("not judged" in one["verdict"] for one in small)
    assert decision["slices"][0]["slice"].startswith("from ")


def test_a_candidate_that_asks_for_other_columns(bench: Bench) -> None:
    table = regression_table(160)
    train, test = bench.split(table)
    bench.champion(train, test, estimator="KNeighborsRegressor", exclude_columns="town,floor")
    model = bench.train(train, exclude_columns="floor")
    rejected = bench.decision(bench.evaluate(model, test, "first"))
    assert rejected["verdict"] == "reject"
    assert "asks for columns that champion version 1 did not: town (string)" in rejected["reasons"][-1]
    assert bench.decision(bench.evaluate(model, test, "second", schema_change="accept"))["verdict"] == "accept"


LONG, DOUBLE = ModelColumn("floor", "long"), ModelColumn("floor", "double")
TEXT = ModelColumn("floor", "string")


@pytest.mark.parametrize(
    ("mine", "theirs", "new"),
    [
        ([LONG], [LONG], []),
        ([LONG], [DOUBLE], []),
        ([DOUBLE], [LONG], []),
        ([], [LONG], []),
        ([TEXT], [LONG], ["floor (string, it was long)"]),
        ([LONG, ModelColumn("lift", "boolean")], [LONG], ["lift (boolean)"]),
    ],
)
def test_what_requests_would_lack(mine: list[ModelColumn], theirs: list[ModelColumn], new: list[str]) -> None:
    """A server takes whole and other numbers alike, and ignores columns that the model does not take."""
    assert new_columns(mine, theirs) == new


@pytest.mark.filterwarnings("ignore:overflow encountered in exp")
def test_a_candidate_whose_predictions_are_infinite_is_rejected_with_a_page(bench: Bench) -> None:
    table = regression_table()
    table["y"] = table["y"].abs()
    table.loc[0, "area"] = 1e9  # a held-out row, for which the exponential overflows
    train, test = bench.split(table)
    bench.champion(train, test)
    made = bench.evaluate(bench.train(train, estimator="PoissonRegressor"), test, "second")
    decision = bench.decision(made)
    assert decision["verdict"] == "reject"
    assert "rmse of the candidate cannot be computed" in decision["reasons"][0]
    assert "Not shown: 1 rows" in Page(made / "report.html").words


def test_a_champion_of_labels_of_another_kind_is_a_reject_with_a_page(bench: Bench) -> None:
    table = classification_table()
    asked = {"task": "classification", "metrics": json.dumps({"accuracy": {"min_improvement": 0}})}
    bench.champion(*bench.split(table), task="classification", estimator="DummyClassifier")
    table["y"] = (table["y"] == "yes").astype(int)
    train, test = bench.split(table, "numbers")
    made = bench.evaluate(
        bench.train(train, task="classification", estimator="LogisticRegression"), test, "second", **asked
    )
    decision = bench.decision(made)
    assert decision["verdict"] == "reject"
    assert "accuracy of the champion, version 1, cannot be computed" in decision["reasons"][0]
    assert "Confusion matrix of the champion" in Page(made / "report.html").words


@given(
    column=st.one_of(
        st.lists(st.one_of(st.none(), st.floats(allow_nan=True)), min_size=1, max_size=60).map(
            lambda values: pd.Series(values, dtype="float64")
        ),
        st.lists(st.one_of(st.none(), st.integers(-(10**12), 10**12)), min_size=1, max_size=60).map(
            lambda values: pd.Series(values, dtype="Int64")
        ),
        st.lists(st.one_of(st.none(), st.booleans(), st.text(max_size=3), st.integers()), min_size=1, max_size=60).map(
            lambda values: pd.Series(values, dtype=object)
        ),
    )
)
def test_every_row_is_in_one_slice(column: pd.Series[Any]) -> None:
    found = list(_slices(column))
    assert sorted(row for _, rows in found for row in rows) == list(range(len(column)))
    assert all(len(rows) for _, rows in found)
    if column.isna().any():
        assert found[0][0] == "missing"
        assert list(found[0][1]) == list(np.flatnonzero(column.isna()))


def test_quarters_are_between_the_quartiles() -> None:
    column = pd.Series([*range(1, 41), np.inf, np.nan], dtype=float)
    assert [(label, len(rows)) for label, rows in _slices(column)] == [
        ("missing", 1),
        ("from 1 to 10.75", 10),
        ("from 10.75 to 20.5", 10),
        ("from 20.5 to 30.25", 10),
        ("from 30.25 to 40", 10),
        ("inf", 1),
    ]


def test_a_column_of_too_many_values_is_no_slice() -> None:
    table = pd.DataFrame({"id": [f"id{number}" for number in range(201)], "number": range(201)})
    with pytest.raises(StepError, match="--slices names the column 'id', which makes 201 slices; take one of at most"):
        check_columns([SliceRule("id", 0.0)], table)
    check_columns([SliceRule("number", 0.0)], table)


def test_the_page_is_an_artifact_of_the_jobs_run(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    run = bench.client.create_run(bench.client.get_experiment_by_name("loop").experiment_id)
    bench.environment["MLFLOW_RUN_ID"] = run.info.run_id
    decision = bench.evaluate(model, test)
    [logged] = bench.client.list_artifacts(run.info.run_id)
    assert logged.path == "report.html"
    assert logged.file_size == (decision / "report.html").stat().st_size


WRONG = {
    "confidence": ({"confidence": 1.5}, "--confidence is 1.5; it must be between 0 and 1"),
    "share": ({"max_trained_on": 2}, "--max-trained-on is 2.0; it is a share"),
    "rows": ({"min_rows": 0}, "--min-rows is 0; it must be 1 or more"),
    "primary": ({"primary_metric": "rmsee"}, "--primary-metric is 'rmsee', which --metrics asks for no improvement of"),
    "huge": ({"slices": f'{{"town": {{"max_worsening": {10**400}}}}}'}, "--slices: 'town' must have an object such as"),
    "slices": ({"slices": '{"town": 3}'}, "--slices: 'town' must have an object such as"),
    "column": ({"slices": '{"twon": {"max_worsening": 1}}'}, "twon"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_asked_wrongly_is_told(bench: Bench, name: str) -> None:
    options, told = WRONG[name]
    train, test = bench.split(regression_table())
    with pytest.raises(StepError, match=re.escape(told)):
        bench.evaluate(bench.train(train), test, **options)
