"""MLTable files: what is read agrees with the package `mltable`, and what is wrong with a file is told with its place.

mltable_oracle.json holds what `mltable` 1.7.0 (azureml-dataprep-rslex 2.26.0) makes of tables: it is no dependency, so
its answers are kept. Text columns are `object` there, dates are in ISO form, FOLDER is the folder of the MLTable file.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import RunError
from penstock.run import process
from penstock.spec.mltable import read_mltable
from penstock.spec.source import parse
from penstock.store.mltable import find_table, link_files

DRIVERS = Path(process.__file__).with_name("drivers")
ORACLE = json.loads(Path(__file__).with_name("mltable_oracle.json").read_text())


def tables() -> Any:
    """The driver's module, which is no part of the package."""
    if "parallel_tables" not in sys.modules:
        spec = importlib.util.spec_from_file_location("parallel_tables", DRIVERS / "parallel_tables.py")
        assert spec is not None and spec.loader is not None
        sys.modules["parallel_tables"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["parallel_tables"])
    return sys.modules["parallel_tables"]


def write(folder: Path, mltable: str, **files: str) -> Path:
    for name, text in {"MLTable": mltable, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def frame(folder: Path, tell: Callable[[str], None] = lambda _: None) -> Any:
    found = find_table(folder)
    return tables().read(list(map(str, found.files)), list(found.table.steps), tell).frame


def as_written(folder: Path, of: Any) -> dict[str, Any]:
    text = of.reset_index(drop=True).to_json(orient="split", date_format="iso").replace("\\/", "/")
    told = json.loads(text.replace(str(folder), "FOLDER"))
    return {"types": {str(k): str(v) for k, v in of.dtypes.items()}, "columns": told["columns"], "rows": told["data"]}


def test_there_are_many() -> None:
    assert len(ORACLE) > 100


@pytest.mark.parametrize("case", ORACLE, ids=lambda case: case["name"])
def test_as_the_package_mltable(case: dict[str, Any], tmp_path: Path) -> None:
    folder = write(tmp_path, case["mltable"], **case["files"])
    wanted = {key: case[key] for key in ("types", "columns", "rows")}
    if not wanted["rows"]:
        wanted["types"] = as_written(folder, frame(folder))["types"]
    assert as_written(folder, frame(folder)) == wanted


HEAD = "paths:\n  - file: ./a.csv\ntransformations:\n"
READ = f"{HEAD}  - read_delimited\n"
WRONG = {
    "paths:\n  - file: https://x.org/a.csv\n": (2, 11, "is not on this machine"),
    "paths:\n  - file: azureml://datastores/d/paths/a.csv\n": (2, 11, "is not on this machine"),
    "paths:\n  - ./a.csv\n": (2, 5, "an entry of paths is not"),
    "paths:\n  - {file: ./a.csv, folder: ./b}\n": (2, 6, "an entry of paths is not"),
    "transformations: []\n": (1, 1, "names no data"),
    "- 1\n": (1, 1, "is an object"),
    f"{HEAD}  - read_delimted\n": (4, 5, "Did you mean 'read_delimited'?"),
    f"{HEAD}  - read_delta_lake: {{version_as_of: 1}}\n": (4, 23, "Delta Lake"),
    f"{HEAD}  - read_delimited: {{header: yes}}\n": (4, 22, "header is 'True'"),
    f"{HEAD}  - read_delimited: {{encoding: klingon}}\n": (4, 22, "encoding is 'klingon'"),
    f"{HEAD}  - read_delimited: {{delimter: x}}\n": (4, 22, "Did you mean 'delimiter'?"),
    f"{HEAD}  - take: 3\n": (4, 5, "before the files are read"),
    f"{READ}  - read_parquet\n": (5, 5, "for the second time"),
    f"{READ}  - take: many\n": (5, 11, "not 'many'"),
    f"{READ}  - take_random_sample: {{probability: 2}}\n": (5, 26, "from 0 to 1"),
    f'{READ}  - filter: \'(col("a") > 1) & (col("b") < 2)\'\n': (5, 13, "write 'and' instead of '&'"),
    f"{READ}  - filter: '~col(\"a\")'\n": (5, 13, "write 'not' instead of '~'"),
    f"{READ}  - filter: '1 < col(\"a\") < 3'\n": (5, 13, "cannot be read"),
    f"{READ}  - filter: 'col(\"a\") >'\n": (5, 13, "is no expression"),
    f"{READ}  - filter: '__import__(\"os\")'\n": (5, 13, "cannot be read"),
    f"{READ}  - convert_column_types: [{{columns: a, column_type: datetime}}]\n": (5, 27, "'datetime' is not"),
    f"{READ}  - extract_columns_from_partition_format: {{partition_format: '{{x}}'}}\n": (5, 5, "come out empty"),
    f"{HEAD}  - extract_columns_from_partition_format: {{partition_format: 'x'}}\n": (4, 45, "names no column"),
    "paths: [": (1, 9, "is not YAML"),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_once_with_its_place(text: str) -> None:
    line, column, part = WRONG[text]
    [finding] = read_mltable(parse(text, "MLTable")).findings
    assert (finding.place.line, finding.place.column) == (line, column), finding
    assert part in str(finding)


def test_files_in_order_and_links_to_them(tmp_path: Path) -> None:
    paths = "paths: [{pattern: './*.txt'}, {folder: ./sub}, {file: ../outside.txt}]\n"
    (tmp_path / "outside.txt").write_text("o")
    folder = write(tmp_path / "table", paths, **{"b.txt": "", "a.txt": "", "c.csv": "", "sub/deep/d": "", "sub/e": ""})
    found = find_table(folder)
    assert [path.name for path in found.files] == ["a.txt", "b.txt", "d", "e", "outside.txt"]
    target = link_files(found, folder, tmp_path / "links")
    linked = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert {"a.txt", "b.txt", "sub/deep/d", "sub/e"} < linked
    assert len(linked) == 5


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("{file: ./a.csv}", "MLTable:1:16: no file is there for './a.csv'"),
        ("{pattern: './*.csv'}", "MLTable:1:19: no file is there for './*.csv'"),
    ],
)
def test_no_file(tmp_path: Path, path: str, part: str) -> None:
    with pytest.raises(RunError, match=r"no file is there") as told:
        find_table(write(tmp_path, f"paths: [{path}]\n"))
    assert part in str(told.value)


