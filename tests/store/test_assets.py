"""Assets on the disk: whole or not there, never changed, and nobody's place is taken twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.errors import DefinitionError, RunError
from penstock.spec.reference import version_order
from penstock.store.assets import Assets
from penstock.store.workspace import Workspace


@pytest.fixture
def assets(workspace: Path) -> Assets:
    return Assets(Workspace(workspace))


def create(assets: Assets, version: str | None = None, text: str = "one", name: str = "words") -> tuple[str, bool]:
    def fill(folder: Path) -> None:
        (folder / "words.txt").write_text(text)

    asset, new = assets.create("data", name, version, fill, lambda version: f"version: '{version}'\n")
    return asset.version, new


def test_without_a_version_it_gets_the_next_number(assets: Assets) -> None:
    assert create(assets) == ("1", True)
    assert create(assets) == ("2", True)
    create(assets, "10")
    create(assets, "beta")
    assert create(assets) == ("11", True)


def test_the_same_again_is_said_and_something_else_is_refused(assets: Assets) -> None:
    create(assets, "1")
    assert create(assets, "1") == ("1", False)
    with pytest.raises(DefinitionError, match=r"with other content, and a version never changes.*--version 2"):
        create(assets, "1", text="two")
    assert (assets.root / "data" / "words" / "1" / "words.txt").read_text() == "one"
    assert not list(assets.root.glob(".new-*"))


@pytest.mark.parametrize("name", ["../words", "..", ".words", "a/b", "", "a b", "a:b", "/words"])
def test_a_name_that_leads_out_of_its_folder_is_refused(assets: Assets, name: str) -> None:
    with pytest.raises(DefinitionError, match="is no name of a data"):
        create(assets, name=name)
    with pytest.raises(DefinitionError, match="is no version of a data"):
        create(assets, name or "..")
    assert not assets.root.exists()
    assert assets.versions("data", name) == []


def test_versions_are_ordered_as_numbers() -> None:
    given = ["10", "9", "1.10", "1.9", "2", "1.9.1", "beta", "11-rc"]
    in_order = sorted(given, key=version_order)
    assert in_order == ["beta", "11-rc", "1.9", "1.9.1", "1.10", "2", "9", "10"]


KILLED = """
import os, signal, sys
from pathlib import Path
from penstock.store.assets import Assets
from penstock.store.workspace import Workspace

def fill(folder):
    (folder / "words.txt").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

Assets(Workspace(Path(sys.argv[1]))).create("data", "words", None, fill, str)
"""


def test_one_that_is_killed_leaves_nothing_half(assets: Assets) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(assets.workspace.root)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(assets.root.glob(".new-*"))
    assert list(assets.all()) == []
    assert create(assets) == ("1", True)
    assert not list(assets.root.glob(".new-*")), "what the dead one left is removed"


def test_what_another_one_is_still_making_is_left_alone(assets: Assets) -> None:
    def fill(folder: Path) -> None:
        assert create(assets) == ("1", True)
        (folder / "words.txt").write_text("two")

    asset, new = assets.create("data", "words", None, fill, str)
    assert (asset.version, new) == ("2", True)
    assert (asset.path / "words.txt").read_text() == "two"


def test_the_second_of_two_that_want_a_number_gets_the_next(assets: Assets) -> None:
    def definition(version: str) -> str:
        if version == "1":
            create(assets)
        return version

    asset, new = assets.create("data", "words", None, lambda _: None, definition)
    assert (asset.version, new) == ("2", True)
    assert asset.file.read_text() == "2"


def test_a_workspace_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="the data words cannot be made in"):
        create(Assets(Workspace(tmp_path / "file" / "workspace")))
