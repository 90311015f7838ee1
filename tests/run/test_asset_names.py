"""What a workspace on this machine holds: assets by name and version, datastores, and what URIs are mapped to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

DATA = {"type": "uri_folder", "name": "rows", "path": "./rows"}
COMPONENT = {
    "type": "command",
    "name": "show",
    "inputs": {"data": {"type": "uri_folder"}},
    "outputs": {"out": {"type": "uri_folder"}},
    "code": "./src",
    "command": "bash show.sh ${{inputs.data}} ${{outputs.out}}",
    "environment": "azureml:any:1",
}


@pytest.fixture
def create(tmp_path: Path, workspace: Path, penstock: Callable[..., Any]) -> Callable[..., Any]:
    def call(asset: dict[str, Any], *more: str) -> Any:
        path = tmp_path / "asset.yml"
        path.write_text(yaml.safe_dump(asset))
        ended = penstock("asset", "create", path, "--workspace", workspace, *more)
        assert ended.code == 0, ended.stderr
        return ended

    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.txt").write_text("first\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "show.sh").write_text("cat $1/a.txt > $2/said.txt\n")
    return call


def job(folder: Path, component: str, data: str) -> Path:
    given = {"data": {"type": "uri_folder", "path": data}}
    node = {"type": "command", "component": component, "inputs": given, "compute": "azureml:cpu"}
    path = folder / "job.yml"
    path.write_text(yaml.safe_dump({"type": "pipeline", "jobs": {"show": node}}))
    return path


def said(ended: Any) -> str:
    assert ended.code == 0, ended.stderr
    [node] = ended.json["nodes"]
    return (Path(node["outputs"]["out"]) / "said.txt").read_text()


def test_a_component_and_data_by_name(tmp_path: Path, create: Callable[..., Any], penstock: Callable[..., Any]) -> None:
    """What was created is what runs, whatever becomes of the files that it was made of."""
    create({**COMPONENT, "version": "1"})
    create({**DATA, "version": "1"})
    shutil.rmtree(tmp_path / "src")
    (tmp_path / "rows" / "a.txt").write_text("second\n")
    create({**DATA, "version": "2"})
    shutil.rmtree(tmp_path / "rows")
    run = job(tmp_path, "azureml:show:1", "azureml:rows:1")
    assert said(penstock("run", run, "--format", "json")) == "first\n"
    run = job(tmp_path, "azureml:show@latest", "azureml:rows@latest")
    assert said(penstock("run", run, "--format", "json")) == "second\n"


def test_what_is_not_there_is_refused_with_the_way_out(
    tmp_path: Path, create: Callable[..., Any], penstock: Callable[..., Any]
) -> None:
    create({**DATA, "version": "1"})
    ended = penstock("run", job(tmp_path, "azureml:shwo:1", "azureml:rows:7"))
    assert ended.code == 2
    assert "penstock asset create" in ended.stderr
    assert "azureml:shwo:1" in ended.stderr
    create({**COMPONENT, "version": "1"})
    ended = penstock("run", job(tmp_path, "azureml:show:1", "azureml:rows:7"))
    assert ended.code == 2
    assert "azureml:rows:7" in ended.stderr


def test_a_version_is_never_overwritten(
    tmp_path: Path, workspace: Path, create: Callable[..., Any], penstock: Callable[..., Any]
) -> None:
    create({**DATA, "version": "1"})
    create({**DATA, "version": "1"})  # the same again
    (tmp_path / "rows" / "a.txt").write_text("other\n")
    ended = penstock("asset", "create", tmp_path / "asset.yml", "--workspace", workspace)
    assert ended.code != 0
    assert "rows" in ended.stderr


def test_versions_count_up_by_themselves(
    workspace: Path, create: Callable[..., Any], penstock: Callable[..., Any], tmp_path: Path
) -> None:
    for number in range(3):
        (tmp_path / "rows" / "a.txt").write_text(f"{number}\n")
        create(DATA)
    listed = penstock("asset", "list", "--workspace", workspace, "--format", "json")
    assert listed.code == 0, listed.stderr
    assert {"1", "2", "3"} <= {str(item["version"]) for item in listed.json}


def test_datastores_and_maps(
    tmp_path: Path, workspace: Path, create: Callable[..., Any], penstock: Callable[..., Any]
) -> None:
    create({**COMPONENT, "version": "1"})
    kept = workspace / "datastores" / "lake" / "raw"
    kept.mkdir(parents=True)
    (kept / "a.txt").write_text("of the lake\n")
    run = job(tmp_path, "azureml:show:1", "azureml://datastores/lake/paths/raw")
    assert said(penstock("run", run, "--format", "json")) == "of the lake\n"
    run = job(tmp_path, "azureml:show:1", "https://example.org/data/raw")
    refused = penstock("run", run)
    assert refused.code == 2
    assert "--map" in refused.stderr
    mapped = penstock("run", run, "--format", "json", "--map", f"https://example.org/data={tmp_path}")
    assert mapped.code == 2
    assert "raw" in mapped.stderr
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text("of the web\n")
    mapped = penstock("run", run, "--format", "json", "--map", f"https://example.org/data={tmp_path}")
    assert said(mapped) == "of the web\n"
    (tmp_path / "penstock.toml").write_text(f'[map]\n"https://example.org/data" = "{tmp_path}"\n')
    assert said(penstock("run", run, "--format", "json")) == "of the web\n"


def test_outputs_are_registered_and_delivered(tmp_path: Path, workspace: Path, penstock: Callable[..., Any]) -> None:
    node = {
        "type": "command",
        "command": "echo made > ${{outputs.out}}/a.txt",
        "environment": "azureml:any:1",
        "compute": "azureml:cpu",
        "outputs": {
            "out": {
                "type": "uri_folder",
                "name": "rows",
                "version": "4",
                "path": "azureml://datastores/lake/paths/made",
            }
        },
    }
    path = tmp_path / "make.yml"
    path.write_text(yaml.safe_dump({"type": "pipeline", "jobs": {"make": node}}))
    for _ in range(2):  # the second time it is reused
        ended = penstock("run", path)
        assert ended.code == 0, ended.stderr
        assert (workspace / "datastores" / "lake" / "made" / "a.txt").read_text() == "made\n"
        shutil.rmtree(workspace / "datastores")
    take = {"type": "command", "command": "cat ${{inputs.rows}}/a.txt", "environment": "azureml:any:1"}
    take |= {"compute": "azureml:cpu", "inputs": {"rows": {"type": "uri_folder", "path": "azureml:rows:4"}}}
    path = tmp_path / "take.yml"
    path.write_text(yaml.safe_dump({"type": "pipeline", "jobs": {"take": take}}))
    taken = penstock("run", path, "--format", "json")
    assert taken.code == 0, taken.stderr
    assert Path(taken.json["nodes"][0]["log"]).read_text() == "made\n"
