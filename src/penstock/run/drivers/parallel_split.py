"""Splits the data of a parallel step into mini-batches: writes batches.json, and tables as pickles beside it."""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Iterator
from typing import Any

NAMED = 3


def by_count(files: list[str], size: int) -> Iterator[dict[str, Any]]:
    """So many files at a time."""
    for start in range(0, len(files), size):
        part = files[start : start + size]
        yield {"items": len(part), "label": named(part), "files": part}


def named(files: list[str]) -> str:
    names = [os.path.basename(path) for path in files]
    more = f", ... {len(names)} files" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def by_path(orders: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The files whose paths hold the same values of the keys."""
    from parallel_tables import partition_columns

    files, keys = orders["input"]["files"], orders["keys"]
    columns = partition_columns(files, orders["input"]["partition"])
    require(keys, list(columns))
    groups: dict[str, list[str]] = {}
    found: dict[str, dict[str, Any]] = {}
    for number, path in enumerate(files):
        key = {name: plain(columns[name][number]) for name in keys}
        text = in_words(key)
        found[text] = key
        groups.setdefault(text, []).append(path)
    for text, part in groups.items():
        yield {"items": 1, "label": text, "files": part, "key": found[text]}


def of_table(orders: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows with the same values of the keys, or of one file and of about the size."""
    from parallel_tables import read

    table = read(orders["input"]["files"], orders["input"]["steps"], lambda text: print(text, flush=True))
    parts = by_keys(table, orders["keys"]) if orders["keys"] else by_size(table, orders)
    for number, (label, key, frame) in enumerate(parts):
        path = os.path.join(orders["work"], f"{number}.table")
        with open(path, "wb") as file:
            pickle.dump((frame.reset_index(drop=True), key), file, protocol=4)
        yield {"items": 1 if key is not None else len(frame), "label": label, "table": path}


def by_keys(table: Any, keys: list[str]) -> Iterator[Any]:
    require(keys, list(table.frame.columns))
    for values, frame in table.frame.groupby(keys, sort=False, dropna=False):
        key = dict(zip(keys, map(plain, values if isinstance(values, tuple) else [values])))
        yield in_words(key), key, frame


def by_size(table: Any, orders: dict[str, Any]) -> Iterator[Any]:
    """No mini-batch has rows of two files; how large a row is, is told by the size of its file."""
    files = orders["input"]["files"]
    for number, frame in table.frame.groupby(level=0, sort=True):
        path = files[number]
        count = max(1, int(orders["size"] * table.rows[number] / max(1, os.path.getsize(path))))
        for start in range(0, len(frame), count):
            part = frame.iloc[start : start + count]
            yield f"{os.path.basename(path)}, rows {start + 1} to {start + len(part)}", None, part


def require(keys: list[str], columns: list[Any]) -> None:
    missing = [key for key in keys if key not in columns]
    if missing:
        from parallel_tables import TableError

        raise TableError(f"there is no column '{missing[0]}' (partition_keys); there is {', '.join(map(str, columns))}")


def plain(value: Any) -> Any:
    """A value of Python instead of one of numpy or pandas."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def in_words(key: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in key.items())


def batches(orders: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Of whichever kind the data is."""
    if orders["input"]["kind"] == "table":
        return of_table(orders)
    return by_path(orders) if orders["keys"] else by_count(orders["input"]["files"], orders["size"])


def main(path: str) -> None:
    """Raises what is wrong with the data."""
    with open(path, encoding="utf-8") as file:
        orders = json.load(file)
    found = list(batches(orders))
    with open(os.path.join(orders["work"], "batches.json"), "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except ImportError as error:
        sys.exit(f"{error}; tables are given to run() as pandas DataFrames: the environment needs pandas")
    except OSError as error:
        sys.exit(f"the input data cannot be read: {error}")
    except ValueError as error:
        sys.exit(f"the table cannot be read: {error}")
