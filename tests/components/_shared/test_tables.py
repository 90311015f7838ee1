from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from penstock_steps.errors import StepError
from penstock_steps.tables import read_table, write_table

BROKEN = {
    "no_bytes": (b"", r"table\.csv is empty \(0 bytes\)"),
    "blank_lines": (b"\n \n", r"table\.csv is empty: it holds blank lines only"),
    "short_row": (b"a,b\n1,2\n\n3\n", r"table\.csv:4 has 1 value, the header names 2 columns"),
    "long_row": (b"a,b\n1,2,3\n", r"table\.csv:2 has 3 values, the header names 2 columns"),
    "row_after_quoted_newline": (b'a,b\n"x\ny",1\n1\n', r"table\.csv:4 has 1 value"),
    "header_shorter_than_rows": (b"a,b\n0,1,2\n1,3,4\n", r"table\.csv:2 has 3 values"),
    "open_quote": (b'a,b\n1,2\n1,"x\n2,y\n', r"table\.csv:3 is not CSV: unexpected end of data"),
    "stray_quote": (b'a,b\n1,"x"y\n', r"table\.csv:2 is not CSV: ',' expected after '\"'"),
    "latin_1": ("a,b\n1,é\n".encode("latin-1"), r"is not UTF-8 text \(byte 0xe9"),
    "utf_16": ("a,b\n1,2\n".encode("utf-16"), r"not a CSV file: it looks like UTF-16 text"),
    "binary": (bytes(range(256)) * 40, r"not a CSV file: its content is binary"),
    "zero_byte_far_down": (b"a,b\n" + b"1,2\n" * 400_000 + b"1,\0\n", r"its content is binary"),
    "json": (b' {"a": [1]}', r"not a CSV file: it looks like JSON"),
    "json_list": (b'[{"a": 1}]', r"not a CSV file: it looks like JSON"),
    "html": (b"<!doctype html><html></html>", r"not a CSV file: it looks like HTML or XML"),
    "excel": (b"PK\x03\x04rest", r"it looks like a zip archive or an Excel workbook"),
    "gzip": (b"\x1f\x8brest", r"it looks like a gzip file"),
    "pdf": (b"%PDF-1.7", r"it looks like a PDF"),
    "semicolons": (b"a;b\n1;2\n", r"table\.csv is separated by semicolons"),
    "tabs": (b"a\tb\n1\t2\n", r"table\.csv is separated by tabs"),
    "name_twice": (b"a,b,a\n1,2,3\n", r"has the column 'a' more than once"),
    "no_name": (b",a\n0,1\n", r"column 1 of 2 has no name"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_csv_is_told_with_file_and_line(case: str, tmp_path: Path) -> None:
    content, message = BROKEN[case]
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(StepError, match=message):
        read_table(path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"nowhere\.csv does not exist"):
        read_table(tmp_path / "nowhere.csv")


def test_csv_dtypes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("i,f,b,t,d,gap\n1,1.5,True,x,2024-01-31,1\n2,2,False,NA,2024-02-01,\n", encoding="utf-8")
    frame = read_table(path)
    assert frame.dtypes.astype(str).to_dict() == {
        "i": "int64",
        "f": "float64",
        "b": "bool",
        "t": "object",
        "d": "object",
        "gap": "float64",
    }
    assert frame["d"].tolist() == ["2024-01-31", "2024-02-01"], "dates stay text"
    assert frame["t"].isna().tolist() == [False, True]


def test_header_only_is_a_table_without_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n")
    frame = read_table(tmp_path / "t.csv")
    assert (list(frame.columns), len(frame)) == (["a", "b"], 0)


def test_byte_order_mark_and_old_line_ends(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n1,x\r\n")
    assert read_table(tmp_path / "t.csv").to_dict("list") == {"a": [1], "b": ["x"]}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_csv_keeps_every_double(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_text("a,x\n" + "".join(f"{value!r},0.5\n" for value in values))
    assert read_table(path)["a"].astype(float).tolist() == values


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=8))
def test_whatever_csv_writes_is_read_row_by_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("name", "other"), *rows])
    assert len(read_table(path)) == len(rows)


def test_parquet_is_known_by_its_content(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "t")
    assert read_table(tmp_path / "t")["a"].tolist() == [1]


