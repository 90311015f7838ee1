"""What is told of a command line is what the script's own argparse says: it is the oracle. Scripts are read as text."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.check.entry_point import Interface
from penstock.check.entry_point_code import Code, Module, parse
from penstock.check.entry_point_match import match
from penstock.check.entry_point_outline import outline
from penstock.check.entry_point_shell import read_command
from penstock.check.snapshots import interface
from penstock.spec.expression import parse_template
from penstock.spec.place import Place

CASES = yaml.safe_load((Path(__file__).parent / "entry_points.yml").read_text(encoding="utf-8"))


def read(files: dict[str, str], entry: str = "train.py") -> Interface | None:
    """The interface of the script `entry` among `files`."""

    def parsed(name: str, main: bool) -> Any:
        return parse(name, dedent(files[name]).encode(), main=main)

    code = Code(frozenset(files), parsed, lambda name: outline(dedent(files[name]).encode()))
    module = code.module(entry, main=True)
    assert isinstance(module, Module)
    return interface(code, module, str(Path(entry).parent))


def problems(found: Interface, line: list[str]) -> list[str]:
    """What is certainly wrong with a command line."""
    program = read_command(parse_template(shlex.join(["python", "train.py", *line]), Place("x"), command=True))
    assert program is not None
    (run,) = program.runs
    result = match(run.words, found, lambda _: True)
    told = [f"missing {option.label}" for option in result.missing if not result.open]
    told += [f"lacking {option.label}" for _, option in result.lacking]
    told += [f"unwanted {word}" for word, _ in result.unwanted]
    for given_ in result.given:
        told += [f"refused {word}" for word in given_.values if given_.option.refuses(str(word))]
    if found.complete and not found.takes_unknown:
        told += [f"undefined {word}" for word in (*result.undefined, *result.ambiguous)]
    return told


def refused(script: str, line: list[str]) -> bool:
    """Whether the script's own argparse ends it for what is on the command line."""
    before = sys.argv
    sys.argv = ["train.py", *line]
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            exec(compile(script, "train.py", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        return end.code == 2
    finally:
        sys.argv = before
    return False


@dataclass(frozen=True)
class Script:
    text: str
    parser: str


NAMES = st.sampled_from(["--rate", "--rates", "--seed", "--data", "--data-dir", "-v", "--verbose", "-n"])
KEYWORDS = st.fixed_dictionaries(
    {},
    optional={
        "required": st.booleans(),
        "type": st.sampled_from(["int", "float", "str"]),
        "nargs": st.sampled_from(["1", "2", "'?'", "'*'", "'+'"]),
        "choices": st.sampled_from([["a", "b"], ["1", "2"]]),
    },
)
SWITCH = st.sampled_from([{"action": "'store_true'"}, {"action": "'count'"}])
POSITIONAL = st.fixed_dictionaries({}, optional={"type": st.just("int")})


@st.composite
def scripts(draw: st.DrawFn) -> str:
    lines = ["import argparse", f"parser = argparse.ArgumentParser(allow_abbrev={draw(st.booleans())})"]
    for name in draw(st.lists(NAMES, unique=True, max_size=4)):
        keywords: dict[str, Any] = dict(draw(st.one_of(KEYWORDS, SWITCH)))
        if "choices" in keywords:
            keywords.pop("type", None)
        text = "".join(f", {key}={value}" for key, value in keywords.items())
        lines.append(f"parser.add_argument({name!r}{text})")
    for number, keywords in enumerate(draw(st.lists(POSITIONAL, max_size=2))):
        text = "".join(f", {key}={value}" for key, value in keywords.items())
        lines.append(f"parser.add_argument('place{number}'{text})")
    return "\n".join([*lines, "parser.parse_args()", ""])


WORDS = (
    "--rate --rat --rate=1 --seed --se --data --d --data-dir=a -v -vv -n -n1 --verbose --verb=1 --other -x 1 -1 a 2.5"
)
LINES = st.lists(st.sampled_from([*WORDS.split(), "--seed=1", "--", "b c"]), max_size=6)


@settings(max_examples=400)
@given(scripts(), LINES)
def test_what_is_told_is_refused_by_argparse(script: str, line: list[str]) -> None:
    found = read({"train.py": script})
    assert found is not None
    told = problems(found, line)
    if told:
        assert refused(script, line), told


@settings(max_examples=400)
@given(scripts(), LINES)
def test_what_argparse_refuses_is_told(script: str, line: list[str]) -> None:
    """Apart from what is left alone on purpose: short flags run together, and where values go beside positionals."""
    found = read({"train.py": script})
    assert found is not None
    if found.positionals or "--" in line or any(word[:1] == "-" and word[1:2] != "-" for word in line):
        return
    if refused(script, line):
        assert problems(found, line)


@pytest.mark.parametrize("case", CASES, ids=[case["case"].replace(" ", "_") for case in CASES])
def test_what_is_read_of_a_script(case: dict[str, Any]) -> None:
    files = case.get("files") or {"train.py": case["script"]}
    found = read(files, case.get("entry", "train.py"))
    if case.get("read") is None:
        assert found is None
        return
    assert found is not None
    assert found.library == case.get("library", "argparse")
    told = {option.label for option in found.options} - {"--help"}
    expected: dict[str, Any] = case["read"]
    assert told == set(expected)
    assert {option.label for option in found.options if option.required} == {
        name for name, about in expected.items() if about and about.get("required")
    }
    for option in found.options:
        about = expected.get(option.label) or {}
        assert option.convert == about.get("type", option.convert)
        if "choices" in about:
            assert list(option.choices or ()) == about["choices"]
        if "values" in about:
            assert [option.low, option.high] == about["values"]
    assert found.complete is case.get("complete", True)
    assert found.takes_unknown is case.get("takes_unknown", False)
