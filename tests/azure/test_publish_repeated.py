"""Several publishers at once, one that is killed, faults on the way: whole versions only, and it can be repeated."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure_project import led
from azure_published import ALL, document_of, names_of, there
from publishable import SHOUT, change

from penstock.azure.assets import DIGEST, Assets
from penstock.azure.client import AzureError, connect
from penstock.azure.publish import Outcome, Publisher
from penstock.cli.bump import bump
from penstock.cli.published import read_published
from penstock.cli.publishing import publish
from penstock.store.stages import read_stage

if TYPE_CHECKING:
    from local_azure import LocalAzure
    from local_azure.faults import Kind

PENSTOCK = Path(sys.executable).with_name("penstock")


def _publisher(root: Path) -> tuple[Publisher, list[Outcome]]:
    found = read_published((root,))
    publisher = Publisher(Assets(connect(read_stage(root, "dev"))), found.project)
    return publisher, publisher.look([(each.item, each.version) for each in found.chosen])


def test_two_publishers_of_the_same(project: Path, azure: LocalAzure) -> None:
    (one, ours), (other, theirs) = _publisher(project), _publisher(project)
    told: list[Outcome] = []
    assert {each.status for each in one.write(ours, told.append)} == {"created"}
    azure.requests.clear()
    late = other.write(theirs, told.append)
    assert {(each.status, each.why) for each in late} == {("unchanged", "somebody else has published it meanwhile")}
    assert azure.writes() == []


def test_two_publishers_of_different_content(project: Path, azure: LocalAzure, tmp_path: Path) -> None:
    another = shutil.copytree(project, tmp_path / "another")
    change(another / SHOUT, "--tone", "--colour")
    (another / "components/components.lock.json").unlink()
    bump((another,))
    (one, ours), (other, theirs) = _publisher(project), _publisher(another)
    one.write(ours, lambda _: None)
    late = other.write(theirs, lambda _: None)
    assert [each.status for each in late] == ["unchanged", "unchanged", "unchanged", "refused"]
    assert late[-1].why.endswith("it needs version 1.0.1 (patch); somebody else has published it meanwhile")


@pytest.mark.parametrize(("digest", "status"), [(None, "unchanged"), ("another", "refused")])
def test_somebody_is_faster_between_the_look_and_the_write(
    project: Path, azure: LocalAzure, monkeypatch: pytest.MonkeyPatch, digest: str | None, status: str
) -> None:
    publisher, outcomes = _publisher(project)

    def rival(path: str, body: dict[str, Any]) -> None:
        properties = body["properties"]
        if path.endswith("/shout/versions/1.0.0"):
            more = {**properties["properties"], **({DIGEST: digest} if digest else {})}
            spec = {**properties["componentSpec"], "code": "azureml:another:1"}
            azure.documents.put(path, {"properties": {**properties, "componentSpec": spec, "properties": more}})

    monkeypatch.setitem(azure.resources.checked, "workspaces/components/versions", rival)
    late = publisher.write(outcomes, lambda _: None)[3]
    assert (late.item.name, late.status) == ("shout", status)
    assert late.why.endswith("somebody else has published it meanwhile")


def test_two_processes_at_once(project: Path, azure: LocalAzure) -> None:
    line = [str(PENSTOCK), "publish", "--stage", "dev", "--format", "json"]
    both = [
        subprocess.Popen(
            line, cwd=project, env=led(azure.environment), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert there(azure) == ALL
    told = [json.loads(out) for out, _ in said]
    assert {name for each in told for name in names_of(each["created"])} >= {
        "component shout 1.0.0",
        "component count 4",
    }
    assert [each["refused"] for each in told] == [[], []]


def test_what_was_killed_on_the_way_goes_on_where_it_ended(project: Path, azure: LocalAzure) -> None:
    line, environment = [str(PENSTOCK), "publish", "--stage", "dev"], led(azure.environment)
    fault = azure.faults.add("PUT .*/components/count", "throttled", retry_after="60")
    killed = subprocess.Popen(line, cwd=project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not fault.met and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert there(azure) == {"environments/other/1", "environments/small/3"}
    done = subprocess.run(line, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "environment other 1: is there already",
        "environment small 3: is there already",
        "component count 4: created",
        "component shout 1.0.0: created",
        "pipeline talk 1.0.0: created",
    ]
    assert done.stderr == "workspace mlw-penstock: 3 created, 2 unchanged\n"
    assert there(azure) == ALL


_LOOK, _WRITES = "GET .*/components/shout/versions", ("PUT .*/environments/", "PUT .*/components/shout")
_ALL_KINDS = ("throttled", "unavailable", "lost", "lost_after", "expired", "conflict", "forbidden")
_FAULTS = [(_LOOK, kind) for kind in ("throttled", "lost", "expired", "forbidden")]


@pytest.mark.parametrize(("where", "kind"), [*_FAULTS, *((where, kind) for where in _WRITES for kind in _ALL_KINDS)])
def test_one_fault_on_the_way(project: Path, azure: LocalAzure, kind: Kind, where: str) -> None:
    paths = (project / SHOUT,)
    azure.faults.add(where, kind, retry_after="0")
    try:
        code = publish(paths, "dev", "json", dry=False)
    except AzureError as error:
        assert re.match(r"(environment|component) \w+ [\d.]+: Azure", str(error))
        code = publish(paths, "dev", "json", dry=False)
    assert code == 0
    assert azure.faults.unmet == []
    assert there(azure) == {"environments/small/3", "components/shout/1.0.0"}
    assert document_of(azure, "components/shout/1.0.0")["properties"][DIGEST] == _digest("shout")


def _digest(component: str) -> str:
    return read_published(()).project.items["component", component].digest
