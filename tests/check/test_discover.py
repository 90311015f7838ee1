"""Which files a folder search finds, with git itself as the oracle."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.store.discover import NEVER, yaml_files

NAMES = st.sampled_from(["a.yml", "b.yaml", "c.YML", "keep.yml", "other.txt", "d.yml.bak"])
FOLDERS = st.sampled_from(["", "sub", "sub/deep", "out", "sub/out", ".azure"])
PATTERNS = st.sampled_from(
    ["*.yml", "!keep.yml", "out/", "/a.yml", "out", "deep/*.yaml", "**/b.yaml", "# a.yml", "", "sub", "!sub/", "s*/*"]
)
IGNORE = st.one_of(st.none(), st.lists(PATTERNS, max_size=4))


def of_git(root: Path) -> list[str]:
    line = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(line, cwd=root, capture_output=True, check=True).stdout.decode()
    return sorted(name for name in listed.split("\0") if name.lower().endswith((".yml", ".yaml")))


@settings(max_examples=40)
@given(st.lists(st.tuples(FOLDERS, NAMES), max_size=10, unique=True), IGNORE, IGNORE, IGNORE)
def test_it_finds_what_git_would_take(
    tree: list[tuple[str, str]], top: list[str] | None, sub: list[str] | None, deep: list[str] | None
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder, file in tree:
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / file).touch()
        for folder, lines in (("", top), ("sub", sub), ("sub/deep", deep)):
            if lines is not None and (root / folder).is_dir():
                (root / folder / ".gitignore").write_text("\n".join(lines))
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        assert sorted(str(path.relative_to(root)) for path in yaml_files(root)) == of_git(root)
        if (root / "sub").is_dir():
            below = [path for path in of_git(root) if path.startswith("sub/")]
            found = sorted(str(path.relative_to(root)) for path in yaml_files(root / "sub"))
            assert below in (found, [])  # what is asked for is searched though it be ignored


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in yaml_files(folder)]


def test_folders_of_tools_are_not_searched(tmp_path: Path) -> None:
    make(tmp_path, *(f"{folder}/x.yml" for folder in NEVER), "env/pyvenv.cfg", "env/x.yml", "real/x.yml")
    assert found(tmp_path) == ["real/x.yml"]


def test_the_order_is_always_the_same(tmp_path: Path) -> None:
    make(tmp_path, "b/z.yml", "a.yml", "c.yml", "b/a.yml", "b/b/c.yml")
    assert found(tmp_path) == ["a.yml", "c.yml", "b/a.yml", "b/z.yml", "b/b/c.yml"]


def test_an_ignored_folder_is_searched_when_it_is_asked_for(tmp_path: Path) -> None:
    make(tmp_path, ".git/x", "build/x.yml", "build/y.yml")
    (tmp_path / ".gitignore").write_text("build/\ny.yml\n")
    assert found(tmp_path) == []
    assert found(tmp_path / "build") == ["x.yml", "y.yml"]


def test_an_ignore_file_above_counts_up_to_the_repository(tmp_path: Path) -> None:
    make(tmp_path, "repo/.git/x", "repo/jobs/x.yml", "repo/jobs/tmp.yml")
    (tmp_path / ".gitignore").write_text("x.yml\n")
    (tmp_path / "repo" / ".gitignore").write_text("tmp.yml\n")
    assert found(tmp_path / "repo" / "jobs") == ["x.yml"]


def test_links_and_folders_with_names_of_files(tmp_path: Path) -> None:
    make(tmp_path, "real/x.yml", "folder.yml/y.yml")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "link.yml").symlink_to(tmp_path / "real" / "x.yml")
    (tmp_path / "dangling.yml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.yml")
    assert found(tmp_path) == ["folder.yml", "link.yml", "folder.yml/y.yml", "real/x.yml"]


def test_any_depth(tmp_path: Path) -> None:
    here = Path.cwd()
    try:
        os.chdir(tmp_path)
        for _ in range(1100):
            Path("d").mkdir()
            os.chdir("d")
        Path("x.yml").touch()
    finally:
        os.chdir(here)
    try:
        assert len(found(tmp_path)) == 1
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # shutil cannot, it recurses


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "closed/x.yml", "open/x.yml")
    scandir = os.scandir

    def refuse(folder: str) -> object:
        if folder.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found(tmp_path) == ["closed", "open/x.yml"]


def test_relative_paths_stay_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "jobs/x.yml")
    monkeypatch.chdir(tmp_path)
    assert list(map(str, yaml_files(Path()))) == ["jobs/x.yml"]
    assert list(map(str, yaml_files(Path("./jobs/")))) == ["jobs/x.yml"]
    monkeypatch.chdir(tmp_path / "jobs")
    assert list(map(str, yaml_files(Path("..")))) == ["../jobs/x.yml"]
