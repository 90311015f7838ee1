"""Values that Azure puts into a command, then bash reads: bash itself is the oracle of what becomes of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from checked_files import findings, told
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penstock.check.shell_values import Taken, taken
from penstock.spec.expression import parse_template
from penstock.spec.place import Place

BASH = shutil.which("bash")
COMMANDS = [
    "tell '${{inputs.a}}'",
    'tell "${{inputs.a}}"',
    "tell ${{inputs.a}}",
    "tell --x=${{inputs.a}} y",
    "tell --x '${{inputs.a}}' && tell \"${{inputs.b}}\" z",
    "tell $[[--x '${{inputs.a}}']] \"it's\"",
    "tell $[[--x ${{inputs.b}}]] --y 'p ${{inputs.a}} q'",
    "tell '$[[--x ${{inputs.a}}]]' w",
]
PIECES = ["a", "it's", "'", '"', " ", "\t", "\n", "\\", "#", "$", "x1", "-", "{", ",", "}", "=", "~", "`"]


def look(command: str, name: str, **values: str | None) -> Taken | None:
    return taken(parse_template(command, Place("x"), command=True), values, name)


def rendered(command: str, **values: str | None) -> str:
    return parse_template(command, Place("x"), command=True).render(lambda ref: values[ref.path[-1]])


def bash(script: str) -> tuple[list[str], str]:
    """The arguments of all calls of `tell`, and what bash complains of."""
    tell = "exec 3>&1 >/dev/null\ntell() { printf '%s\\0' \"$@\" end >&3; }\ncommand_not_found_handle() { :; }\n"
    done = subprocess.run(
        [str(BASH), "-c", f"{tell}{script}"], capture_output=True, check=False, cwd="/proc", stdin=subprocess.DEVNULL
    )
    return done.stdout.decode().split("\0")[:-1], done.stderr.decode()


@pytest.mark.skipif(BASH is None, reason="the oracle is bash")
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(COMMANDS), st.lists(st.sampled_from(PIECES), max_size=5).map("".join))
@example(COMMANDS[0], "O'Brien")
@example(COMMANDS[5], "O'Brien")
@example(COMMANDS[2], "{a,b}")
def test_what_is_said_of_a_value_is_what_bash_does(command: str, value: str) -> None:
    found = look(command, "a", a=value, b="other")
    got, complaint = bash(rendered(command, a=value, b="other"))
    if found is not None and found.what == "open":
        assert "unexpected EOF while looking for matching" in complaint or (
            "\n" in value and "syntax error" in complaint
        )
        assert "\n" in value or found.how.endswith(complaint.strip().rpartition("matching ")[2])
        return
    if found is None and not {"{", "~"} & set(value):  # what bash makes of these depends on more than is looked at
        plain, _ = bash(rendered(command, a="VALUE", b="other"))
        assert got == [word.replace("VALUE", value) for word in plain]
        assert not complaint


@pytest.mark.parametrize(
    ("command", "value", "what"),
    [
        ("t '${{inputs.a}}'", "O'Brien", "open"),
        ("t '${{inputs.a}}' \\'", "O'Brien", "changed"),  # the quote ends at another one
        ('t "${{inputs.a}}"', "O'Brien", None),
        ('t "${{inputs.a}}"', 'a "b', "open"),
        ('t "${{inputs.a}}"', '{"a": 1}', "changed"),
        ('t "${{inputs.a}}"', "pa$$word", "variable"),
        ("t '${{inputs.a}}'", "pa$$word `x` \\", None),
        ("t ${{inputs.a}}", "two words", "words"),
        ("t ${{inputs.a}}", "", "words"),
        ("t ${{inputs.a}}", "a\\d", "changed"),
        ("t ${{inputs.a}} b", "#fff", "changed"),
        ("t ${{inputs.a}} b", "a;b", "changed"),
        ("t ${{inputs.a}} b", "a`b", "changed"),
        ("t ${{inputs.a}} b", "R&D", "changed"),
        ("t ${{inputs.a}} b", "x\n", "changed"),
        ("t ${{inputs.a}}", "*.csv", None),
        ("t ${{inputs.a}}", "C:/data/x-1_2.csv", None),
        ("t $(x ${{inputs.a}})", "O'Brien", None),  # more than is read here
        ("t ${{inputs.b}}", "O'Brien", None),
        ("$[['${{inputs.a}} ${{inputs.c}}']]", "O'Brien", None),  # c has no value, so the part is not there
    ],
)
def test_what_becomes_of_a_value(command: str, value: str, what: str | None) -> None:
    found = look(command, "a", a=value, c=None)
    assert (found.what if found else None) == what


def test_two_values_may_close_each_others_quotes() -> None:
    """Then bash runs something: not what was meant, but no error that is certain."""
    command = "t '${{inputs.a}}' '${{inputs.b}}'"
    one = look(command, "a", a="it's", b="it's")
    assert one is not None
    assert one.what == "changed"


SCRIPT = """import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--note")
parser.add_argument("--many", nargs="+")
parser.parse_args()
"""
JOB = """$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
settings: {{default_compute: azureml:serverless}}
inputs:
  text: {value}
