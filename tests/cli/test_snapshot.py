"""`penstock snapshot`: what goes along, what does not and why, and what has no snapshot."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.main import cli
from penstock.cli.snapshot import human
from penstock.store.ignore import snapshot_listing

CASES = Path(__file__).parents[1] / "cases"
COMPONENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: hello
version: 1.0.0
environment: azureml:training:1
command: python main.py
"""


def snapshot(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["snapshot", *map(str, arguments)])


def make(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_it_lists_what_goes_and_what_stays(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    make(
        tmp_path,
        {
            "component.yml": COMPONENT + "code: ./src\n",
            "src/main.py": "x" * 1500,
            "src/.amlignore": "# data\n*.csv\n\n/out/\n",
            "src/a.csv": "1",
            "src/out/one.txt": "",
            "src/out/two.txt": "",
            "src/__pycache__/main.pyc": "",
        },
    )
    ended = penstock("snapshot", "component.yml", cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "  20 B  .amlignore",
        "1.5 kB  main.py",
        "",
        "hello uploads 2 files, 1.5 kB",
        "",
        "IGNORED         BY",
        "__pycache__/    __pycache__ never goes along",
        "a.csv           src/.amlignore:2: *.csv",
        "out/ (2 files)  src/.amlignore:4: /out/",
    ]


def test_json(penstock: Callable[..., Any]) -> None:
    ended = penstock("snapshot", CASES / "snapshot" / "listing.yml", "--format", "json")
    assert ended.stderr == ""
    code = CASES / "snapshot" / "code"
    assert ended.json["component"] == "listing"
    assert ended.json["size"] == sum(file["size"] for file in ended.json["files"])
    assert {"name": "main.sh", "path": str(code / "main.sh"), "size": 5} in ended.json["files"]
    ignore = {"file": str(code / ".amlignore"), "line": 1, "pattern": "*.log"}
    assert {"name": "deep/dropped.log", "path": str(code / "deep" / "dropped.log")} | ignore in ended.json["ignored"]


def test_a_command_job_has_one_too(tmp_path: Path) -> None:
    make(tmp_path, {"job.yml": "type: command\ncommand: ls\nenvironment: azureml:e:1\ncode: ./src\n", "src/a.py": ""})
    assert "a.py" in snapshot(tmp_path / "job.yml").output


def test_no_code_uploads_nothing(tmp_path: Path) -> None:
    make(tmp_path, {"component.yml": COMPONENT})
    assert snapshot(tmp_path / "component.yml").output == "hello uploads nothing: there is no code: in it\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("code: ./scr\n", "component.yml:7:7: {}/./scr does not exist. Paths count from the folder of the YAML file"),
        ("code: azureml:code:1\n", "the code 'azureml:code:1' is not on this machine"),
        ("additional_includes: [./lib]\n", "component.yml:7:23: {}/./lib does not exist."),
        ("code: [\n", "error PS001: the file is not YAML"),
    ],
)
def test_what_is_wrong_is_told(text: str, message: str, tmp_path: Path, penstock: Callable[..., Any]) -> None:
    make(tmp_path, {"component.yml": COMPONENT + text})
    ended = penstock("snapshot", tmp_path / "component.yml")
    assert ended.code == 2
    assert ended.stdout == ""
    assert message.replace("{}/./", f"{tmp_path}/") in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (CASES / "nested" / "pipeline.yml", "the kind 'pipeline job' has no snapshot of its own"),
        (CASES / "snapshot", "is a folder; name the component's YAML file in it"),
        (CASES / "nowhere.yml", "cannot be read: No such file or directory"),
        (CASES / "snapshot" / "expect.yml", "is no component or job of Azure ML"),
    ],
)
def test_what_has_no_snapshot_is_told(file: Path, message: str, penstock: Callable[..., Any]) -> None:
    ended = penstock("snapshot", file)
    assert ended.code == 2
    assert message in ended.stderr


def test_a_pipeline_names_the_files_of_its_nodes(penstock: Callable[..., Any]) -> None:
    ended = penstock("snapshot", CASES / "chain" / "pipeline.yml")
    assert f"Its nodes have: penstock snapshot {CASES}/_components/echo.yml" in ended.stderr


FILES = st.lists(
    st.sampled_from(["a.py", "b.log", "sub/a.py", "sub/b.log", "sub/deep/c.csv", "__pycache__/x.pyc", "d/e/f/g.txt"]),
    unique=True,
)
PATTERNS = st.lists(
    st.sampled_from(["*.log", "!b.log", "sub/", "/a.py", "deep/*.csv", "**/c.csv", "# no", "", "d", "!d/e/f/g.txt"]),
    max_size=4,
)


@given(FILES, PATTERNS, PATTERNS, st.booleans())
def test_everything_goes_or_stays_for_a_reason_that_stands_there(
    files: list[str], top: list[str], inner: list[str], with_includes: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "src"
        root.mkdir()
        make(root, dict.fromkeys(files, "x"))
        make(root, {".amlignore": "\n".join(top)} | ({"sub/.gitignore": "\n".join(inner)} if inner else {}))
        (Path(name) / "lib").mkdir()
        listing = snapshot_listing(root, (Path(name) / "lib",) if with_includes else ())
        goes = {file.name for file in listing.files}
        stays = {
            file.relative_to(root).as_posix()
            for item in listing.ignored
            for file in ([item.path] if item.path.is_file() else item.path.rglob("*"))
            if file.is_file()
        }
        everything = {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()}
        assert goes | stays == everything
        assert not goes & stays
        for item in listing.ignored:
            if item.by.file is None:
                assert "__pycache__" in item.name
            else:
                assert item.by.file.read_text().splitlines()[item.by.line - 1].strip() == item.by.pattern
                assert not item.by.pattern.startswith(("!", "#"))


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB")]
)
def test_sizes(size: int, text: str) -> None:
    assert human(size) == text
