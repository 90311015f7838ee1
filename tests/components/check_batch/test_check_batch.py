"""check_batch: a row that is lost, doubled, moved or changed fails the step, and it names file and row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from batches import Batch, row, table

from penstock_steps import lineage
from penstock_steps.errors import StepError

Edit = Callable[[list[str]], list[str]]


@pytest.fixture
def done(batch: Batch) -> Batch:
    """Four rows, of which the third was set aside, and another file."""
    batch.add("a.csv", table(row(area="1"), row(area="2"), row(area="x"), row(area="4")))
    batch.add("sub/b.csv", table(row()))
    batch.init()
    batch.score("a.csv", "sub/b.csv")
    return batch


def edit(path: Path, change: Edit) -> None:
    lines = change(path.read_text(encoding="utf-8").splitlines())
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_whole_batch_passes_and_is_told(done: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    report = done.check()
    assert report == {
        "rows": 5,
        "scored": 4,
        "set_aside": 1,
        "set_aside_by_column": {"area": 1},
        "files": [
            {"file": "a.csv", "rows": 4, "scored": 3, "set_aside": 1},
            {"file": "sub/b.csv", "rows": 1, "scored": 1, "set_aside": 0},
        ],
    }
    assert "5 rows = 4 scored + 1 set aside\n  set aside because of area: 1" in capsys.readouterr().out
    assert lineage.verify(done.folder / "report", component="check_batch").steps["check_batch"].facts["rows"] == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], "row 4 of a.csv, which was not set aside, is missing in"),
        (lambda lines: [lines[0], *lines[2:]], "row 1 of a.csv, which was not set aside, is not in its place"),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "row 1 of a.csv, .* is not in its place"),
        (lambda lines: [*lines, lines[-1]], "has more rows than .*a.csv without those set aside"),
        (lambda lines: [*lines[:-1], lines[-1].replace("Oslo", "Bergen")], "row 4 of a.csv, .* or was changed"),
        (lambda lines: [line.rsplit(",", 1)[0] for line in lines], "has other columns than .*a.csv and one more"),
    ],
)
def test_scored_rows_that_are_not_those_of_the_file_fail(done: Batch, change: Edit, message: str) -> None:
    edit(done.scored / "a.csv", change)
    with pytest.raises(StepError, match=message):
        done.check()
    assert not (done.folder / "report").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [], "row 3 of a.csv, which was not set aside, is not in its place"),
        (lambda lines: [*lines, *lines], "names a row twice, or not in order"),
        (lambda lines: [*lines, json.dumps({"row": 9})], "row 9 of a.csv was set aside, but the file has 4 rows"),
        (lambda lines: [*lines, json.dumps({"row": 4})], "has more rows than"),
        (lambda lines: ["?"], "does not hold rows that batch_score set aside"),
    ],
)
def test_rows_set_aside_that_are_not_those_of_the_file_fail(done: Batch, change: Edit, message: str) -> None:
    edit(done.set_aside / "a.csv.jsonl", change)
    with pytest.raises(StepError, match=message):
        done.check()


def test_a_file_that_is_missing_or_too_many_fails(done: Batch) -> None:
    (done.scored / "c.csv").write_text("a\n")
    with pytest.raises(StepError, match=r"scored/c\.csv: no file of .* is named so"):
        done.check()
    (done.scored / "c.csv").unlink()
    (done.scored / "sub" / "b.csv").unlink()
    with pytest.raises(StepError, match=r"sub/b\.csv was not scored"):
        done.check()
    (done.set_aside / "sub" / "b.csv.jsonl").unlink()
    with pytest.raises(StepError, match=r"b\.csv\.jsonl is not there"):
        done.check()


def test_more_rows_set_aside_than_may_be_fail(done: Batch) -> None:
    done.check(max_set_aside=0.2)
    with pytest.raises(StepError, match=r"1 of 5 rows were set aside \(20\.0%\), at most 19\.0% may be"):
        done.check(max_set_aside=0.19)


def test_no_table_is_no_batch(batch: Batch) -> None:
    batch.add("notes.json", "{}")
    with pytest.raises(StepError, match="holds no table, so nothing was scored"):
        batch.check()


def test_parquet_is_compared_by_value(batch: Batch) -> None:
    batch.data.mkdir()
    batch.scored.mkdir()
    batch.set_aside.mkdir()
    given = pa.table({"a": [1.0, float("nan"), None], "b": ["x", None, "z"]})
    pq.write_table(given, batch.data / "t.parquet")
    (batch.set_aside / "t.parquet.jsonl").write_text("")
    pq.write_table(given.append_column("prediction", pa.array([1, 2, 3])), batch.scored / "t.parquet")
    assert batch.check()["scored"] == 3
    other = given.set_column(1, "b", pa.array(["x", "y", "z"]))
    pq.write_table(other.append_column("prediction", pa.array([1, 2, 3])), batch.scored / "t.parquet")
    with pytest.raises(StepError, match=r"row 2 of t\.parquet"):
        batch.check()
