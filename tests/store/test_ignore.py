"""What a snapshot holds, with azure-ai-ml itself as the oracle."""

from __future__ import annotations

import tempfile
from pathlib import Path

from azure.ai.ml import load_component
from azure.ai.ml._utils._asset_utils import get_upload_files_from_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.store.ignore import snapshot_files

COMPONENT = """
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: c
version: 1.0.0
environment: azureml:e:1
command: echo
code: ./code
"""
NAMES = st.sampled_from(["a.py", "b.log", "data.csv", "notes.txt", "keep.log"])
FOLDERS = st.sampled_from(["", "sub", "sub/deep", "__pycache__", "sub/__pycache__", "logs"])
PATTERNS = st.sampled_from(
    ["*.log", "!keep.log", "sub/", "/a.py", "logs", "deep/*.csv", "**/notes.txt", "# comment", "", "data.csv"]
)
TREE = st.lists(st.tuples(FOLDERS, NAMES), max_size=8, unique=True)
IGNORE = st.one_of(st.none(), st.lists(PATTERNS, max_size=4))


def write(root: Path, tree: list[tuple[str, str]], ignores: dict[str, list[str] | None]) -> None:
    root.mkdir(parents=True)
    for folder, name in tree:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).write_text(f"{folder}/{name}")
    for path, lines in ignores.items():
        if lines is not None and (root / path).parent.is_dir():
            (root / path).write_text("\n".join(lines))


def uploaded_by_azure(component: Path) -> set[str]:
    loaded = load_component(component)
    with loaded._build_code() as code:
        root = Path(code.path)
        root = root if root.is_absolute() else Path(code.base_path) / root
        root = root.resolve()
        files = get_upload_files_from_folder(root, ignore_file=code._ignore_file)
        return {Path(name).as_posix() for _, name in files}


@settings(max_examples=60)
@given(TREE, IGNORE, IGNORE, IGNORE, TREE, IGNORE, st.booleans())
def test_the_snapshot_is_what_azure_uploads(
    tree: list[tuple[str, str]],
    amlignore: list[str] | None,
    gitignore: list[str] | None,
    inner: list[str] | None,
    included: list[tuple[str, str]],
    included_ignore: list[str] | None,
    with_includes: bool,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        write(folder / "code", tree, {".amlignore": amlignore, ".gitignore": gitignore, "sub/.amlignore": inner})
        write(folder / "lib", included, {".gitignore": included_ignore})
        (folder / "single.log").write_text("x")
        more = "additional_includes: [./lib, ./single.log]\n" if with_includes else ""
        (folder / "component.yml").write_text(COMPONENT + more)
        includes = (folder / "lib", folder / "single.log") if with_includes else ()
        ours = {file.name for file in snapshot_files(folder / "code", includes)}
        assert ours == uploaded_by_azure(folder / "component.yml")


def test_a_single_file_is_a_snapshot(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("x")
    assert [file.name for file in snapshot_files(tmp_path / "main.py", ())] == ["main.py"]


def test_includes_without_code(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "x.py").write_text("x")
    assert [file.name for file in snapshot_files(None, (tmp_path / "lib",))] == ["lib/x.py"]
