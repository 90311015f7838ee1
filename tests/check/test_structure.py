"""PS005 to PS009: what is told, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
from checked_files import told

from penstock.check.structure import Comparison, Owner
from penstock.check.structure_schema import root_of
from penstock.spec.kind import Kind
from penstock.spec.place import Place
from penstock.spec.source import Entry, Mapping, Scalar

RULES = ("PS005", "PS006", "PS007", "PS008", "PS009", "PS010")
PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
settings: {default_compute: azureml:cpu}
jobs:
  a:
    type: command
    command: echo hi
    environment: azureml:e:1
"""
COMPONENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: c
version: 1.0.0
command: echo hi
environment: azureml:e:1
"""
SWEEP = """\
  b:
    type: sweep
    trial: ./c.yml
    search_space:
      x: {type: uniform, min_value: 0, max_value: 1}
"""
BY_FILE = PIPELINE.replace("    command: echo hi\n    environment: azureml:e:1\n", "    component: ./c.yml\n")


def of(folder: Path, text: str, **more: str) -> list[str]:
    return told(
        folder, {"job.yml": text, **{name.replace("_yml", ".yml"): text for name, text in more.items()}}, *RULES
    )


def test_an_unknown_key_of_a_job_is_refused_and_told_at_itself(tmp_path: Path) -> None:
    assert of(tmp_path, PIPELINE + "displayname: x\n") == [
        "PS007 job.yml:9:1 the pipeline job has no key 'displayname'. Did you mean 'display_name'?"
    ]


def test_an_unknown_setting_is_ignored_by_the_client_and_so_a_warning(tmp_path: Path) -> None:
    text = PIPELINE.replace("azureml:cpu}", "azureml:cpu, continue_on_failure: true}")
    [line] = of(tmp_path, text)
    assert line.startswith("PS008 job.yml:3:42 Azure's client knows no key 'continue_on_failure' in 'settings'")
    assert line.endswith("Did you mean 'continue_on_step_failure'?")


def test_an_unknown_key_of_an_inline_node_is_refused_that_of_a_node_by_file_is_not(tmp_path: Path) -> None:
    assert [line[:5] for line in of(tmp_path, PIPELINE + "    code_folder: ./src\n")] == ["PS007"]
    assert [line[:5] for line in of(tmp_path, BY_FILE + "    code_folder: ./src\n", c_yml=COMPONENT)] == ["PS008"]


@pytest.mark.parametrize("key", ["display_name: x", "description: x", "tags: {a: b}", "experiment_name: x"])
def test_what_the_client_makes_a_node_with_is_known(key: str, tmp_path: Path) -> None:
    assert of(tmp_path, f"{BY_FILE}    {key}\n", c_yml=COMPONENT) == []


def test_a_component_file_is_looked_at_where_a_job_names_it(tmp_path: Path) -> None:
    component = COMPONENT + "is_determinstic: true\n"
    [line] = of(tmp_path, BY_FILE, c_yml=component)
    assert line.startswith("PS008 c.yml:7:1 ")
    assert line.endswith("Did you mean 'is_deterministic'?")


def test_a_component_needs_a_name_by_itself_but_not_where_a_job_names_its_file(tmp_path: Path) -> None:
    nameless = COMPONENT.replace("name: c\n", "")
    [line] = of(tmp_path, nameless)
    assert line.startswith("PS010 job.yml:1:1 the command component lacks name:. Write it, or give it to the command")
    assert of(tmp_path, BY_FILE, c_yml=nameless) == []


def test_a_missing_key_is_told_at_the_key_of_what_lacks_it(tmp_path: Path) -> None:
    assert of(tmp_path, PIPELINE + SWEEP, c_yml=COMPONENT) == ["PS009 job.yml:9:3 'b' lacks limits: and objective:."]
    more = "    limits: {max_total_trials: 3}\n"
    more += "    objective: {goal: maximize}\n"
    assert of(tmp_path, PIPELINE + SWEEP + more, c_yml=COMPONENT) == [
        "PS009 job.yml:15:5 'objective' lacks primary_metric:."
    ]


def test_a_required_key_with_a_typo_is_told_once(tmp_path: Path) -> None:
    more = "    objective: {goal: maximize, primary_metrics: auc}\n    limits: {max_total_trials: 3}\n"
    assert of(tmp_path, PIPELINE + SWEEP + more, c_yml=COMPONENT) == [
        "PS007 job.yml:14:33 'objective' has no key 'primary_metrics'. Did you mean 'primary_metric'?"
    ]


def test_a_value_of_the_wrong_type_is_told_at_the_value(tmp_path: Path) -> None:
    more = "    limits: {timeout: soon}\n    tags: [a]\n"
    lines = of(tmp_path, PIPELINE + more)
    assert lines[0] == "PS005 job.yml:9:23 'timeout' takes an integer, not 'soon'."
    assert lines[1] == "PS005 job.yml:10:11 'tags' takes an object, not a list."


def test_what_yaml_reads_as_something_else_is_to_be_put_in_quotes(tmp_path: Path) -> None:
    [line] = of(tmp_path, COMPONENT + "description: 3.10\n")
    assert line == (
        "PS005 job.yml:7:14 'description' takes text, not 3.10, which is a number to YAML. Put it in quotes: '3.10'."
    )
    [line] = of(tmp_path, COMPONENT + "tags: {on: a}\n")
    assert line == "PS005 job.yml:7:8 the key on in 'tags' is no text to YAML. Put it in quotes: 'on'."


def test_a_key_without_a_value_is_told_at_the_key(tmp_path: Path) -> None:
    [line] = of(tmp_path, COMPONENT + "inputs:\n")
    assert line == "PS005 job.yml:7:1 'inputs' has no value; it takes an object. Give it one, or remove the key."


def test_of_a_union_the_stated_type_tells_what_is_wrong(tmp_path: Path) -> None:
    inputs = "    inputs:\n      data: {type: uri_folder, pth: ./x, path: azureml:x:1, mode: rw_mont}\n"
    lines = of(tmp_path, PIPELINE + inputs)
    assert [line.split(" ", 2)[:2] for line in lines] == [["PS007", "job.yml:10:32"], ["PS006", "job.yml:10:67"]]
    assert "'data' has no key 'pth'." in lines[0]
    assert lines[1].endswith("'mode' cannot be 'rw_mont'. Did you mean 'ro_mount'?")


def test_a_type_that_no_alternative_has_is_told_with_all_that_there_are(tmp_path: Path) -> None:
    inputs = "    inputs:\n      data: {type: uri_fodler, path: azureml:x:1}\n"
    assert of(tmp_path, PIPELINE + inputs) == [
        "PS006 job.yml:10:20 'type' cannot be 'uri_fodler'. Did you mean 'uri_folder'?"
    ]


def test_upper_case_is_taken_where_the_client_folds_it(tmp_path: Path) -> None:
    assert of(tmp_path, PIPELINE.replace("    type: command", "    type: Command")) == []
    ports = "inputs:\n  x: {type: String}\n"
    assert [line[:5] for line in of(tmp_path, COMPONENT + ports)] == ["PS006"]


@pytest.mark.parametrize(
    ("value", "taken"),
    [("3", True), ("'3'", True), ("3.7", True), ("true", False), ("three", False), ("'${{parent.inputs.x}}'", False)],
)
def test_an_integer_is_what_the_client_makes_one_of(value: str, taken: bool, tmp_path: Path) -> None:
    assert (of(tmp_path, f"{PIPELINE}    limits: {{timeout: {value}}}\n") == []) == taken


def test_a_binding_passes_where_the_client_lets_it_pass(tmp_path: Path) -> None:
    more = "    limits: {timeout: '${{parent.inputs.x}}'}\n    compute: ${{parent.inputs.c}}\n"
    assert of(tmp_path, BY_FILE + more, c_yml=COMPONENT) == []


@pytest.mark.parametrize(("value", "taken"), [("2026-01-31T08:00:00", False), ("'2026-01-31T08:00:00'", True)])
def test_a_time_is_text(value: str, taken: bool, tmp_path: Path) -> None:
    text = f"""\
