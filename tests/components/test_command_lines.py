"""The command lines of train, evaluate, register and package are those of their component.yml."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest
import yaml
from model_side import COMPONENTS, STEPS, Bench, options_of


@pytest.mark.parametrize("step", STEPS)
def test_what_is_required_is_what_the_component_requires(
    bench: Bench, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        bench.main(step)
    required = capsys.readouterr().err.rsplit("required: ", 1)[1].strip().split(", ")
    ports = options_of(step)
    must = [name for name, port in ports.items() if not port.get("optional") and "default" not in port]
    assert required == [f"--{name.replace('_', '-')}" for name in must]


@pytest.mark.parametrize("step", STEPS)
def test_each_port_is_an_option_with_its_choices(bench: Bench, step: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        bench.main(step, help="")
    text = capsys.readouterr().out
    ports = options_of(step)
    for name, port in ports.items():
        option = re.search(rf"--{name.replace('_', '-')} ({{[^}}]*}})?", text)
        assert option, name
        assert (option[1] or "{}")[1:-1] == ",".join(port.get("enum", [])), name
    options = set(re.findall(r"--([a-z-]+)", text)) - {"help"}
    assert options == {name.replace("_", "-") for name in ports}


@pytest.mark.parametrize("step", STEPS)
def test_name_and_version_are_those_of_the_component(step: str) -> None:
    component: dict[str, Any] = yaml.safe_load((COMPONENTS / step / "component.yml").read_text())
    declared = importlib.import_module(step).COMPONENT
    assert (declared.name, declared.version) == (component["name"], component["version"])
    assert f"## {declared.version}" in (COMPONENTS / step / "CHANGELOG.md").read_text()
