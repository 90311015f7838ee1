"""`penstock publish` by the real client at the local Azure: once is enough, and only what has changed moves."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure_published import ALL, document_of, names_of, there
from publishable import SHOUT, TALK, change, make_project

from penstock.azure.assets import DIGEST
from penstock.azure.client import AzureError
from penstock.azure.entities import Names, entity_of
from penstock.cli.bump import bump
from penstock.cli.published import read_published
from penstock.cli.publishing import publish
from penstock.errors import DefinitionError

if TYPE_CHECKING:
    from local_azure import LocalAzure

REPOSITORY = Path(__file__).parents[2]
Call = Callable[..., tuple[int, Any]]


def test_what_is_published_is_there_whole_and_twice_is_once(published: Call, azure: LocalAzure) -> None:
    code, told = published()
    assert code == 0
    assert (told["stage"], told["workspace"], told["dry_run"]) == ("dev", "mlw-penstock", False)
    order = ["environment other 1", "environment small 3", "component count 4", "component shout 1.0.0"]
    assert names_of(told["created"]) == [*order, "pipeline talk 1.0.0"]
    assert there(azure) == ALL
    spec = document_of(azure, "components/shout/1.0.0")["componentSpec"]
    assert spec["environment"].removeprefix("azureml:") == f"{azure.workspace}/environments/small/versions/3"
    assert spec["code"].removeprefix("azureml:").startswith(f"{azure.workspace}/codes/")
    talk = document_of(azure, "components/talk/1.0.0")["componentSpec"]
    assert {name: node["componentId"] for name, node in talk["jobs"].items()} == {
        "shout": f"{azure.workspace}/components/shout/versions/1.0.0",
        "count": f"{azure.workspace}/components/count/versions/4",
    }
    for item in read_published(()).project.items.values():
        kind, version = ("environments" if item.kind == "environment" else "components"), item.version or "1.0.0"
        assert document_of(azure, f"{kind}/{item.name}/{version}")["properties"][DIGEST] == item.digest
    azure.requests.clear()
    code, told = published()
    assert (code, told["created"], len(told["unchanged"])) == (0, [], 5)
    assert azure.writes() == []
    assert azure.refused == []


@pytest.mark.parametrize(
    ("file", "old", "new", "made"),
    [
        ("components/shout/src/shout.py", "COMPONENT", "# a comment\nCOMPONENT", {"shout/1.0.1", "talk/1.0.1"}),
        (SHOUT, "outputs:\n", "  more: {type: string, optional: true}\noutputs:\n", {"shout/1.1.0", "talk/1.0.1"}),
        (
            "environments/other/environment.yml",
            "inference:1",
            "inference:2",
            {"environments/other/2", "count/5", "talk/1.0.1"},
        ),
        (SHOUT, "What to say.", "Anything.", set()),
    ],
)
def test_only_what_has_changed_moves(
    published: Call, project: Path, azure: LocalAzure, file: str, old: str, new: str, made: set[str]
) -> None:
    published()
    change(project / file, old, new)
    bump(())
    azure.requests.clear()
    code, told = published()
    assert code == 0
    assert there(azure) - ALL == {name if "/" in name.split("/", 1)[1] else f"components/{name}" for name in made}
    puts = {request.path for request in azure.writes() if "/codes/" not in request.path}
    assert len(puts) == len(told["created"]) == len(made)


def test_a_dry_run_writes_nothing_and_shows_the_difference(published: Call, project: Path, azure: LocalAzure) -> None:
    code, told = published(dry=True)
    assert (code, len(told["created"]), told["dry_run"]) == (0, 5, True)
    assert there(azure) == set()
    published()
    change(project / SHOUT, "default: 2", "default: 5")
    bump(())
    azure.requests.clear()
    code, told = published(dry=True)
    assert azure.writes() == []
    shout = next(entry for entry in told["created"] if entry["name"] == "shout")
    lines = shout["diff"].splitlines()
    assert lines[:2] == ["--- shout 1.0.0", "+++ shout now"]
    assert [line for line in lines[2:] if line[0] in "+-"] == ["-    default: '2'", "+    default: '5'"]
    talk = next(entry for entry in told["created"] if entry["name"] == "talk")
    assert [line for line in talk["diff"].splitlines()[2:] if line[0] in "+-"] == [
        "-    componentId: shout:1.0.0",
        "+    componentId: shout:1.0.1",
    ]


@pytest.mark.parametrize("version", ["1.10", "0x10", "1_0", "010", "yes", "2024-01-01", "1e3", "7"])
def test_a_version_is_the_text_that_stands_in_the_file(tmp_path: Path, version: str) -> None:
    """Without quotes, the client would make a number, a truth value or a date of most of these."""
    root = make_project(tmp_path)
    change(root / "components/count/component.yml", "version: 4", f"version: {version}")
    change(root / "environments/other/environment.yml", "version: '1'", f"version: {version}")
    project = read_published((root,)).project
    for item in (project.items["component", "count"], project.items["environment", "other"]):
        assert item.version == version
        assert entity_of(item, version, project, Names()).version == version


def test_the_newest_becomes_a_number(published: Call, project: Path, azure: LocalAzure) -> None:
    azure.documents.put(f"{azure.workspace}/environments/given", {"properties": {}})
    for number in ("6", "7"):
        path = f"{azure.workspace}/environments/given/versions/{number}"
        azure.documents.put(path, {"properties": {"image": "mcr.microsoft.com/azureml/inference:1"}})
    change(
        project / "components/count/component.yml",
        "file:../../environments/other/environment.yml",
        "azureml:given@latest",
    )
    change(project / TALK, "../components/shout/component.yml", "azureml:shout@latest")
    bump(())
    code, _ = published()
    assert code == 0
    count = document_of(azure, "components/count/5")["componentSpec"]
    assert count["environment"].removeprefix("azureml:") == f"{azure.workspace}/environments/given/versions/7"
    talk = document_of(azure, "components/talk/1.0.1")["componentSpec"]
    assert talk["jobs"]["shout"]["componentId"] == f"{azure.workspace}/components/shout/versions/1.0.0"


@pytest.mark.parametrize("file", ["pipelines/own.yml", "components/own.yml"])
def test_a_label_of_a_node_that_stands_in_a_pipeline_itself(
    published: Call, project: Path, azure: LocalAzure, file: str
) -> None:
    head = "name: own\nversion: 1\n" if file.startswith("components") else ""
    node = "{type: command, command: echo hello, environment: 'azureml:given@latest'}"
    (project / file).write_text(f"type: pipeline\n{head}jobs:\n  own: {node}\n")
    bump(())
    with pytest.raises(AzureError, match=r"own .*names azureml:given@latest, and there is no environment 'given'"):
        published(dry=True)
    body = {"properties": {"image": "mcr.microsoft.com/azureml/inference:1"}}
    azure.documents.put(f"{azure.workspace}/environments/given", {"properties": {}})
    azure.documents.put(f"{azure.workspace}/environments/given/versions/7", body)
    code, told = published()
    assert (code, [entry["name"] for entry in told["created"] if entry["name"] == "own"]) == (0, ["own"])
    made = json.dumps([dict(azure.documents.get(id_) or {}) for id_ in [*azure.documents] if "/components/" in id_])
    assert "given/versions/7" in made
    assert "given@latest" not in made


def test_what_is_named_by_a_label_is_published_first(published: Call, project: Path, azure: LocalAzure) -> None:
    text = """\
