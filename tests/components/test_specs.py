"""Each component's YAML, its entry point and its changelog say the same, and Azure's client accepts it."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml import load_component, load_job
from azure.ai.ml.entities import CommandComponent, ParallelComponent

REPOSITORY = Path(__file__).parents[2]
COMPONENTS = REPOSITORY / "components"
SHARED = COMPONENTS / "_shared" / "penstock_steps"
# What a component takes along besides its sources and the shared package.
MORE = {"package": REPOSITORY / "environments" / "scoring"}
NAMES = sorted(path.parent.name for path in COMPONENTS.glob("*/component.yml"))
LITERALS = {"string", "integer", "number", "boolean"}
# As the design has it: false for what reads the registry, the clock or the network.
DETERMINISTIC = {
    "validate_data": True,
    "split_data": True,
    "train": True,
    "evaluate": False,
    "register": False,
    "package": True,
    "batch_score": True,
    "check_batch": True,
    "newest_data": False,
}
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
# In the command: `--flag value`, where the value may be quoted, and an optional one stands in $[[ ]].
ARGUMENT = re.compile(r"(\$\[\[)?--([a-z-]+) ('?)\$\{\{(inputs|outputs)\.(\w+)\}\}\3(\]\])?")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@cache
def _spec(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((COMPONENTS / name / "component.yml").read_text(encoding="utf-8"))
    return document


@cache
def _loaded(name: str) -> CommandComponent | ParallelComponent:
    return load_component(COMPONENTS / name / "component.yml")


def _is_parallel(name: str) -> bool:
    return bool(_spec(name)["type"] == "parallel")


def _command_line(name: str) -> str:
    """What follows the entry point."""
    if _is_parallel(name):
        assert _spec(name)["task"]["entry_script"] == f"{name}.py"
        return " ".join(_spec(name)["task"]["program_arguments"].split())
    command = " ".join(_spec(name)["command"].split())
    assert command.startswith(f"python {name}.py ")
    return command.removeprefix(f"python {name}.py ")


def _entry(name: str) -> Path:
    return COMPONENTS / name / "src" / f"{name}.py"


def _sources(name: str) -> Iterator[Path]:
    yield from (path for path in sorted((COMPONENTS / name / "src").rglob("*.py")))


def _ports(name: str) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """(name, definition, whether it is an input) of each port."""
    for kind in ("inputs", "outputs"):
        for port, definition in _spec(name).get(kind, {}).items():
            yield port, definition, kind == "inputs"


def test_there_is_a_component_for_each_step_of_the_loop() -> None:
    assert set(NAMES) == set(DETERMINISTIC)


def test_azure_s_client_accepts_it(name: str) -> None:
    component = _loaded(name)
    assert component._validate().error_messages == {}
    sent = component._to_rest_object()
    assert sent.name == name
    sent_line = sent.properties.component_spec.get("command") or sent.properties.component_spec["task"]
    if _is_parallel(name):
        assert sent_line["program_arguments"] == _spec(name)["task"]["program_arguments"]
    else:
        assert sent_line == _spec(name)["command"]


def test_it_is_named_described_and_tagged(name: str) -> None:
    spec = _spec(name)
    assert spec["name"] == name
    kind = "parallel" if _is_parallel(name) else "command"
    assert spec["$schema"] == f"https://azuremlschemas.azureedge.net/latest/{kind}Component.schema.json"
    assert spec["type"] == kind
    assert spec["display_name"]
    assert len(spec["description"]) > 40
    assert set(spec["tags"]) == {"stage", "framework"}


def test_every_port_is_described(name: str) -> None:
    undescribed = [port for port, definition, _ in _ports(name) if len(definition.get("description", "")) < 10]
    assert undescribed == []


def test_whether_it_is_deterministic_is_said(name: str) -> None:
    assert _spec(name)["is_deterministic"] is DETERMINISTIC[name]


def test_its_version_is_the_newest_in_its_changelog(name: str) -> None:
    version = str(_spec(name)["version"])
    assert SEMVER.fullmatch(version)
    changelog = (COMPONENTS / name / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?([^\]\s]+)\]?", changelog, flags=re.MULTILINE)
    assert versions[0] == version
    assert len(versions) == len(set(versions))


def test_its_entry_point_bears_its_name_and_version(name: str) -> None:
    tree = ast.parse(_entry(name).read_text(encoding="utf-8"))
    [value] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["COMPONENT"]
    ]
    assert ast.unparse(value) == f"Component({name!r}, {str(_spec(name)['version'])!r})"


def test_defaults_lie_within_their_limits(name: str) -> None:
    for port, definition, _ in _ports(name):
        if "default" in definition:
            default = definition["default"]
            python = {"string": str, "integer": int, "number": (int, float), "boolean": bool}[definition["type"]]
            assert isinstance(default, python), port
            assert default in definition.get("enum", [default]), port
            assert definition.get("min", default) <= default <= definition.get("max", default), port
            assert not definition.get("optional"), f"{port}: a port with a default is never left out"


def test_its_environment_is_a_file_of_the_repository(name: str) -> None:
    environment = _spec(name).get("task", _spec(name))["environment"]
    assert environment.startswith("file:")
    file = (COMPONENTS / name / environment.removeprefix("file:")).resolve()
    assert file.is_file()
    assert file.is_relative_to(REPOSITORY / "environments")


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_command_passes_every_port_once(name: str) -> None:
    rest = _command_line(name)
    found = {match[5]: match for match in ARGUMENT.finditer(rest)}
    assert ARGUMENT.sub("", rest).split() == [], "something in the command is no port"
    assert list(found) == [port for port, _, _ in _ports(name)], "another order, or a port that is missing"
    for port, definition, is_input in _ports(name):
        opened, flag, quote, kind, _, closed = found[port].groups()
        assert flag == port.replace("_", "-")
        assert kind == ("inputs" if is_input else "outputs")
        assert bool(opened) == bool(closed) == bool(definition.get("optional"))
        assert bool(quote) == (definition["type"] not in ("integer", "number", "boolean")), port


PROBES = ("3", "0.5", "-1", "true", "False", "some text", "hash", "{}")
DESCRIBE = f"""
import argparse, json, runpy, sys
def tried(action, text):
    try:
        value = action.type(text) if action.type else text
    except (ValueError, TypeError, argparse.ArgumentTypeError):
        return "refused"
    return f"bool {{value}}" if isinstance(value, bool) else type(value).__name__
