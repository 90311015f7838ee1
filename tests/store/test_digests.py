"""Digests follow content, whatever the index believes; what has not changed is not read again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.store import digests
from penstock.store.digests import Digests


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], Digests]:
    return lambda: Digests(tmp_path / "cache" / "index.db")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose content was read."""
    seen: list[str] = []
    real = digests._digest

    def counting(path: str) -> str:
        seen.append(Path(path).name)
        return real(path)

    monkeypatch.setattr(digests, "_digest", counting)
    return seen


def settled(*paths: Path) -> None:
    """Wait until the files are old enough to be trusted: their clock has ticked."""
    while any(time.time_ns() < path.stat().st_ctime_ns + 2 * digests._TICK_NS for path in paths):
        time.sleep(0.005)


def digest_of(index: Digests, path: Path) -> str:
    found = index.of(path)
    index.close()
    return found


def test_what_has_not_changed_is_not_read_again(tmp_path: Path, fresh: Callable[[], Digests], reads: list[str]) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name)
    settled(*folder.iterdir())
    first = digest_of(fresh(), folder)
    assert sorted(reads) == ["a", "b", "c"]
    reads.clear()
    assert digest_of(fresh(), folder) == first
    assert reads == []


def test_an_edit_in_place_is_seen_though_size_and_mtime_are_as_before(
    tmp_path: Path, fresh: Callable[[], Digests]
) -> None:
    path = tmp_path / "data.csv"
    path.write_text("1,2\n")
    settled(path)
    before, status = digest_of(fresh(), path), path.stat()
    with path.open("r+") as stream:
        stream.write("1,3\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert digest_of(fresh(), path) != before


def test_edits_within_one_tick_are_seen(tmp_path: Path, fresh: Callable[[], Digests]) -> None:
    """What was read right after it was written is not trusted: the next edit may bear the same times."""
    path = tmp_path / "data.csv"
    seen = set()
    for number in range(60):
        path.write_text(f"{number:04}")
        seen.add(digest_of(fresh(), path))
    assert len(seen) == 60


def test_a_second_name_changes_nothing(tmp_path: Path, fresh: Callable[[], Digests], reads: list[str]) -> None:
    path, second = tmp_path / "a", tmp_path / "b"
    path.write_text("text")
    settled(path)
    index = fresh()
    known = index.of(path)
    os.link(path, second)
    index.linked(str(path), str(second))
    assert index.of(second) == known
    settled(path)
    index.close()
    reads.clear()
    assert digest_of(fresh(), path) == digest_of(fresh(), second) == known
    assert reads == []


def test_a_broken_index_is_made_anew(tmp_path: Path, fresh: Callable[[], Digests]) -> None:
    path = tmp_path / "a"
    path.write_text("text")
    index = tmp_path / "cache" / "index.db"
    index.parent.mkdir()
    index.write_bytes(b"not a database at all" * 100)
    assert digest_of(fresh(), path) == digest_of(fresh(), path)


TREES = st.dictionaries(
    st.text("ab.", min_size=1, max_size=3).filter(lambda name: name.strip(".")),
    st.one_of(st.binary(max_size=3), st.just(None)),
    max_size=4,
)


def build(folder: Path, tree: dict[str, bytes | None]) -> Path:
    folder.mkdir()
    for name, content in tree.items():
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)
    return folder


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=TREES, other=TREES)
def test_folders_are_the_same_if_and_only_if_their_digests_are(
    one: dict[str, bytes | None], other: dict[str, bytes | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.mktemp("trees")
    index = Digests(base / "index.db")
    same = index.of(build(base / "one", one)) == index.of(build(base / "other", other))
    index.close()
    assert same == (one == other)


def test_links_are_followed_and_odd_things_hang_nothing(tmp_path: Path, fresh: Callable[[], Digests]) -> None:
    folder, outside = tmp_path / "data", tmp_path / "outside"
    folder.mkdir()
    outside.write_text("1")
    (folder / "link").symlink_to(outside)
    (folder / "round").symlink_to(folder)
    (folder / "nowhere").symlink_to(tmp_path / "nothing")
    os.mkfifo(folder / "pipe")
    before = digest_of(fresh(), folder)
    outside.write_text("2")
    assert digest_of(fresh(), folder) != before


def test_a_program_is_not_the_same_as_a_file(tmp_path: Path, fresh: Callable[[], Digests]) -> None:
    folder = build(tmp_path / "bin", {"tool": b"#!/bin/sh\n"})
    before = digest_of(fresh(), folder)
    (folder / "tool").chmod(0o755)
    assert digest_of(fresh(), folder) != before
