from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from penstock_steps.digests import content_digest, file_digest, folder_files, text_digest

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


def test_a_file_and_a_text_have_the_published_sha256(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("abc")
    assert file_digest(tmp_path / "f") == content_digest(tmp_path / "f") == text_digest("abc") == f"sha256:{ABC}"


def test_a_folders_digest_is_that_of_what_sha256sum_prints(tmp_path: Path) -> None:
    for name in ("b", "a/z", "a/Z", "é"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    names = ["a/Z", "a/z", "b", "é"]
    assert list(folder_files(tmp_path)) == names
    printed = subprocess.run(["sha256sum", *names], cwd=tmp_path, capture_output=True, check=True).stdout
    assert content_digest(tmp_path) == f"sha256:{hashlib.sha256(printed).hexdigest()}"


def test_its_own_lineage_is_left_out_but_no_other(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    before = content_digest(tmp_path)
    (tmp_path / "lineage.json").write_text("{}")
    assert content_digest(tmp_path) == before
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "lineage.json").write_text("{}")
    assert content_digest(tmp_path) != before


def test_a_changed_byte_or_name_is_another_digest(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    first = content_digest(tmp_path)
    (tmp_path / "data").write_text("y")
    second = content_digest(tmp_path)
    (tmp_path / "data").rename(tmp_path / "atad")
    assert len({first, second, content_digest(tmp_path)}) == 3


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        content_digest(tmp_path / "nowhere")