type: pipeline
name: both
version: 1
jobs:
  shout: {type: command, component: azureml:shout@latest, inputs: {text: hello}}
"""
    (project / "components/both.yml").write_text(text)
    bump(())
    code, told = published()
    order = ["environment other 1", "environment small 3", "component shout 1.0.0", "component both 1"]
    assert (code, names_of(told["created"])) == (0, [*order, "component count 4", "pipeline talk 1.0.0"])


def test_a_newer_environment_than_the_one_that_a_component_was_made_with_is_told(
    published: Call, project: Path, azure: LocalAzure
) -> None:
    count = project / "components/count/component.yml"
    body = {"properties": {"image": "mcr.microsoft.com/azureml/inference:1"}}
    azure.documents.put(f"{azure.workspace}/environments/given", {"properties": {}})
    azure.documents.put(f"{azure.workspace}/environments/given/versions/6", body)
    change(count, "file:../../environments/other/environment.yml", "azureml:given@latest")
    bump(())
    published()
    assert {entry.get("why", "") for entry in published()[1]["unchanged"]} == {""}
    azure.documents.put(f"{azure.workspace}/environments/given/versions/7", body)
    azure.requests.clear()
    code, told = published()
    assert (code, azure.writes()) == (0, [])
    assert {entry["name"]: entry["why"] for entry in told["unchanged"] if "why" in entry} == {
        "count": "azureml:given@latest means 7 now, and this version was made with 6: "
        "raise its version to publish it with that"
    }
    change(count, "version: 5", "version: 6")
    bump(())
    assert names_of(published()[1]["created"]) == ["component count 6", "pipeline talk 1.0.2"]
    spec = document_of(azure, "components/count/6")["componentSpec"]
    assert spec["environment"].removeprefix("azureml:") == f"{azure.workspace}/environments/given/versions/7"


def test_an_environment_and_a_component_of_one_name_are_two(published: Call, project: Path, azure: LocalAzure) -> None:
    change(project / "environments/other/environment.yml", "name: other", "name: shout")
    own = "file:../../environments/other/environment.yml"
    change(project / "components/count/component.yml", own, "azureml:shout@latest")
    change(project / TALK, "../components/shout/component.yml", "azureml:shout@latest")
    bump(())
    assert published()[0] == 0
    count = document_of(azure, "components/count/5")["componentSpec"]
    assert count["environment"].removeprefix("azureml:") == f"{azure.workspace}/environments/shout/versions/1"
    talk = document_of(azure, "components/talk/1.0.1")["componentSpec"]
    assert talk["jobs"]["shout"]["componentId"] == f"{azure.workspace}/components/shout/versions/1.0.0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("azureml:given@latest", "component count 5 names azureml:given@latest, and there is no environment 'given'. "),
        ("azureml:given", "component count 5 names azureml:given, and there is no environment 'given'. "),
        ("azureml:talk@latest", "component count 5 names azureml:talk@latest, and there is no environment 'talk'. "),
        ("azureml:other@prod", "component count 5 names azureml:other@prod: Azure ML knows no label but latest; write"),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
def test_a_label_that_leads_nowhere_is_told_before_anything_is_written(
    project: Path, azure: LocalAzure, text: str, message: str, dry: bool
) -> None:
    count = "components/count/component.yml"
    change(project / count, "file:../../environments/other/environment.yml", text)
    bump(())
    azure.requests.clear()
    with pytest.raises((AzureError, DefinitionError), match=re.escape(f"{count}:3:10: {message}")):
        publish((), "dev", "json", dry=dry)
    assert azure.writes() == []


def test_a_version_that_is_there_with_other_content_is_refused_before_anything_is_written(
    published: Call, project: Path, azure: LocalAzure
) -> None:
    published()
    change(project / SHOUT, "outputs:\n", "  more: {type: string, optional: true}\noutputs:\n")
    (project / "components/components.lock.json").unlink()  # as on a branch that raised nothing
    change(project / "components/count/component.yml", "version: 4", "version: 9")
    bump(())
    azure.requests.clear()
    code, told = published()
    assert code == 1
    shout = next(entry for entry in told["refused"] if entry["name"] == "shout")
    assert shout["why"] == (
        "is there with other content, and a version never changes: it needs version 1.1.0 (minor). "
        f"Write it at {SHOUT}:4:10, then call penstock publish --bump"
    )
    assert azure.writes() == []


def test_two_branches_raise_a_pipeline_to_the_same_version(published: Call, project: Path, azure: LocalAzure) -> None:
    """The second is refused and told where its version stands; written there, it is published."""
    published()
    lock = project / "components/components.lock.json"
    base = {file: file.read_text() for file in (lock, project / TALK)}
    change(project / TALK, "tone: high", "tone: low")
    bump(())
    published()
    for file, text in base.items():
        file.write_text(text)
    change(project / TALK, "  times: 3\n", "  times: 4\n")
    bump(())
    code, told = published()
    [refused] = told["refused"]
    assert (code, refused["name"], refused["version"]) == (1, "talk", "1.0.1")
    why = re.fullmatch(
        r"is there with other content, and a version never changes: it needs version 1\.0\.2 \(patch\)\. Write it at "
        r"components/components\.lock\.json:(\d+):(\d+), the only place of a pipeline's version",
        refused["why"],
    )
    assert why is not None, refused["why"]
    lines = lock.read_text().splitlines(keepends=True)
    line, column = int(why[1]) - 1, int(why[2]) - 1
    assert lines[line][column:] == '"1.0.1"\n'
    lines[line] = f'{lines[line][:column]}"1.0.2"\n'
    lock.write_text("".join(lines))
    assert read_published(()).is_current
    assert bump(()).files == []
    code, told = published()
    assert (code, names_of(told["created"])) == (0, ["pipeline talk 1.0.2"])
    for file, text in base.items():  # a third branch
        file.write_text(text)
    change(project / TALK, "  times: 3\n", "  times: 5\n")
    bump(())
    assert "it needs version 1.0.3 (patch)" in published()[1]["refused"][0]["why"]


def test_what_somebody_else_has_published_is_compared_by_its_definition(
    published: Call, project: Path, azure: LocalAzure
) -> None:
    published()
    for name in ALL:
        del document_of(azure, name)["properties"][DIGEST]
    code, told = published()
    assert (code, len(told["unchanged"])) == (0, 5)
    assert told["unchanged"][0]["why"] == "not published by penstock: its snapshot is not compared"
    document_of(azure, "components/shout/1.0.0")["componentSpec"]["inputs"].pop("tone")
    code, told = published()
    assert (code, names_of(told["refused"])) == (1, ["component shout 1.0.0"])
    assert "it needs version 1.1.0 (minor)" in told["refused"][0]["why"]


def test_a_deprecation_is_a_tag_of_every_version(published: Call, project: Path, azure: LocalAzure) -> None:
    published()
    change(project / SHOUT, "--tone", "--colour")
    bump(())
    published()
    change(project / SHOUT, "{stage: test}", "{stage: test, deprecated: use shout 2}")
    azure.requests.clear()
    before = document_of(azure, "components/shout/1.0.0")["componentSpec"]
    code, told = published()
    assert (code, names_of(told["updated"])) == (0, ["component shout 1.0.1"])
    for version in ("1.0.0", "1.0.1"):
        assert document_of(azure, f"components/shout/{version}")["tags"] == {
            "stage": "test",
            "deprecated": "use shout 2",
        }
    assert document_of(azure, "components/shout/1.0.0")["componentSpec"] == before
    assert len(azure.writes()) == 2
    azure.requests.clear()
    assert published()[1]["updated"] == []
    assert azure.writes() == []
    document_of(azure, "components/shout/1.0.1")["tags"]["seen"] = "by somebody"
    change(project / SHOUT, "{stage: test, deprecated: use shout 2}", "{stage: test}")
    assert names_of(published()[1]["updated"]) == ["component shout 1.0.1"]
    assert document_of(azure, "components/shout/1.0.0")["tags"] == {"stage": "test"}
    assert document_of(azure, "components/shout/1.0.1")["tags"] == {"stage": "test", "seen": "by somebody"}


def test_a_registry(published: Call, azure: LocalAzure) -> None:
    code, told = published("shared")
    assert (code, told["registry"], len(told["created"])) == (0, "mlr-penstock", 5)
    assert there(azure, azure.registry) == ALL
    assert there(azure) == set()
    spec = document_of(azure, "components/shout/1.0.0", azure.registry)["componentSpec"]
    uri = "azureml://registries/mlr-penstock"
    assert spec["environment"] == f"{uri}/environments/small/versions/3"
    talk = document_of(azure, "components/talk/1.0.0", azure.registry)["componentSpec"]
    assert talk["jobs"]["count"]["componentId"] == f"{uri}/components/count/versions/4"
    azure.requests.clear()
    assert len(published("shared")[1]["unchanged"]) == 5
    assert azure.writes() == []


def test_what_a_registry_does_not_take_is_told(project: Path, azure: LocalAzure) -> None:
    own = "file:../../environments/other/environment.yml"
    change(project / "components/count/component.yml", own, "azureml:given:1")
    bump(())
    with pytest.raises(AzureError, match="component count 5: Azure's client refuses it: Use fully qualified name"):
        publish((project / "components/count",), "shared", "json", dry=False)
    assert there(azure, azure.registry) == set()


def test_this_repository_in_a_registry(azure: LocalAzure, project: Path) -> None:
    """With a parallel component, whose environment stands deeper, and a sweep, whose component is its trial."""
    for folder in ("components", "environments", "pipelines"):
        shutil.rmtree(project / folder)
        shutil.copytree(REPOSITORY / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert publish((), "shared", "json", dry=False) == 0
    uri = "azureml://registries/mlr-penstock"
    versions = {verdict.item.name: verdict.version for verdict in read_published(()).verdicts}

    def spec(name: str) -> Any:
        return document_of(azure, f"components/{name}/{versions[name]}", azure.registry)["componentSpec"]

    environment = f"{uri}/environments/penstock-training/versions/{versions['penstock-training']}"
    assert spec("batch_score")["task"]["environment"] == environment
    train = f"{uri}/components/train/versions/{versions['train']}"
    assert spec("retrain_diabetes_sweep")["jobs"]["train"]["trial"]["componentId"] == train
    assert spec("retrain_diabetes")["jobs"]["train"]["componentId"] == train
    assert azure.refused == []
