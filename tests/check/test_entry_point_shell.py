"""A command is split as bash splits it, or not at all: bash itself is the oracle."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penstock.check.entry_point_shell import Program, Run, read_command
from penstock.spec.expression import parse_template
from penstock.spec.place import Place

BASH = shutil.which("bash")


def read(command: str) -> Program | None:
    return read_command(parse_template(command, Place("x"), command=True))


def runs(command: str) -> tuple[Run, ...]:
    program = read(command)
    assert program is not None
    return program.runs


def words(run: Run) -> list[str]:
    return [str(word) for word in run.words]


PIECES = ["a", "--x", "=", " ", "  ", "'", '"', "\\", "\n", "\\\n", ";", "&&", "|", "#", ">", "2>&1", "<", "&>", "-"]
PIECES += ["python t.py", "echo ", "cd d", "1", "{", "}", "*", "$", "${X}", "$(", "`", "!", "~", ",", "[", "]", "X=1 "]


@pytest.mark.skipif(BASH is None, reason="the oracle is bash")
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
@example('\'--x a\' && python t.py "b\\"c" d\\ e # f')
@example("a=b 2>&1 | echo")
@example("''2>&1")
@example("\\\n2>&1")
@example("--x;python t.py y\n\npython t.py z")
def test_words_are_those_of_bash(rest: str) -> None:
    program = read(f"python t.py {rest}")
    if program is None or any(word.unknown for run in program.runs for word in run.words):
        return
    shown = [[run.script, *words(run)] for run in program.runs]
    # every program and every builtin that may change the outcome becomes one that tells its arguments
    tell = (
        "python() { printf '%s\\0' \"$@\" end >&3; }; echo() { :; }; command_not_found_handle() { :; }; cd() { :; }\n"
    )
    script = f"exec 3>&1 >/dev/null\n{tell}python t.py {rest}\n"
    done = subprocess.run(
        [str(BASH), "-c", script], capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL, cwd="/proc"
    )
    told: list[list[str]] = [[]]
    for word in done.stdout.decode().split("\0")[:-1]:
        if word == "end":
            told.append([])
        else:
            told[-1].append(word)
    if done.returncode == 0 and not done.stderr:  # else a redirection failed, and what it was for was not done
        known = [run for run in told if run and not set(run[0]) & set("*?[{~")]  # else: not sure
        assert sorted(known) == sorted(shown)  # the two sides of a | run at the same time


@pytest.mark.parametrize(
    "command",
    [
        "if true; then python t.py; fi",
        "for x in 1 2; do python t.py; done",
        "python t.py $(cat x)",
        "python t.py `cat x`",
        "python t.py <<EOF\nx\nEOF",
        "(python t.py)",
        "{ python t.py; }",
        "python t.py || true",
        "python t.py &",
        "source env.sh && python t.py",
        "bash run.sh",
        "cd .. && python t.py",
        "cd $X && python t.py",
        "python t.py 'x",
    ],
)
def test_what_is_not_plain_is_not_read(command: str) -> None:
    assert read(command) is None


@pytest.mark.parametrize(
    ("command", "scripts"),
    [
        ("python t.py", ["t.py"]),
        ("python3.11 -u -W ignore t.py", ["t.py"]),
        ("/opt/conda/bin/python -uB src/t.py", ["src/t.py"]),
        ("X=1 exec python t.py", ["t.py"]),
        ("cd src && python ./a/../t.py", ["src/t.py"]),
        ("echo hi; python a.py 2>&1 | tee log && python b.py", ["a.py", "b.py"]),
        ("python -m pkg.cli --x", ["pkg.cli"]),
        ("python -c 'print(1)'", []),
        ("python /opt/t.py", []),
        ("python ../t.py", []),
        ("python ${{inputs.script}}", []),
        ("$[[python t.py]]", ["t.py"]),
        ("torchrun t.py", []),
    ],
)
def test_the_programs_of_a_command(command: str, scripts: list[str]) -> None:
    assert [run.script for run in runs(command)] == scripts


@pytest.mark.parametrize(
    ("command", "plain"),
    [
        ("nvidia-smi; mkdir -p out && python t.py", True),
        ("pip install -r requirements.txt && python t.py", False),
        ("export PYTHONPATH=src && python t.py", False),
        ("PYTHONPATH=src python t.py", False),
        ("export X=1 && python t.py", True),
        ("git clone x && python t.py", False),
        ("cp a/t.py . && python t.py", False),
    ],
)
def test_what_else_a_command_does(command: str, plain: bool) -> None:
    program = read(command)
    assert program is not None
    assert program.plain is plain


def test_references_quotes_and_optional_parts() -> None:
    (run,) = runs("python t.py --a ${{inputs.a}} '--b=${{inputs.b}}' $[[--c ${{inputs.c}}]] x${{ inputs.d }}")
    assert words(run) == ["--a", "${{inputs.a}}", "--b=${{inputs.b}}", "--c", "${{inputs.c}}", "x${{inputs.d}}"]
    assert [word.quoted for word in run.words] == [True, False, True, True, False, False]
    assert [bool(word.optional) for word in run.words] == [False, False, False, True, True, False]
    assert [word.text for word in run.words] == ["--a", None, None, "--c", None, None]
