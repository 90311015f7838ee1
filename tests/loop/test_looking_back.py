"""`penstock runs, show, logs, diff` over what the loop left: a model leads back to all that made it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from retraining import JOB, ROOT, STEPS, Registry, Twice

from penstock_steps.digests import content_digest, file_digest

pytestmark = pytest.mark.loop
Look = Callable[..., Any]


@pytest.fixture
def look(penstock: Callable[..., Any], twice: Twice) -> Look:
    """A verb in the shared workspace; the JSON document that it prints, or with `code` what it says on stderr."""

    def call(*arguments: str, code: int = 0) -> Any:
        form = ("--format", "json") if code == 0 else ()
        ended = penstock(*arguments, "--workspace", twice.workspace, *form)
        assert ended.code == code, ended.stderr
        assert "Traceback" not in ended.stderr
        return ended.json if code == 0 else ended.stderr

    return call


def test_the_runs_are_listed_the_last_one_first(look: Look, twice: Twice) -> None:
    second, first = look("runs")
    assert (second["run"], first["run"]) == (twice.second["run"], twice.first["run"])
    assert second["nodes"] == {"reused": 2, "completed": 4}
    assert first["job"] == str(JOB)
    assert first["status"] == "completed"
    assert [each["run"] for each in look("runs", "--limit", "1")] == [twice.second["run"]]


def test_a_run_tells_nodes_verdict_metrics_and_the_version_it_made(look: Look, twice: Twice) -> None:
    shown = look("show", twice.second["run"])
    assert shown == look("show", "last")
    assert [node["name"] for node in shown["nodes"]] == STEPS
    assert {key: shown[key] for key in ("run", "status", "outputs")} == {
        key: twice.second[key] for key in ("run", "status", "outputs")
    }
    assert [each["verdict"] for each in shown["decisions"]] == ["accept"]
    assert shown["models"] == [{"model": "diabetes", "version": "2", "role": "champion", "is_champion": True}]
    assert look("show", twice.first["run"])["models"][0]["role"] == "retired"
    assert shown["metrics"]["evaluate"]["candidate.rmse"] < shown["metrics"]["evaluate"]["champion.rmse"]
    assert any("azureml:serverless" in note for note in shown["notes"])


def test_a_version_leads_back_to_all_that_made_it(look: Look, twice: Twice) -> None:
    shown = look("show", "diabetes:2")
    assert shown == look("show", "diabetes"), "the model alone is its champion"
    tags = Registry(twice.workspace).versions("diabetes")["2"]
    data = ROOT / "data_checks" / "diabetes" / "diabetes.csv"
    assert shown["data"] == {
        "digest": file_digest(data),
        "file": str(data),
        "file_is": "same",
        "train_digest": tags["train_data_digest"],
        "test_digest": tags["test_data_digest"],
    }
    assert shown["suite"]["digest"] == file_digest(data.with_name("suite.json"))
    assert shown["suite"]["version"] == "1.0.0"
    assert shown["run"]["name"] == twice.second["run"]
    assert shown["run"]["job"] == str(JOB)
    assert shown["run"]["git_commit"] == "0123abcd"
    assert Path(shown["run"]["folder"]).is_dir()
    assert shown["environment"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert shown["environment"]["definition"]["image"].startswith("mcr.microsoft.com/")
    assert content_digest(Path(shown["path"])) == shown["model_digest"]
    assert file_digest(Path(shown["package"]["path"]) / "manifest.json") == shown["package"]["digest"]
    assert shown["metrics"]["rmse"] == float(tags["metric.rmse"])
    assert shown["decision"]["champion"] == shown["previous_champion"] == "1"
    assert any("lower than champion version 1" in reason for reason in shown["decision"]["reasons"])


def test_each_step_is_told_with_its_code_and_the_run_that_it_ran_in(look: Look, twice: Twice) -> None:
    shown = look("show", "diabetes:2")
    code = {step["component"]: step for step in shown["code"]}
    assert list(code) == STEPS[:-1]
    ran_in = {name: step["run"] for name, step in code.items()}
    reused = dict.fromkeys(STEPS[:2], twice.first["run"])
    assert ran_in == reused | dict.fromkeys(STEPS[2:-1], twice.second["run"])
    client = Registry(twice.workspace).client
    for name, step in code.items():
        assert client.get_run(step["mlflow_run"]).data.tags["penstock.node"] == name
        assert step["snapshot"].startswith("sha256:")
    assert {step["component"]: step["snapshot"] for step in look("show", "diabetes:1")["code"]} == {
        name: step["snapshot"] for name, step in code.items()
    }


def test_what_has_gone_since_is_told(penstock: Callable[..., Any], twice: Twice, tmp_path: Path) -> None:
    """Without the run's folder the version still tells what its tags hold."""
    copy = tmp_path / "workspace"
    shutil.copytree(twice.workspace, copy, ignore=shutil.ignore_patterns("runs", "cache"))
    shown = penstock("show", "diabetes", "--workspace", copy, "--format", "json").json
    assert shown["run"]["name"] == twice.second["run"]
    assert shown["run"]["folder"] is None
    assert shown["data"]["digest"] == file_digest(ROOT / "data_checks" / "diabetes" / "diabetes.csv")
    assert shown["data"]["file"] is None
    assert {step["component"]: step["snapshot"] for step in shown["code"]} == dict.fromkeys(STEPS[:-1])
    told = penstock("show", "diabetes", "--workspace", copy).stdout
    assert f"{twice.second['run']} (its folder is not there any more)" in told


