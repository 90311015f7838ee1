"""The stages of penstock.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import DefinitionError
from penstock.store.stages import read_stage, stages_beside

WHOLE = """\
[stages.staging]
subscription = "$SUBSCRIPTION"
resource_group = "rg-${TEAM}-ml"
workspace = "mlw"

[stages.staging.set]
"settings.default_compute" = "azureml:cpu"
"inputs.seed" = 3
"settings.force_rerun" = true

[stages.staging.set."jobs/re*.yml"]
"inputs.seed" = 4
"jobs.package.inputs.registry" = "cr$TEAM"
"""
VARIABLES = {"SUBSCRIPTION": "s-1", "TEAM": "risk"}


def _written(folder: Path, text: str) -> Path:
    (folder / "penstock.toml").write_text(text)
    (folder / "jobs").mkdir()
    for name in ("retrain.yml", "score.yml"):
        (folder / "jobs" / name).touch()
    return folder


def test_variables_are_filled_in_and_the_overlay_is_as_set_takes_it(tmp_path: Path) -> None:
    stage = read_stage(_written(tmp_path, WHOLE), "staging", VARIABLES)
    assert (stage.subscription, stage.resource_group, stage.workspace) == ("s-1", "rg-risk-ml", "mlw")
    assert stage.overlay == {
        "settings.default_compute": "azureml:cpu",
        "inputs.seed": "3",
        "settings.force_rerun": "true",
    }
    assert stage.workspace_id == (
        "/subscriptions/s-1/resourceGroups/rg-risk-ml/providers/Microsoft.MachineLearningServices/workspaces/mlw"
    )


def test_a_table_for_some_files_counts_before_what_is_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = read_stage(_written(tmp_path, WHOLE), "staging", VARIABLES)
    shared = stage.overlay
    assert stage.overlay_of(tmp_path / "jobs/score.yml") == shared
    own = {**shared, "inputs.seed": "4", "jobs.package.inputs.registry": "crrisk"}
    assert stage.overlay_of(tmp_path / "jobs/retrain.yml") == own
    monkeypatch.chdir(tmp_path / "jobs")
    assert stage.overlay_of(Path("retrain.yml")) == own


def test_without_a_name_it_is_dev_or_the_only_one(tmp_path: Path) -> None:
    assert read_stage(_written(tmp_path, WHOLE), None, VARIABLES).name == "staging"
    both = WHOLE + WHOLE.replace("staging", "dev").replace('"mlw"', '"mlw-dev"')
    (tmp_path / "penstock.toml").write_text(both)
    assert read_stage(tmp_path, None, VARIABLES).workspace == "mlw-dev"


@pytest.mark.parametrize(
    ("change", "name", "told"),
    [
        (("", ""), "stagign", "there is no stage 'stagign'. Did you mean 'staging'?"),
        (('workspace = "mlw"', ""), "staging", "penstock.toml:1:1: the stage 'staging' lacks workspace"),
        (("workspace =", "work_space ="), "staging", ":4:1: a stage has no 'work_space'. Did you mean 'workspace'?"),
        (('"mlw"', "7"), "staging", ":4:1: 'workspace' needs a text, not 7"),
        (("TEAM", "TAEM"), "staging", ":3:1: 'resource_group' is taken from the variable TAEM, which is not set"),
        (("[stages.staging.set]", "[stages.staging.sett]"), "staging", "a stage has no 'sett'. Did you mean 'set'?"),
        (("[stages", "[stage"), "staging", "there is no table 'stage'. Did you mean 'stages'?"),
        (('"azureml:cpu"', "[1]"), "staging", ":7:1: 'settings.default_compute' needs a text, not [1]"),
        (("jobs/re*", "job/re*"), "staging", ":11:1: no file of the project is named by 'job/re*.yml'"),
        (("cr$TEAM", "cr$TAEM"), "staging", ":13:1: 'jobs.package.inputs.registry' is taken from the variable TAEM"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(tmp_path: Path, change: tuple[str, str], name: str, told: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        read_stage(_written(tmp_path, WHOLE.replace(*change)), name, VARIABLES)
    assert told in str(raised.value)


def test_a_project_without_stages_is_told_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"names no stage, .*add \[stages.dev\] with subscription"):
        read_stage(tmp_path)


def test_stages_beside_are_those_in_the_same_workspace(tmp_path: Path) -> None:
    """Whatever they need besides: one whose workspace is not known here is in another."""
    same = WHOLE.replace("stages.staging", "stages.prod").replace("cr$TEAM", "cr$UNSET")
    unknown = WHOLE.replace("stages.staging", "stages.test").replace("$SUBSCRIPTION", "$UNSET")
    other = WHOLE.replace("stages.staging", "stages.dev").replace('"mlw"', '"mlw-dev"')
    root = _written(tmp_path, f"{WHOLE}\n{same}\n{unknown}\n{other}")
    beside = stages_beside(read_stage(root, "staging", VARIABLES), VARIABLES)
    assert [stage.name for stage in beside] == ["prod"]
    assert beside[0].overlay["settings.default_compute"] == "azureml:cpu"
