"""What `code:` uploads, with azure-ai-ml as the oracle of what it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from azure.ai.ml import load_component
from azure.ai.ml._utils._asset_utils import get_object_hash
from checked_files import told, write

COMPONENT = (
    "$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json\ntype: command\nname: c\n"
    "version: 1.0.0\nenvironment: azureml:e:1\ncommand: python t.py\ncode: ./src\n"
)
BASE = {"c.yml": COMPONENT, "src/t.py": "print(1)\n"}


def of(folder: Path, **more: str) -> list[str]:
    return told(folder, {**BASE, **more}, "PS6")


def ids(lines: list[str]) -> list[str]:
    return [line.partition(" ")[0] for line in lines]


def test_nothing_is_told_of_a_small_snapshot(tmp_path: Path) -> None:
    assert of(tmp_path, **{"src/readme.md": "x", "src/small.csv": "a\n"}) == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (".env", "PS602"),
        (".env.production", "PS602"),
        (".env.example", None),
        ("keys/id_rsa", "PS602"),
        ("keys/id_rsa.pub", None),
        ("server-key.pem", "PS602"),
        ("ca-bundle.pem", None),
        ("cert.pfx", "PS602"),
        (".azure/msal_token_cache.json", "PS602"),
        (".azure/config.yml", None),
        (".git/HEAD", "PS603"),
        (".venv/bin/python", "PS603"),
        ("env/lib/python3.11/site-packages/x.py", "PS603"),
        ("node_modules/a/index.js", "PS603"),
        (".ipynb_checkpoints/a.ipynb", "PS603"),
        ("__pycache__/t.pyc", None),
    ],
)
def test_a_file_that_should_not_go_along(name: str, rule: str | None, tmp_path: Path) -> None:
    lines = [line for line in of(tmp_path, **{f"src/{name}": "x"}) if not line.startswith("PS607")]
    assert ids(lines) == ([rule] if rule else [])
    assert all(line.split()[1] == "c.yml:7:7" for line in lines)


def test_sizes(tmp_path: Path) -> None:
    write(tmp_path, {**BASE, "src/model.pkl": "", "src/notes.txt": ""})
    os.truncate(tmp_path / "src" / "model.pkl", 90 * 10**6)
    os.truncate(tmp_path / "src" / "notes.txt", 20 * 10**6)
    assert of(tmp_path, x="")[0].startswith(
        "PS601 c.yml:7:7 c: the snapshot has 110 MB in 3 files; the largest is 'model.pkl' (90 MB)."
    )
    assert ids(of(tmp_path)) == ["PS601", "PS604"]


def azure_takes(folder: Path) -> bool:
    """Whether Azure's client loads the component, validates it and computes the hash of its snapshot."""
    component = load_component(folder / "c.yml")
    if not component._validate().passed:
        return False
    try:
        with component._build_code() as code:
            get_object_hash(code.path, code._ignore_file)
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("link", "target", "rule"),
    [
        ("src/x", "nothing", "PS605"),
        ("src/x", ".", "PS605"),
        ("src/sub/x", "..", "PS605"),
        ("src/x", "t.py", None),
        ("src/x", "sub", None),
        ("src/x", "../out.txt", "PS606"),
        ("src/x", "../outer", "PS606"),
    ],
)
def test_links(link: str, target: str, rule: str | None, tmp_path: Path) -> None:
    write(tmp_path, {**BASE, "src/sub/a.txt": "1", "out.txt": "2", "outer/b.txt": "3"})
    (tmp_path / link).symlink_to(target)
    assert ids(of(tmp_path)) == ([rule] if rule else [])
    assert azure_takes(tmp_path) is (rule != "PS605")


def test_a_link_out_of_a_parallel_component_is_not_told(tmp_path: Path) -> None:
    """Azure's client has no additional_includes there (PS008), so a link is how it shares code with others."""
    yml = (
        "$schema: https://azuremlschemas.azureedge.net/latest/parallelComponent.schema.json\ntype: parallel\nname: c\n"
        "version: 1.0.0\ninputs: {rows: {type: uri_folder}}\ninput_data: ${{inputs.rows}}\n"
        "task: {type: run_function, code: ./src, entry_script: t.py, environment: azureml:training:1}\n"
    )
    script = "def init() -> None: ...\ndef run(mini_batch: list[str]) -> list[str]:\n    return mini_batch\n"
    write(tmp_path, {"c.yml": yml, "src/t.py": script, "shared/lib.py": "x = 1\n"})
    (tmp_path / "src" / "shared").symlink_to("../shared")
    assert told(tmp_path, {"c.yml": yml}, "PS6", "PS9") == []


@pytest.mark.parametrize(
    ("include", "files", "collides"),
    [
        ("lib", {"lib/a.py": ""}, False),
        ("lib", {"lib/a.py": "", "src/lib/b.py": ""}, True),
        ("lib/t.py", {"lib/t.py": ""}, True),
        ("./lib/", {"lib/a.py": "", "src/lib": ""}, True),
        ("lib", {"lib/a.py": "", "src/lib/b.py": "", "src/.amlignore": "lib\n"}, True),
        ("lib/u.py", {"lib/u.py": ""}, False),
    ],
)
def test_includes_that_collide(include: str, files: dict[str, str], collides: bool, tmp_path: Path) -> None:
    yml = f"{COMPONENT}additional_includes:\n- {include}\n"
    assert ids(told(tmp_path, {**BASE, **files, "c.yml": yml}, "PS6")) == (["PS608"] if collides else [])
    assert azure_takes(tmp_path) is not collides


def test_a_link_in_code_to_the_include_itself(tmp_path: Path) -> None:
    write(tmp_path, {**BASE, "c.yml": f"{COMPONENT}additional_includes: [lib]\n", "lib/a.py": ""})
    (tmp_path / "src" / "lib").symlink_to("../lib")
    assert ids(told(tmp_path, {"c.yml": f"{COMPONENT}additional_includes: [lib]\n"}, "PS608")) == []
    assert load_component(tmp_path / "c.yml")._validate().passed


def test_the_root_of_the_repository(tmp_path: Path) -> None:
    yml = COMPONENT.replace("./src", "../..")
    files = {"steps/a/c.yml": yml, ".git/HEAD": "ref", ".amlignore": ".git\n", "t.py": ""}
    (only,) = told(tmp_path, files, "PS6")
    assert only.startswith("PS607 steps/a/c.yml:7:7 c: the code '../..' is the root of the repository.")


@pytest.mark.parametrize("code", ["azureml:code:1", "git+https://example.com/x", "https://example.com/x", "./nothing"])
def test_code_that_is_not_here(code: str, tmp_path: Path) -> None:
    assert told(tmp_path, {"c.yml": COMPONENT.replace("./src", code)}, "PS6", "PS31") == []
