"""batch_score: every row comes out once, predicted as the package predicts, or set aside with the reason."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from batches import COLUMNS, Batch, row, table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaged import Made
from pandas._libs.parsers import STR_NA_VALUES

import batch_score
import package_model
from batch_values import NULLS, from_text
from penstock_steps.digests import file_digest
from penstock_steps.errors import StepError
from penstock_steps.model_input import as_model_input
from penstock_steps.models import input_columns, load_estimator


def predicted(made: Made, frame: pd.DataFrame) -> list[float]:
    """What the model itself says."""
    rows = as_model_input(frame, input_columns(made.model))
    return list(load_estimator(made.model).predict(rows))


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_the_rows_are_predicted_as_the_model_does_and_keep_their_columns(batch: Batch) -> None:
    frame = pd.read_parquet(batch.made.test / "data.parquet").drop(columns="y")
    frame.insert(0, "id", [f"flat-{number}" for number in range(len(frame))])
    batch.add("flats.csv", frame.to_csv(index=False))
    batch.init()
    counts = {"file": "flats.csv", "rows": len(frame), "scored": len(frame), "set_aside": 0}
    assert batch.score() == [counts]
    header, *rows = rows_of(batch.scored / "flats.csv")
    assert header == [*frame.columns, "prediction"]
    read = pd.read_csv(batch.data / "flats.csv")
    assert [float(cells[-1]) for cells in rows] == pytest.approx(predicted(batch.made, read))
    assert [",".join(cells[:-1]) for cells in rows] == (batch.data / "flats.csv").read_text().splitlines()[1:]
    assert batch.aside("flats.csv") == []


def test_bad_rows_are_set_aside_with_file_row_line_column_and_reason(batch: Batch) -> None:
    good = row()
    text = table(good, row(area="big"), "", f"{good},more", row(rooms="NA"), row(lift="perhaps", seen="x"), good)
    batch.add("2026/may.csv", text)
    batch.init()
    assert batch.score() == [{"file": "2026/may.csv", "rows": 6, "scored": 3, "set_aside": 3}]
    found = batch.aside("2026/may.csv")
    assert [(each["file"], each["row"], each["line"], each["column"]) for each in found] == [
        ("2026/may.csv", 2, 3, "area"),
        ("2026/may.csv", 3, 5, None),
        ("2026/may.csv", 5, 7, "lift"),
    ]
    assert found[0]["why"] == "the column 'area' takes a number or null, not \"big\""
    assert "has 9 values, the header names 8 columns" in found[1]["why"]
    assert found[1]["values"] == [*good.split(","), "more"]
    assert len(rows_of(batch.scored / "2026" / "may.csv")) == 1 + 3


def test_parquet_stays_parquet_with_its_types(batch: Batch) -> None:
    frame = pd.read_parquet(batch.made.test / "data.parquet").drop(columns="y")
    given = pa.Table.from_pandas(frame, preserve_index=False)
    given = given.append_column("when", pa.array([pd.Timestamp("2026-01-01")] * len(frame), pa.timestamp("us", "UTC")))
    infinite = given.column("area").to_pylist()
    infinite[4] = float("inf")
    given = given.set_column(given.column_names.index("area"), "area", pa.array(infinite))
    batch.data.mkdir()
    pq.write_table(given, batch.data / "flats.parquet", row_group_size=7)
    batch.init(prediction_column="rent")
    assert batch.score() == [{"file": "flats.parquet", "rows": 20, "scored": 19, "set_aside": 1}]
    scored = pq.read_table(batch.scored / "flats.parquet")
    assert scored.column_names == [*given.column_names, "rent"]
    assert scored.schema.remove(len(given.column_names)).types == given.schema.types
    kept = frame.drop(index=frame.index[4])
    assert scored.column("rent").to_pylist() == pytest.approx(predicted(batch.made, kept))
    [aside] = batch.aside("flats.parquet")
    assert (aside["row"], aside["line"], aside["column"]) == (5, None, "area")
    assert aside["values"][0] == "inf"
    assert batch.check()["rows"] == 20


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_of_which_no_row_is_scored_is_there_all_the_same(batch: Batch, kind: str, rows: int) -> None:
    if kind == "csv":
        batch.add("t", table(*[row(area="x")] * rows))
    else:
        batch.data.mkdir()
        columns = pd.read_csv(io.StringIO(table(*[row(area="x")] * rows)), dtype=object)
        pq.write_table(pa.Table.from_pandas(columns.astype("string"), preserve_index=False), batch.data / "t")
    batch.init()
    assert batch.score() == [{"file": "t", "rows": rows, "scored": 0, "set_aside": rows}]
    assert batch.check()["set_aside"] == rows


def test_many_rows_go_in_many_requests_and_keep_their_order(batch: Batch) -> None:
    bad = {3, 499, 500, 501, 777, 1203}
    lines = [row(area="?" if number in bad else f"{number}.5") for number in range(1204)]
    batch.add("t.csv", table(*lines))
    batch.init()
    batch.score()
    assert {each["row"] - 1 for each in batch.aside("t.csv")} == bad
    areas = [cells[0] for cells in rows_of(batch.scored / "t.csv")[1:]]
    assert areas == [f"{number}.5" for number in range(1204) if number not in bad]
    assert batch.check()["rows"] == 1204


def test_a_mini_batch_that_is_run_again_writes_nothing_twice(batch: Batch) -> None:
    batch.add("a.csv", table(row(), row(area="x")))
    batch.add("b.csv", table(row()))
    batch.init()
    first = batch.score("a.csv", "b.csv")
    kept = {path: path.read_bytes() for path in batch.folder.rglob("*") if path.is_file()}
    assert batch.score("a.csv", "b.csv") == first
    assert {path: path.read_bytes() for path in batch.folder.rglob("*") if path.is_file()} == kept


def test_an_attempt_that_died_leaves_nothing_that_counts(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    batch.add("a.csv", table(*[row()] * 600, row(area="x")))
    batch.init()
    model, calls = batch_score._work[0].model, []

    def dies(raw: str) -> Any:
        calls.append(raw)
        if len(calls) == 2:
            raise MemoryError
        return real(raw)

    real = model.module.run
    monkeypatch.setattr(model.module, "run", dies)
    with pytest.raises(MemoryError):
        batch.score()
    assert not (batch.scored / "a.csv").exists()
    assert not (batch.set_aside / "a.csv.jsonl").exists()
    assert batch.score()[0]["scored"] == 600
    assert batch.check()["rows"] == 601
    assert {path.name for path in batch.scored.iterdir()} == {"a.csv"}, "the half-written file has been replaced"


def test_what_is_no_table_is_left_out(batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    batch.add("t.csv", table(row()))
    batch.add("lineage.json", "{}")
    batch.add("_state/x", "?")
    batch.init()
    assert sum(each["rows"] for each in batch.score()) == 1
    assert "lineage.json: no table, left out" in capsys.readouterr().out
    assert batch.check()["files"] == [{"file": "t.csv", "rows": 1, "scored": 1, "set_aside": 0}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (table(row()).replace("area", "aera", 1), r"lacks the column 'area'\. Did you mean 'aera'\? rent:1 takes it"),
        (table(row()).replace("\n", ",prediction\n", 1), "has a column 'prediction' already; name another one"),
        (table(row(town='"Oslo')), "is not CSV: .*; look for a quote that is not closed"),
        ("", "is empty"),
        ("\n\n", "holds blank lines only"),
        ("area;rooms\n1;2\n", "is separated by semicolons"),
        (table(row()).replace("rooms", "area", 1), "has the column 'area' more than once"),
        ("PAR1 and no more", "cannot be read as Parquet"),
        ("%PDF-1.7", "it looks like a PDF"),
    ],
)
def test_a_file_that_cannot_be_scored_is_told_and_leaves_nothing(batch: Batch, text: str, message: str) -> None:
    batch.add("t.csv", text)
    batch.init()
    with pytest.raises(StepError, match=message) as raised:
        batch.score()
    assert "t.csv" in str(raised.value)
    assert not (batch.scored / "t.csv").exists()
    assert not (batch.set_aside / "t.csv.jsonl").exists()


def test_a_file_from_elsewhere_is_refused(batch: Batch, tmp_path: Path) -> None:
    batch.init()
    with pytest.raises(StepError, match="does not lie in"):
        batch_score.run([str(tmp_path / "elsewhere.csv")])


def test_the_package_is_verified_before_it_is_loaded(batch: Batch, tmp_path: Path) -> None:
    digest = file_digest(batch.made.package / "manifest.json")
    batch.init(package_digest=digest)
    with pytest.raises(StepError, match=r"manifest\.json"):
        batch.init(package_digest=f"sha256:{'0' * 64}")
    copy = tmp_path / "copy"
    shutil.copytree(batch.made.package, copy)
    (copy / "score.py").write_text("raise SystemExit('it was run')\n")
    with pytest.raises(StepError, match=r"score\.py was changed"):
        batch.init(package=copy)
    (tmp_path / "skipped").mkdir()
    (tmp_path / "skipped" / "skipped.json").write_text('{"reason": "rejected: no better"}')
    with pytest.raises(StepError, match="holds no package, for nothing was packaged: rejected: no better"):
        batch.init(package=tmp_path / "skipped")
    with pytest.raises(StepError, match="is not a package"):
        batch.init(package=tmp_path)


def test_nothing_is_added_to_the_package(batch: Batch) -> None:
    batch.init()
    assert not list(batch.made.package.rglob("*.pyc"))


def test_a_package_that_answers_nonsense_is_told(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    batch.add("t.csv", table(row()))
    batch.init()
    monkeypatch.setattr(batch_score._work[0].model.module, "run", lambda raw: [1.0, 2.0])
    with pytest.raises(StepError, match="answered 2 predictions for 1 rows"):
        batch.score()


def test_an_answer_of_the_server_s_kind_is_read() -> None:
    """As score.py gives it where the inference server is installed."""

    class Response:
        def get_data(self) -> bytes:
            return json.dumps({"status": 400, "field": "input_data.data[0][1]", "error": "no number"}).encode()

    class Module:
        @staticmethod
        def run(raw: str) -> Response:
            return Response()

    columns = [package_model.ModelColumn("a", "double"), package_model.ModelColumn("b", "double")]
    model = package_model.PackageModel("m:1", "", columns, Module)  # type: ignore[arg-type]
    assert model.predict([[1.0, "x"]]) == package_model.Refusal("no number", "b")


def test_missing_values_are_those_of_training() -> None:
    assert set(STR_NA_VALUES) == NULLS


NUMBERS = {"1": 1, " 2.5 ": 2.5, "-1e3": -1000.0, ".5": 0.5, "007": 7, "NA": None, "": None}
NO_NUMBERS = ("1e999", "1_0", "inf", "0x1", "1,5", "٣", "9" * 500)


@pytest.mark.parametrize(("text", "expected"), [*NUMBERS.items(), *((text, text) for text in NO_NUMBERS)])
def test_numbers_are_read_as_training_reads_them(text: str, expected: Any) -> None:
    assert from_text(text, "double") == expected


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
CELLS = st.one_of(
    st.sampled_from(["", "NA", "1", "2.5", "-7e2", "True", "false", "Oslo", "1990-05-01", "nan", "inf", "1e400"]),
    ANY_TEXT,
)
LINES = st.lists(
    st.one_of(
        st.just(row().split(",")),
        st.lists(CELLS, min_size=len(COLUMNS), max_size=len(COLUMNS)),
        st.lists(CELLS, min_size=2, max_size=11),
    ),
    max_size=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES)
def test_rows_in_are_rows_out(batch: Batch, lines: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *lines])
    shutil.rmtree(batch.data, ignore_errors=True)
    batch.add("t.csv", text.getvalue())
    batch.init()
    [counts] = batch.score()
    assert counts["rows"] == counts["scored"] + counts["set_aside"] == len(lines)
    report = batch.check()
    assert (report["rows"], report["scored"]) == (counts["rows"], counts["scored"])
    aside = {each["row"] - 1 for each in batch.aside("t.csv")}
    kept = [cells for number, cells in enumerate(lines) if number not in aside]
    scored = rows_of(batch.scored / "t.csv")[1:]
    assert [cells[:-1] for cells in scored] == kept
    assert all(np.isfinite(float(cells[-1])) for cells in scored)
    usual = row().split(",")
    assert not [number for number in aside if lines[number] == usual]
    assert all(len(cells) == len(COLUMNS) for cells in kept)
