"""What is told of a command and its script, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
from checked_files import findings, told

from penstock.store.files import Disk

HEAD = "type: command\nname: c\nversion: 1\nenvironment: azureml:e:1\ncode: ./src\n"
PARSER = "import argparse\nparser = argparse.ArgumentParser()\n{}\nparser.parse_args()\n"


def component(command: str, inputs: str = "", outputs: str = "") -> str:
    ports = "".join(f"{key}:\n  {value}\n" for key, value in (("inputs", inputs), ("outputs", outputs)) if value)
    return f"{HEAD}{ports}command: {command}\n"


def script(*arguments: str) -> str:
    return PARSER.format("\n".join(f"parser.add_argument({argument})" for argument in arguments))


def of(folder: Path, yml: str, source: str, **more: str) -> list[str]:
    return told(folder, {"c.yml": yml, "src/train.py": source, **more}, "PS31", "PS305")


def test_a_flag_in_a_folded_command_is_told_at_itself(tmp_path: Path) -> None:
    command = ">-\n  python train.py\n  --rate ${{inputs.rate}}\n  --sed ${{inputs.rate}}"
    (only,) = of(tmp_path, component(command, "rate: {type: number}"), script('"--rate"', '"--seed"'))
    assert only.startswith(
        "PS311 c.yml:11:3 c: train.py does not define --sed; argparse refuses it. Did you mean '--se"
    )


def test_all_of_it_at_once_in_order(tmp_path: Path) -> None:
    yml = component(
        "python train.py --zz 1 --seed x --fast yes --name --task c",
        "unused: {type: string}",
    )
    source = script(
        '"--rate", required=True',
        '"--seed", type=int',
        '"--fast", action="store_true"',
        '"--name"',
        '"--task", choices=["a", "b"]',
    )
    assert [line.partition(" ")[0] for line in of(tmp_path, yml, source)] == [
        "PS305",
        "PS312",
        "PS311",
        "PS314",
        "PS318",
        "PS316",
        "PS314",
    ]


@pytest.mark.parametrize(
    ("command", "inputs", "arguments", "rules"),
    [
        ("python train.py --lr 1", "", ('"--learning-rate"',), ["PS311"]),
        ("python train.py --learn 1", "", ('"--learning-rate"',), []),
        ("python train.py --x ${{inputs.x}}", "x: {type: uri_file}", ('"--x", type=int',), ["PS314"]),
        ("python train.py --x ${{inputs.x}}", "x: {type: boolean}", ('"--x", type=float',), ["PS314"]),
        ("python train.py --x ${{inputs.x}}", "x: {type: string}", ('"--x", type=float',), []),
        ("python train.py --x ${{inputs.x}}", "x: {type: integer}", ('"--x", type=float',), []),
        ("python train.py --x ${{inputs.x}}", "x: {type: number}", ('"--x", type=int',), ["PS315"]),
        ("python train.py --x ${{inputs.x}}", "x: {type: string, default: q}", ('"--x", type=int',), ["PS314"]),
        ("python train.py --x ${{inputs.x}}", "x: {type: string, enum: [a, b]}", ('"--x", choices=["a"]',), ["PS315"]),
        ("python train.py --x ${{inputs.x}}", "x: {type: boolean}", ('"--x", type=bool',), ["PS317"]),
        ("python train.py --x false", "", ('"--x", type=bool',), ["PS317"]),
        ("python train.py --x true", "", ('"--x", type=bool',), []),
        ("python train.py ${{inputs.x}}", "x: {type: uri_file}", (), ["PS318"]),
        ("python train.py ${{inputs.x}}", "x: {type: string}", ('"--y", required=True',), []),
        ("python train.py '${{inputs.x}}'", "x: {type: string}", (), ["PS318"]),
        ("python train.py $ARGS", "", ('"--y", required=True',), []),
        ("python train.py --y $ARGS", "", ('"--y", required=True',), []),
        ("python train.py --y=${{inputs.x}}", "x: {type: string}", ('"--y", required=True, type=int',), []),
        ("python train.py $[[--y ${{inputs.x}}]]", "x: {type: string, optional: true}", ('"--y"',), []),
        ("python train.py $[[--y ${{inputs.x}}]]", "x: {type: string}", ('"--y", required=True',), []),
        (
            "python train.py $[[--y ${{inputs.x}}]]",
            "x: {type: string, optional: true}",
            ('"--y", required=True',),
            ["PS313"],
        ),
        (
            "python train.py $[[--y ${{inputs.x}}]]",
            "x: {type: string, optional: true, default: a}",
            ('"--y", required=True',),
            [],
        ),
        ("pip install x && python train.py --z 1", "", ('"--y"',), ["PS311"]),
        ("python other.py", "", (), ["PS310"]),
        ("git pull && python other.py", "", (), []),
        ("python -m other", "", (), []),
        ("python -m train --z", "", ('"--y"',), ["PS311"]),
        ("python train.py --z || true", "", ('"--y"',), []),
    ],
)
def test_a_command(command: str, inputs: str, arguments: tuple[str, ...], rules: list[str], tmp_path: Path) -> None:
    lines = of(tmp_path, component(f'"{command}"' if "'" in command else command, inputs), script(*arguments))
    assert [line.partition(" ")[0] for line in lines] == rules, lines


def test_a_script_that_is_ignored_is_missing(tmp_path: Path) -> None:
    (only,) = of(tmp_path, component("python train.py"), script(), **{"src/.amlignore": "*.py\n"})
    assert only.startswith("PS310 c.yml:6:17 c: the command starts 'train.py', which code: does not hold.")


def test_a_script_elsewhere_in_the_snapshot(tmp_path: Path) -> None:
    (only,) = of(tmp_path, component("python src/train.py"), script())
    assert only.endswith("It holds 'train.py'; paths in a command count from the snapshot's root.")


def test_a_script_that_an_earlier_one_writes(tmp_path: Path) -> None:
    source = "open('made.py', 'w').write('')\n"
    assert of(tmp_path, component("python train.py && python made.py"), source) == []


def test_a_script_of_an_artifact_that_is_downloaded(tmp_path: Path) -> None:
    more = "additional_includes:\n- {type: artifact, feed: f, name: n, version: 1.0.0}\n"
    assert of(tmp_path, component("python other.py") + more, script()) == []


def test_a_value_of_a_node_is_told_at_the_node(tmp_path: Path) -> None:
    job = (
        "type: pipeline\nsettings: {default_compute: azureml:serverless}\njobs:\n  a:\n    type: command\n"
        "    component: ./c.yml\n    inputs:\n      task: ranking\n"
    )
    yml = component("python train.py --task ${{inputs.task}}", "task: {type: string}")
    files = {"job.yml": job, "c.yml": yml, "src/train.py": script('"--task", choices=["a", "b"]')}
    assert told(tmp_path, files, "PS31") == [
        "PS314 job.yml:8:13 'a': 'task' goes to --task of train.py, which takes one of a, b, not 'ranking'."
    ]


def test_an_inline_command(tmp_path: Path) -> None:
    job = (
        "type: command\ncommand: python train.py --rate ${{inputs.rate}}\nenvironment: azureml:e:1\ncode: src\n"
        "compute: azureml:c\ninputs:\n  rate: fast\n"
    )
    (only,) = told(tmp_path, {"job.yml": job, "src/train.py": script('"--rate", type=float')}, "PS31")
    assert only.startswith("PS314 job.yml:7:9 ")


def test_ports_that_code_finds_by_their_variables(tmp_path: Path) -> None:
    yml = component("python train.py", "data: {type: uri_folder}", "out: {type: uri_folder}")
    assert of(tmp_path, yml, "import os\nos.environ['AZURE_ML_INPUT_data']\n") == []
    assert len(of(tmp_path, yml, "print(1)\n")) == 2


def test_a_script_that_is_not_python(tmp_path: Path) -> None:
    (only,) = of(tmp_path, component("python train.py"), "x = 1\ndef f(:\n    pass\n")
    assert only.startswith("PS319 src/train.py:2:7 ")


def test_the_script_is_never_executed(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    of(tmp_path, component("python train.py"), f"open({str(mark)!r}, 'w')\n")
    assert not mark.exists()


@pytest.mark.parametrize(
    "source", ["\0", "x = " + "(" * 5000, "\N{SNOWMAN}", "a = " + "-" * 100_000 + "1", "# coding: nope\n"]
)
def test_a_script_of_any_content(source: str, tmp_path: Path) -> None:
    of(tmp_path, component("python train.py --x 1"), source)


def test_links_that_go_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "src" / "a").mkdir(parents=True)
    for name in ("one", "two", "three"):
        (tmp_path / "src" / "a" / name).symlink_to("..")
    lines = told(tmp_path, {"c.yml": component("python train.py"), "src/train.py": script()}, "PS605")
    assert [line[:19] for line in lines] == ["PS605 c.yml:5:7 c: "]


def test_a_script_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    original = Disk.read
    monkeypatch.setattr(Disk, "read", lambda self, path: (read.append(path), original(self, path))[1])
    node = "  n{}:\n    type: command\n    component: ./c.yml\n"
    job = "type: pipeline\nsettings: {default_compute: azureml:c}\njobs:\n" + "".join(map(node.format, range(20)))
    findings(tmp_path, {"job.yml": job, "c.yml": component("python train.py"), "src/train.py": script()})
    assert len([path for path in read if path.name == "train.py"]) <= 2, "once for its code, once for secrets"