def test_data_that_was_edited_since_is_told(penstock: Callable[..., Any], tmp_path: Path, workspace: Path) -> None:
    data = tmp_path / "my.csv"
    shutil.copyfile(ROOT / "data_checks" / "diabetes" / "diabetes.csv", data)
    assert penstock("run", JOB, "--set", f"inputs.data.path={data}").code == 0
    data.write_text(data.read_text() + "\n")
    shown = penstock("show", "diabetes", "--workspace", workspace, "--format", "json").json
    assert (shown["data"]["file"], shown["data"]["file_is"]) == (str(data), "changed")
    data.unlink()
    shown = penstock("show", "diabetes", "--workspace", workspace, "--format", "json").json
    assert shown["data"]["file_is"] == "gone"
    assert f"{data} (not there any more)" in penstock("show", "diabetes", "--workspace", workspace).stdout


def test_a_log_is_what_the_step_printed_also_a_reused_one(
    look: Look, penstock: Callable[..., Any], twice: Twice
) -> None:
    ended = penstock("logs", twice.second["run"], "split_data", "--workspace", twice.workspace)
    [node] = [each for each in twice.second["nodes"] if each["name"] == "split_data"]
    assert ended.stdout == Path(node["log"]).read_text()
    assert f"'split_data' was reused; this is its log of {twice.first['run']}" in ended.stderr
    own = penstock("logs", "last", "train", "--workspace", twice.workspace)
    assert own.stderr == ""
    assert own.stdout.startswith("Ridge for target")
    assert look("logs", "last", "train")["text"] == own.stdout
    assert "has no attempt 2" in look("logs", "last", "train", "--attempt", "2", code=1)


def test_two_runs_differ_in_what_was_set(look: Look, penstock: Callable[..., Any], twice: Twice) -> None:
    found = look("diff", twice.first["run"], twice.second["run"])
    nodes = {node["name"]: node for node in found["nodes"]}
    assert "validate_data" not in nodes, "reused is the same"
    assert nodes["train"]["changed"] == ["input estimator has changed from KNeighborsRegressor to Ridge"]
    assert "input git_commit is new" in nodes["register"]["changed"]
    values = {(each["node"], each["metric"]): each["values"] for each in found["metrics"]}
    assert values["evaluate", "champion.rmse"] == [None, values["evaluate", "candidate.rmse"][0]]
    same = penstock("diff", "last", "last", "--workspace", twice.workspace)
    assert "every node is the same" in same.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "diabetse"], "there is neither a run nor a model diabetse in"),
        (["show", "diabetse"], "Did you mean 'diabetes'?"),
        (["show", "diabetse:1"], "no model diabetse is registered in"),
        (["show", "diabetse:1"], "Did you mean 'diabetes'?"),
        (["show", "diabetes:7"], "diabetes has no version 7; there is: 1, 2"),
        (["show", "diabetes:x"], "diabetes has no version x; there is: 1, 2"),
        (["logs", "last", "trian"], "has no node 'trian'. Did you mean 'train'?"),
        (["logs", "lats", "train"], "there is no run lats in"),
        (["diff", "last", "../runs"], "there is no run ../runs in"),
        (["diff", "last"], "Missing argument 'RUN'"),
    ],
)
def test_what_there_is_not_is_told(look: Look, arguments: list[str], message: str) -> None:
    assert message in look(*arguments, code=2)


@pytest.mark.parametrize("verb", [["runs"], ["show", "last"], ["show", "diabetes"], ["diff", "last", "last"]])
def test_it_takes_no_heavy_import(twice: Twice, verb: list[str]) -> None:
    code = (
        "import sys; from penstock.cli.main import cli\n"
        "cli.main(sys.argv[1:], standalone_mode=False)\n"
        "print('HEAVY', [name for name in ('mlflow', 'pandas', 'numpy', 'azure') if name in sys.modules])"
    )
    line = [sys.executable, "-c", code, *verb, "--workspace", str(twice.workspace)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("HEAVY []\n")


def test_as_json_or_as_text(penstock: Callable[..., Any], twice: Twice) -> None:
    for verb in (["runs"], ["show", "last"], ["show", "diabetes:1"], ["diff", "last", "last"]):
        assert penstock(*verb, "--workspace", twice.workspace).stdout
        json.loads(penstock(*verb, "--workspace", twice.workspace, "--format", "json").stdout)