def test_the_mltable_file_is_no_data(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="takes in the MLTable file itself"):
        find_table(write(tmp_path, "paths: [{folder: .}]\ntransformations: [read_delimited]\n", **{"a.csv": "a\n1\n"}))


def test_parquet(tmp_path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"a": [1, 2], "b": ["x", None]}).to_parquet(tmp_path / "a.parquet")
    text = "paths: [{pattern: './*.parquet'}]\ntransformations:\n  - read_parquet: {include_path_column: true}\n"
    read = frame(write(tmp_path, text))
    assert list(read.columns) == ["Path", "a", "b"]
    assert list(read["a"]) == [1, 2]
    assert set(read["Path"]) == {str(tmp_path / "a.parquet")}


def test_a_sample_is_the_same_for_a_seed(tmp_path: Path) -> None:
    text = f"{READ}  - take_random_sample: {{probability: 0.3, seed: 7}}\n"
    folder = write(tmp_path, text, **{"a.csv": "a\n" + "".join(f"{i}\n" for i in range(1000))})
    first, second = list(frame(folder)["a"]), list(frame(folder)["a"])
    assert first == second
    assert 200 < len(first) < 400


@pytest.mark.parametrize(
    ("step", "part"),
    [
        ("filter: 'col(\"z\") > 1'", "the column 'z'; there is a, b"),
        ("filter: 'col(\"b\") > 1'", "compares text with a number"),
        ("keep_columns: [z]", "leaves no column"),
    ],
)
def test_what_does_not_fit_the_data(tmp_path: Path, step: str, part: str) -> None:
    folder = write(tmp_path, f"{READ}  - {step}\n", **{"a.csv": "a,b\n5,x\n6,y\n"})
    with pytest.raises(ValueError, match=part):
        frame(folder)


def test_dates_that_may_be_either_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    frame(write(tmp_path, READ, **{"a.csv": "a,b\n01/02/2020,x\n03/04/2020,y\n"}), told.append)
    assert len(told) == 1
    assert "column 'a'" in told[0]
    assert "day/month or month/day" in told[0]
