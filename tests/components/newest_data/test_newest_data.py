"""newest_data: the newest by date or by name, told with its digest; no guess where two could be meant."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from step_process import Ended, snapshot, start

from newest import select
from penstock_steps import lineage
from penstock_steps.digests import file_digest
from penstock_steps.errors import StepError

Fill = Callable[..., Path]


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """A folder with files, each of which holds its own path."""

    def call(*names: str) -> Path:
        for name in names:
            path = tmp_path / "folder" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        return tmp_path / "folder"

    return call


CASES: list[tuple[list[str], str, str | None, str]] = [
    (["a.csv", "b.csv"], "*.csv", None, "b.csv"),
    (["part-9.csv", "part-10.csv"], "*.csv", None, "part-10.csv"),
    (["2026-1-9.csv", "2026-1-10.csv", "2025-12-31.csv"], "*.csv", None, "2026-1-10.csv"),
    (["b.csv", "z/a.csv", "c.parquet"], "*.csv", None, "b.csv"),
    (["b.csv", "z/a.csv", "c.parquet"], "**/*.csv", None, "z/a.csv"),
    (["A.csv", "_temporary/z.csv", ".z.csv", "_z.csv"], "**/*.csv", None, "A.csv"),
    (["x_31-12-2025.csv", "a_01-02-2026.csv"], "*.csv", "%d-%m-%Y", "a_01-02-2026.csv"),
    (["2026/05/07/data.csv", "2026/04/30/data.csv"], "*/*/*/*.csv", "%Y/%m/%d", "2026/05/07/data.csv"),
    (["day=2026-05-07/z.csv", "day=2026-05-08/a.csv"], "**/*.csv", "day=%Y-%m-%d", "day=2026-05-08/a.csv"),
    (["20260507T0930.csv", "20260507T1130.csv"], "*.csv", "%Y%m%dT%H%M", "20260507T1130.csv"),
    (["v1_2026-05.csv", "v2_2026-04.csv"], "*.csv", "%Y-%m", "v1_2026-05.csv"),
]


@pytest.mark.parametrize(("names", "pattern", "date_format", "newest"), CASES)
def test_the_newest(names: list[str], pattern: str, date_format: str | None, newest: str, fill: Fill) -> None:
    assert select(fill(*names), pattern, date_format).file == newest


@given(
    days=st.sets(st.integers(0, 4000), min_size=1, max_size=8),
    date_format=st.sampled_from(("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%Y_%j", "%m-%d-%Y")),
    seed=st.integers(0, 9),
)
def test_by_date_it_is_the_last_day_whatever_else_stands_in_the_names(
    days: set[int], date_format: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("dates")
    words = random.Random(seed)
    names = {}
    for day in days:
        name = f"{words.choice('abc')}{(date(2020, 1, 1) + timedelta(days=day)).strftime(date_format)}.csv"
        names[day] = name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    chosen = select(folder, "**/*.csv", date_format)
    assert (chosen.file, chosen.files) == (names[max(days)], len(days))
    assert chosen.date == f"{date(2020, 1, 1) + timedelta(days=max(days))}T00:00:00"
    assert chosen.before == (names[sorted(days)[-2]] if len(days) > 1 else None)


REFUSED: list[tuple[list[str], str, str | None, str]] = [
    (["a.txt"], "*.csv", None, r"folder holds no file that \*\.csv matches; it holds 1 others, such as a.txt"),
    ([".csv/x"], "*.csv", None, "holds no file"),
    (["1.csv", "01.csv"], "*.csv", None, r"01.csv and 1.csv are both the newest; narrow pattern \(\*.csv\)"),
    (
        ["2026-05-01/a.csv", "2026-05-01/b.csv"],
        "**/*.csv",
        "%Y-%m-%d",
        "2026-05-01/a.csv and 2026-05-01/b.csv are both",
    ),
    (["2026-05-01.csv", "readme.csv"], "*.csv", "%Y-%m-%d", "readme.csv has no date as %Y-%m-%d in it; narrow pattern"),
    (["2026-13-01.csv"], "*.csv", "%Y-%m-%d", "2026-13-01.csv has no date as %Y-%m-%d in it: "),
    (["12026-01-01.csv"], "*.csv", "%Y-%m-%d", "12026-01-01.csv has no date"),
    (["a.csv"], "*.csv", "%B", "date_format '%B' must have some of %Y, %m, "),
    (["a.csv"], "*.csv", "Y-m-d", "date_format 'Y-m-d' must have some of %Y, %m, "),
    (["a.csv"], "/a.csv", None, "pattern '/a.csv' is no glob below the folder: .*; write"),
    (["a.csv"], "", None, "pattern '' is no glob below the folder"),
]


@pytest.mark.parametrize(("names", "pattern", "date_format", "message"), REFUSED)
def test_what_is_refused(names: list[str], pattern: str, date_format: str | None, message: str, fill: Fill) -> None:
    with pytest.raises(StepError, match=message):
        select(fill(*names), pattern, date_format)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, message in (("none", "is no folder; give folder the place"), ("empty", "matches; it is empty")):
        with pytest.raises(StepError, match=message):
            select(tmp_path / name, "*.csv", None)


# --- the step ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot("newest_data", tmp_path_factory.mktemp("code"))


def run(code: Path, folder: Path, outputs: Path, **values: object) -> Ended:
    selection = outputs / "selection"
    selection.mkdir(parents=True, exist_ok=True)
    return start(code, "newest_data", folder=folder, data=outputs / "data", selection=selection, **values)


def test_the_step_hands_on_the_file_and_says_which(code: Path, fill: Fill, tmp_path: Path) -> None:
    folder = fill("2026-05-01.csv", "2026-06-01.csv", "2026-04-01.csv")
    done = run(code, folder, tmp_path / "one", pattern="*.csv", date_format="%Y-%m-%d")
    assert done.code == 0, done.stderr
    data, selection = tmp_path / "one" / "data", tmp_path / "one" / "selection"
    assert data.read_bytes() == (folder / "2026-06-01.csv").read_bytes()
    document = json.loads((selection / "selection.json").read_text())
    assert document == {
        "format": 1,
        "file": "2026-06-01.csv",
        "date": "2026-06-01T00:00:00",
        "files": 3,
        "before": "2026-05-01.csv",
        "digest": file_digest(data),
        "bytes": 14,
    }
    step = lineage.verify(selection, component="newest_data").steps["newest_data"]
    assert step.inputs == {"data": document["digest"]}
    assert step.parameters == {"pattern": "*.csv", "date_format": "%Y-%m-%d"}
    assert (step.facts["file"], step.facts["files"]) == ("2026-06-01.csv", 3)
    assert step.facts["chosen_at"].endswith("+00:00")
    assert f"Newest: 2026-06-01.csv, of 2026-06-01T00:00:00, 14 bytes, {document['digest']}\n" in done.stdout
    assert "Chosen from 3 files that *.csv matches; before it: 2026-05-01.csv\n" in done.stdout


def test_the_step_fails_with_one_sentence(code: Path, fill: Fill, tmp_path: Path) -> None:
    done = run(code, fill("a.txt"), tmp_path / "one", pattern="*.csv")
    assert done.code == 1
    assert done.stderr.startswith("ERROR: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "one" / "data").exists()
