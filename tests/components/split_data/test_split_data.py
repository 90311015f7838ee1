"""The step as a job starts it, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from step_process import flags, start

from penstock_steps import lineage
from penstock_steps.digests import content_digest
from penstock_steps.errors import StepError

FRAME = pd.DataFrame(
    {
        "id": range(200),
        "when": pd.date_range("2024-01-01", periods=200, tz="UTC"),
        "kind": ["a", "b", "b", None] * 50,
        "gap": [1.5, None] * 100,
    }
)


def test_the_process(bench: Any, code: Path) -> None:
    data = bench.table(FRAME)
    ended = start(code, "split_data", **bench.flags(data))
    assert (ended.code, ended.stderr) == (0, "")
    sizes = {name: len(pd.read_parquet(bench.folder / name / "data.parquet")) for name in ("train", "test")}
    assert sum(sizes.values()) == 200
    assert ended.stdout.splitlines()[:2] == ["Rows:  200, split by hash", f"Train: {sizes['train']} rows"]
    assert ended.stdout.splitlines()[2].startswith(f"Test:  {sizes['test']} rows (")
    changed = start(code, "split_data", **bench.flags(bench.table(FRAME[1:]), bench.folder / "report"))
    assert (changed.code, changed.stdout) == (1, "")
    assert "is not the data that validate_data checked" in changed.stderr
    assert "Traceback" not in changed.stderr


def test_each_row_is_on_one_side_and_unchanged(bench: Any) -> None:
    train, test = bench.split(FRAME)
    assert_frame_equal(pd.concat([train, test]).sort_values("id", ignore_index=True), FRAME)
    assert not set(train["id"]) & set(test["id"])


def test_lineage_of_both_sides(bench: Any) -> None:
    data = bench.table(FRAME)
    train, test = bench.split(data, key_columns="id, kind", seed=4)
    for name in ("train", "test"):
        read = lineage.verify(bench.folder / name, component="split_data")
        assert read.port == name
        assert set(read.steps) == {"validate_data", "split_data"}
        own = read.steps["split_data"]
        assert own.inputs["data"] == content_digest(data)
        assert own.facts == {"rows": 200, "train_rows": len(train), "test_rows": len(test)}
        assert own.parameters == {"method": "hash", "test_fraction": 0.2, "seed": 4, "key_columns": ["id", "kind"]}


def test_the_same_data_gives_the_same_bytes(bench: Any) -> None:
    bench.split(FRAME)
    first = content_digest(bench.folder / "test")
    bench.split(FRAME)
    assert content_digest(bench.folder / "test") == first


def test_the_methods_differ_and_do_as_they_are_asked(bench: Any) -> None:
    _, stratified = bench.split(FRAME, method="stratified", stratify_column="kind", test_fraction=0.3)
    assert stratified["kind"].value_counts(dropna=False).to_dict() == {"b": 30, "a": 15, None: 15}
    _, newest = bench.split(FRAME, method="time", time_column="when", test_fraction=0.1)
    assert newest["id"].tolist() == list(range(180, 200))


def test_a_csv_folder(bench: Any) -> None:
    (bench.folder / "parts").mkdir()
    FRAME[:90].to_csv(bench.folder / "parts" / "a.csv", index=False)
    FRAME[90:].to_csv(bench.folder / "parts" / "b.csv", index=False)
    train, test = bench.split(bench.folder / "parts")
    assert sorted([*train["id"], *test["id"]]) == list(range(200))


def test_a_row_keeps_its_side_when_the_file_grows_and_its_dtypes_change(bench: Any) -> None:
    """A null in a later row makes a column of whole numbers one of floats."""
    old, new = bench.folder / "old.csv", bench.folder / "new.csv"
    old.write_text("id,n\n" + "".join(f"{i},{i % 7}\n" for i in range(300)))
    new.write_text("id,n\n" + "".join(f"{i},{i % 7}\n" for i in range(300)) + "300,\n301,5\n")
    _, before = bench.split(old)
    _, after = bench.split(new)
    assert after["n"].dtype != before["n"].dtype
    assert set(before["id"]) == set(after["id"]) & set(range(300))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "fraction_0": ({"test_fraction": 0}, "test_fraction is 0.0; it must be between 0 and 1"),
    "fraction_nan": ({"test_fraction": "nan"}, "test_fraction is nan"),
    "stratified_without_column": ({"method": "stratified"}, "the method stratified needs stratify_column"),
    "time_without_column": ({"method": "time"}, "the method time needs time_column"),
    "ignored_column": ({"time_column": "when"}, "time_column is given, but the method is hash"),
    "ignored_keys": (
        {"method": "time", "time_column": "when", "key_columns": "id"},
        "key_columns is given, but the method time",
    ),
    "no_key": ({"key_columns": " , "}, "key_columns names no column"),
    "unknown_key": (
        {"key_columns": "ID,kin"},
        r"lacks: 'ID'; did you mean 'id'\?, 'kin'; did you mean 'kind'\? \(it has id, when",
    ),
    "unknown_stratum": (
        {"method": "stratified", "stratify_column": "sort"},
        "names a column that the data lacks: 'sort'",
    ),
    "unknown_time": (
        {"method": "time", "time_column": "whem"},
        "time_column names a column that the data lacks: 'whem'; did you mean 'when'",
    ),
    "no_time": ({"method": "time", "time_column": "kind"}, "column 'kind' is null in row 4"),
    "empty_test": ({"method": "stratified", "stratify_column": "id"}, "no row of 200 would be in test"),
    "empty_train": (
        {"method": "stratified", "stratify_column": "id", "test_fraction": 0.6},
        "no row of 200 would be in train",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_parameters_that_cannot_be_obeyed(case: str, bench: Any) -> None:
    values, message = REFUSED[case]
    with pytest.raises(StepError, match=message):
        bench.split(FRAME, **values)
    assert not (bench.folder / "train").exists(), "nothing half-done"


def test_data_that_changed_after_the_gate_is_refused(bench: Any) -> None:
    report = bench.report(bench.table(FRAME))
    bench.table(FRAME.assign(gap=0.0))
    with pytest.raises(StepError, match=r"is not the data that validate_data checked: its content digest is sha256:"):
        bench.split(bench.folder / "data.parquet", report=report)


def test_data_that_the_gate_refused_is_refused(bench: Any) -> None:
    data = bench.table(FRAME)
    with pytest.raises(StepError, match="the validation report says that the data is refused"):
        bench.split(data, report=bench.report(data, state="failed"))


def test_a_report_that_was_changed_is_refused(bench: Any, edit: Callable[..., None]) -> None:
    report = bench.report(bench.table(FRAME), state="failed")
    edit(report / "report.json", verdict="passed", results=[])
    with pytest.raises(StepError, match="is not what validate_data wrote"):
        bench.split(bench.folder / "data.parquet", report=report)


def test_another_steps_output_is_no_report(bench: Any) -> None:
    bench.split(FRAME)
    with pytest.raises(StepError, match="was written by split_data, not by validate_data"):
        bench.split(bench.folder / "data.parquet", report=bench.folder / "train")


def test_data_that_is_gone(bench: Any) -> None:
    report = bench.report(bench.table(FRAME))
    with pytest.raises(StepError, match=r"nowhere\.csv does not exist"):
        bench.split(bench.folder / "nowhere.csv", report=report)


def test_the_flags_are_those_of_the_command(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench.step.main(flags(method="random"))
    assert "invalid choice: 'random' (choose from 'hash', 'stratified', 'time')" in capsys.readouterr().err


def test_the_report_of_the_real_gate_is_taken(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from step_process import load

    data = bench.table(FRAME)
    suite = {"name": "s", "expectations": [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}]}
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    report = tmp_path / "real"
    gate = load("validate_data", monkeypatch)
    gate.main(flags(data=data, suite=tmp_path / "suite.json", fail_on="critical", min_rows=1, report=report))
    train, test = bench.split(data, report=report)
    assert len(train) + len(test) == np.int64(200)


def test_nothing_heavy_is_imported(code: Path) -> None:
    heavy = {"great_expectations", "scipy", "sklearn", "mlflow", "jinja2"}
    program = f"import sys, split_data; print(*{heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], cwd=code, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
