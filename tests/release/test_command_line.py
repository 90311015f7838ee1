"""What the verbs of serving say when there is nothing to serve, or they are asked wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import DefinitionError, RunError
from penstock.store.endpoints import Deployment, Endpoint, EndpointFolder, Process
from penstock.store.packages import NoPackage, package_of
from penstock.store.workspace import Workspace

RUN = "retrain-20261123-101112-0a1b2c"


def a_run(workspace: Path, outputs: dict[str, Path], status: str = "completed") -> None:
    folder = workspace / "runs" / RUN
    folder.mkdir(parents=True)
    node = {"name": "package", "status": status, "reason": "", "outputs": {k: str(v) for k, v in outputs.items()}}
    (folder / "run.json").write_text(json.dumps({"run": RUN, "status": status, "outputs": {}, "nodes": [node]}))


def test_a_run_stands_for_the_package_that_it_made(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "manifest.json").write_text("{}")
    (tmp_path / "model").mkdir()
    a_run(tmp_path, {"package": tmp_path / "package", "model": tmp_path / "model"})
    for named in (RUN, "last", str(tmp_path / "package")):
        assert package_of(Workspace(tmp_path), named) == tmp_path / "package"


def test_a_run_that_was_to_make_none_says_why(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "skipped.json").write_text('{"reason": "rejected: rmse 3 is higher"}')
    a_run(tmp_path, {"package": tmp_path / "package"})
    assert package_of(Workspace(tmp_path), "last") == NoPackage("rejected: rmse 3 is higher")
    ended = penstock("release", "last", "--to", "staging", "--workspace", tmp_path)
    assert ended.code == 0
    assert ended.stdout == "nothing to release: rejected: rmse 3 is higher\n"
    told = penstock("release", "last", "--to", "staging", "--workspace", tmp_path, "--format", "json")
    assert told.json == {"endpoint": None, "reason": "rejected: rmse 3 is higher"}


def test_a_run_without_a_package_is_refused(tmp_path: Path) -> None:
    a_run(tmp_path, {}, status="failed")
    with pytest.raises(RunError, match="has made no package: the run failed"):
        package_of(Workspace(tmp_path), RUN)
    with pytest.raises(DefinitionError, match="neither a folder nowhere nor a run"):
        package_of(Workspace(tmp_path), "nowhere")


WRONG = {
    "no endpoint": (["rollback", "rent-prod"], 1, "there is no endpoint rent-prod."),
    "no name": (["rollback", "../x"], 1, "'../x' is no endpoint's name"),
    "nothing to smoke": (["smoke", "rent-prod"], 1, "there is no endpoint rent-prod."),
    "stop what": (["endpoints", "stop"], 2, "name the endpoints to stop, or --all of them"),
    "no package": (["release", "nowhere", "--to", "prod"], 2, "neither a folder nowhere nor a run of that name"),
    "no stage": (["release", "last", "--to", "production"], 2, "'production' is not one of 'staging', 'prod'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_asked_wrongly_is_told(tmp_path: Path, penstock: Callable[..., Any], name: str) -> None:
    line, code, told = WRONG[name]
    ended = penstock(*line, "--workspace", tmp_path)
    assert (ended.code, ended.stdout) == (code, "")
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_who_changes_an_endpoint_is_alone(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    folder = EndpointFolder(tmp_path / "endpoints" / "rent-prod")
    folder.prepare()
    folder.write(Endpoint("rent", "prod"))
    with folder.locked():
        ended = penstock("rollback", "rent-prod", "--workspace", tmp_path)
    assert ended.code == 1
    assert "is changing the endpoint rent-prod now; try again when it has ended" in ended.stderr
    assert "has served nothing before" in penstock("rollback", "rent-prod", "--workspace", tmp_path).stderr


def test_a_process_of_the_same_id_is_not_taken_for_the_server(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    """The id of a server that is gone may be another process's by now: the start time tells."""
    folder = EndpointFolder(tmp_path / "endpoints" / "rent-prod")
    folder.prepare()
    gone = Deployment(
        "v1", "rent", "1", "sha256:0", None, "2026-11-23T00:00:00+00:00", 2, Process(1, "another boot 17"), 1
    )
    folder.write(Endpoint("rent", "prod", 4711, gone))
    [told] = penstock("endpoints", "--format", "json", "--workspace", tmp_path).json
    assert told["status"] == "stopped"
    assert penstock("endpoints", "stop", "--all", "--workspace", tmp_path).code == 0