jobs:
  train:
    type: command
    component: ./c.yml
    inputs:
      note: ${{{{parent.inputs.text}}}}
"""
COMPONENT = """$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: c
version: 1.0.0
inputs:
  note: {{type: string}}
environment: azureml:e:1
code: ./src
command: {command}
"""


def of(folder: Path, command: str, value: str, script: str = SCRIPT) -> list[str]:
    job = JOB.format(value=value)
    return told(folder, {"job.yml": job, "c.yml": COMPONENT.format(command=command), "src/t.py": script}, "PS21")


@pytest.mark.parametrize(
    ("command", "value", "rule"),
    [
        (""">- \n  python t.py --note '${{inputs.note}}'""", '"O\'Brien"', "PS210"),
        (""">- \n  python t.py --note "${{inputs.note}}\"""", '"O\'Brien"', None),
        ("python t.py --note ${{inputs.note}}", '"O\'Brien"', "PS210"),
        ("python t.py --note ${{inputs.note}}", "two words", "PS211"),
        ("python t.py --note=${{inputs.note}}", "two words", "PS211"),
        ("python t.py --many ${{inputs.note}}", "two words", None),
        ("python t.py --many=${{inputs.note}}", "two words", "PS211"),
        ("python t.py ${{inputs.note}}", "--note two", None),
        ("bash t.sh --note ${{inputs.note}}", "two words", "PS211"),
        ("bash t.sh --args ${{inputs.note}}", '"--a 1"', None),
        ("bash t.sh ${{inputs.note}}", "two words", None),
        ("echo --note ${{inputs.note}}", "two words", None),
        ("python t.py --note ${{inputs.note}}", "'\"two words\"'", None),
        ("python t.py --note ${{inputs.note}}", "'{\"a\": 1}'", "PS211"),
        ("python t.py --note ${{inputs.note}}", "$HOME/x", None),
        ("python t.py --note ${{inputs.note}}", "pa$$word", "PS211"),
        ('python t.py --note "${{inputs.note}}"', "pa$sword", "PS211"),
        ('python t.py --note "${{inputs.note}}"', "$HOME/x", None),
        ("python t.py --note ${{inputs.note}}", "1e-05", None),
    ],
)
def test_a_value_in_a_job(command: str, value: str, rule: str | None, tmp_path: Path) -> None:
    lines = of(tmp_path, command, value)
    assert [line.split()[0] for line in lines] == ([rule] if rule else [])
    assert all(line.split()[1] == "job.yml:5:9" for line in lines)


def test_what_is_said(tmp_path: Path) -> None:
    (only,) = of(tmp_path, ">-\n  python t.py --note '${{inputs.note}}'", '"O\'Brien"')
    assert only == (
        "PS210 job.yml:5:9 'train': the value of 'note', \"O'Brien\", goes into the command as it is; "
        "bash says: unexpected EOF while looking for matching `''. "
        'Write "${{inputs.note}}" in the command, in double quotes.'
    )


def test_a_default_is_told_where_it_stands(tmp_path: Path) -> None:
    command = COMPONENT.format(command="\"python t.py --note '${{inputs.note}}'\"")
    files = {"c.yml": command.replace("{type: string}", '{type: string, default: "it\'s"}'), "src/t.py": SCRIPT}
    (only,) = told(tmp_path, files, "PS21")
    assert only.startswith("PS210 c.yml:6:33 c: the default of 'note', \"it's\", goes into")
    job = JOB.format(value="x").replace("      note: ${{parent.inputs.text}}\n", "      {}\n")
    found = [finding for finding in findings(tmp_path, {"job.yml": job}) if finding.rule == "PS210"]
    assert [Path(finding.place.file).name for finding in found] == ["c.yml"]