def test_broken_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(StepError, match=r"t\.parquet cannot be read as Parquet"):
        read_table(tmp_path / "t.parquet")
    (tmp_path / "u.parquet").write_bytes(b"a,b\n")
    with pytest.raises(StepError, match=r"u\.parquet is not a Parquet file: it does not begin with PAR1"):
        read_table(tmp_path / "u.parquet")


def test_parquet_name_twice_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "t.parquet")
    with pytest.raises(StepError, match="has the column 'a' more than once"):
        read_table(tmp_path / "t.parquet")


def test_parquet_columns_are_plain_and_an_index_is_one(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "n": pd.array([1, 2], dtype="Int64"),
            "c": pd.Categorical(["x", "y"]),
            "t": pd.to_datetime(["2024-01-31", "2024-02-01"]).astype("datetime64[us]"),
        },
        index=pd.Index([7, 8], name="id"),
    )
    frame.to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").dtypes.astype(str).to_dict() == {
        "n": "int64",
        "c": "category",
        "t": "datetime64[us]",
        "id": "int64",
    }


def test_written_table_reads_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "i": [1, 2],
            "f": [0.1, np.nan],
            "t": ["x", None],
            "d": pd.to_datetime(["2024-01-31", None]),
            "b": [True, False],
        }
    )
    path = write_table(frame, tmp_path / "out" / "deep")
    assert path.name == "data.parquet"
    assert_frame_equal(read_table(path), frame)
    assert_frame_equal(read_table(path.parent), frame)


def test_a_column_of_words_and_numbers_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"cannot be written as Parquet.*column mixed"):
        write_table(pd.DataFrame({"mixed": [1, "x"]}), tmp_path)


def folder(path: Path, **files: bytes | pd.DataFrame) -> Path:
    for name, content in files.items():
        file = path / name.replace("__", ".").replace("_in_", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content) if isinstance(content, bytes) else content.to_parquet(file)
    return path


def test_a_folder_is_read_in_the_order_of_its_paths(tmp_path: Path) -> None:
    folder(
        tmp_path,
        b__csv=b"y,x\nq,3.5\n",
        a__csv=b"x,y\n1,p\n2,\n",
        deep_in_c__csv=b"x,y\n,r\n",
        lineage__json=b"{}",
        report__html=b"<p>",
        _SUCCESS=b"",
    )
    folder(tmp_path / ".hidden", z__csv=b"other\n1\n")
    frame = read_table(tmp_path)
    assert frame["x"].tolist()[:3] == [1, 2, 3.5]
    assert frame["y"].tolist() == ["p", None, "q", "r"]
    assert frame.index.tolist() == [0, 1, 2, 3]


def test_a_part_without_values_joins_any_type(tmp_path: Path) -> None:
    folder(tmp_path, a__csv=b"x,y\n1,2\n", b__csv=b"x,y\n,2\n", c__csv=b"x,y\n", d__csv=b"x,y\nTrue,2\n")
    shutil.move(tmp_path / "d.csv", tmp_path.parent / "d.csv")
    assert read_table(tmp_path)["x"].tolist()[0] == 1
    shutil.move(tmp_path.parent / "d.csv", tmp_path / "d.csv")
    with pytest.raises(StepError, match=r"disagree about the type of column 'x': int64 in a\.csv.*bool in d\.csv"):
        read_table(tmp_path)


def test_folders_that_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="holds no table"):
        read_table(folder(tmp_path / "none", lineage__json=b"{}", report__html=b"<p>"))
    with pytest.raises(StepError, match=r"mixes CSV \(a\.csv\) and Parquet \(b\.parquet\)"):
        read_table(folder(tmp_path / "mixed", a__csv=b"x\n1\n", b__parquet=pd.DataFrame({"x": [1]})))
    with pytest.raises(StepError, match=r"b\.csv lacks y and has also z, compared with a\.csv"):
        read_table(folder(tmp_path / "columns", a__csv=b"x,y\n1,2\n", b__csv=b"x,z\n1,2\n"))
    with pytest.raises(StepError, match=r"column 'x': int64 in a\.csv, string in b\.csv"):
        read_table(folder(tmp_path / "types", a__csv=b"x,y\n1,2\n", b__csv=b"x,y\nq,2\n"))
    with pytest.raises(StepError, match=r"b\.csv is empty"):
        read_table(folder(tmp_path / "empty", a__csv=b"x,y\n1,2\n", b__csv=b""))