def describe(parser, *arguments, **more):
    rows = [
        dict(flags=action.option_strings, dest=action.dest, required=action.required,
             choices=list(action.choices) if action.choices else None, default=action.default,
             probes={{text: tried(action, text) for text in {PROBES}}})
        for action in parser._actions if action.dest != "help"
    ]
    print("\\n" + json.dumps(rows, default=str))
    raise SystemExit(0)
argparse.ArgumentParser.parse_args = argparse.ArgumentParser.parse_known_args = describe
sys.argv = sys.argv[1:]
sys.path.insert(0, "")
runpy.run_path(sys.argv[0], run_name="__main__").get("init", int)()
"""


@cache
def _arguments(name: str) -> dict[str, dict[str, Any]]:
    """What the entry point's parser declares, by destination: the program is run up to where it parses."""
    command = [sys.executable, "-B", "-c", DESCRIBE, f"{name}.py"]
    with _loaded(name)._build_code() as code:
        done = subprocess.run(
            command,
            cwd=code.path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return {row["dest"]: row for row in json.loads(done.stdout.splitlines()[-1])}


def test_the_entry_point_takes_what_the_command_passes(name: str) -> None:
    arguments = _arguments(name)
    assert list(arguments) == [port for port, _, _ in _ports(name)]
    for port, definition, is_input in _ports(name):
        argument = arguments[port]
        assert argument["flags"] == [f"--{port.replace('_', '-')}"]
        assert argument["choices"] == definition.get("enum"), port
        _check_required(port, argument, definition if is_input else {})
        _check_type(port, argument["probes"], definition["type"])


def _check_required(port: str, argument: dict[str, Any], definition: dict[str, Any]) -> None:
    if definition.get("optional"):
        assert not argument["required"], port
        assert argument["default"] is None, port
    elif not argument["required"]:
        assert argument["default"] == definition.get("default", "none: it must be required"), port


def _check_type(port: str, probes: dict[str, str], kind: str) -> None:
    if kind == "integer":
        assert (probes["3"], probes["0.5"], probes["some text"]) == ("int", "refused", "refused"), port
    elif kind == "number":
        assert (probes["3"], probes["0.5"], probes["some text"]) == ("float", "float", "refused"), port
    elif kind == "boolean":
        # `type=bool` would read False as true
        assert (probes["true"], probes["False"], probes["some text"]) == ("bool True", "bool False", "refused"), port
    elif kind in LITERALS:
        assert "refused" not in probes.values(), port
    else:
        assert set(probes.values()) == {"PosixPath"}, port


# --- the snapshot -----------------------------------------------------------------------------------------------------


def test_the_snapshot_holds_the_sources_and_the_shared_package_alone(name: str) -> None:
    own = {path.relative_to(COMPONENTS / name / "src").as_posix() for path in _files(COMPONENTS / name / "src")}
    own = {file for file in own if not file.startswith("penstock_steps/")}
    shared = {f"penstock_steps/{path.relative_to(SHARED).as_posix()}" for path in _files(SHARED)}
    assert f"{name}.py" in own
    if name in MORE:
        shared |= {f"{MORE[name].name}/{path.relative_to(MORE[name]).as_posix()}" for path in _files(MORE[name])}
    with _loaded(name)._build_code() as code:
        snapshot = {path.relative_to(code.path).as_posix() for path in _files(Path(code.path))}
    assert snapshot == own | shared


def _files(folder: Path) -> Iterator[Path]:
    """With links to folders followed, as Azure's client does: a parallel component has no additional_includes."""
    for here, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (Path(here, name) for name in names)


def test_no_step_imports_the_toolchain(name: str) -> None:
    for source in [*_sources(name), *SHARED.rglob("*.py")]:
        assert "penstock" not in _imported(source), source


def _imported(source: Path) -> set[str]:
    """The top-level packages that a file imports, at its top or inside its functions."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).split(".")[0])
    return found


def test_no_component_knows_a_dataset(name: str) -> None:
    """Columns come in through ports. The name of a port (`target`) may happen to be one of a column."""
    ports = {port for component in NAMES for port, _, _ in _ports(component)}
    columns = {column for table in REPOSITORY.glob("data_checks/*/*.csv") for column in _header(table)} - ports
    assert len(columns) >= 10
    for source in [*_sources(name), *SHARED.rglob("*.py")]:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value not in columns, f"{source}:{node.lineno}"
            if isinstance(node, ast.Attribute):
                assert node.attr not in columns, f"{source}:{node.lineno}"
    words = set(re.findall(r"\w+", (COMPONENTS / name / "component.yml").read_text(encoding="utf-8")))
    assert not {column for column in columns if len(column) > 2} & words


def _header(table: Path) -> list[str]:
    with table.open(encoding="utf-8", newline="") as stream:
        return next(csv.reader(stream))


# --- the sample -------------------------------------------------------------------------------------------------------


def test_its_sample_is_a_job_that_azure_s_client_accepts(name: str) -> None:
    file = COMPONENTS / name / "sample" / "job.yml"
    job = load_job(file)
    assert job._validate().error_messages == {}
    job._to_rest_object()
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    references = {node["component"] for node in document["jobs"].values()}
    assert "../component.yml" in references
    for value in document.get("inputs", {}).values():
        if isinstance(value, dict) and "path" in value:
            assert (file.parent / value["path"]).exists(), value["path"]