$schema: https://azuremlschemas.azureedge.net/latest/schedule.schema.json
name: s
create_job: azureml:j
trigger: {{type: cron, expression: 0 4 * * *, start_time: {value}}}
"""
    lines = of(tmp_path, text)
    assert (lines == []) == taken
    assert taken or lines[0].endswith(f"Put it in quotes: '{value}'.")


def test_a_job_without_a_type_is_a_command_job_to_the_client(tmp_path: Path) -> None:
    [line] = of(tmp_path, PIPELINE.replace("type: pipeline\n", "", 1))
    assert line.startswith("PS009 job.yml:1:1 the pipeline job does not say its type")
    nightly = "name: s\ntrigger: {type: cron, expression: 0 4 * * *}\ncreate_job: {type: pipelin, job: azureml:j}\n"
    assert "PS006 job.yml:3:20 'type' cannot be 'pipelin'. Did you mean 'pipeline'?" in of(tmp_path, nightly)


def test_an_inline_command_needs_an_environment(tmp_path: Path) -> None:
    """Also without a type, and although the client's complaint is of a component."""
    bare = PIPELINE.replace("    environment: azureml:e:1\n", "")
    for text in (bare, bare.replace("    type: command\n", "")):
        assert of(tmp_path, text) == ["PS009 job.yml:5:3 'a' lacks environment:."]


def test_what_other_rules_say_better_is_left_to_them(tmp_path: Path) -> None:
    assert of(tmp_path, COMPONENT.replace("command: echo hi\n", "")) == []
    assert of(tmp_path, PIPELINE.replace("    command: echo hi\n", "")) == []
    assert of(tmp_path, PIPELINE.replace("type: command", "type: comand")) == []


def test_a_fault_in_an_aliased_node_is_told_once(tmp_path: Path) -> None:
    more = "    limits: &l {timeout: soon}\n  b: {command: echo, environment: azureml:e:1, limits: *l}\n"
    assert len(of(tmp_path, PIPELINE + more)) == 1


def test_an_aliased_tree_is_looked_at_once_however_often_it_is_named() -> None:
    """Ninety levels of two aliases would be 2^90 objects. (The reader refuses such a file first.)"""
    place = Place("x.yml")
    tree = Mapping(place, {})
    for _ in range(90):
        key = Scalar(place, "description", "description")
        tree = Mapping(place, {name: Entry(key, tree) for name in ("description", "oddity")})
    found = Comparison().compare(tree, root_of(Kind("data", ""), tree), Owner("it", "", place))
    assert [problem.what for problem in found] == ["type", "unknown", "missing"]


def test_an_environment_that_is_none_is_told_once(tmp_path: Path) -> None:
    text = COMPONENT.replace("azureml:e:1", "environment.yml")
    assert "environment.yml" in text
    assert of(tmp_path, text) == []
    lines = told(tmp_path, {"c.yml": text}, "PS")
    assert [line.split()[0] for line in lines] == ["PS506"]


def test_an_input_of_a_job_is_not_declared_as_that_of_a_component(tmp_path: Path) -> None:
    text = PIPELINE.replace("jobs:", "inputs:\n  rate: {type: number, default: 3}\njobs:", 1)
    [line] = [line for line in of(tmp_path, text) if line.startswith("PS006")]
    assert line.endswith(
        "'type' cannot be 'number'. A job gives the value itself: NAME: VALUE. Only data has a type there."
    )
