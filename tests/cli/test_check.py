"""`penstock check`: what it reads, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from penstock.check import RULES
from penstock.cli.main import cli
from penstock.store.discover import yaml_files

ROOT = Path(__file__).parents[2]
PENSTOCK = Path(sys.executable).with_name("penstock")
PIPELINE = "$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json\ntype: pipeline\n"
SETTINGS = "settings: {default_compute: azureml:serverless}\n"
NODE = "    type: command\n    command: echo hello\n    environment: azureml:training:1\n"
GOOD = PIPELINE + SETTINGS + "jobs:\n  hello:\n" + NODE
BAD = GOOD.replace("hello:\n", "Hello:\n", 1)  # PS107 at 5:3
COMPONENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: hello
version: 1.0.0
environment: azureml:training:1
command: echo ${{inputs.nothing}}
"""  # PS302 at 6:18


def make(root: Path, files: dict[str, str | bytes]) -> None:
    (root / ".penstock").mkdir(exist_ok=True)  # the root of a project, whatever lies above
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[str]]]:
    """Check in a folder; returns the exit code and `file:line:column severity rule` of each finding."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, list[str]]:
        done = CliRunner().invoke(cli, ["check", "--format", "json", *arguments], standalone_mode=False)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        found = json.loads(done.stdout)
        lines = [f"{f['file']}:{f['line']}:{f['column']} {f['severity']} {f['rule']}" for f in found]
        return done.return_value if isinstance(done.return_value, int) else 0, lines

    return call


Check = Callable[..., tuple[int, list[str]]]


# What stdout gets


def test_json_is_exactly_the_findings(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    make(tmp_path, {"job.yml": BAD})
    ended = penstock("check", "job.yml", "--format", "json", cwd=tmp_path)
    assert ended.code == 2
    [found] = json.loads(ended.stdout)
    assert list(found) == ["rule", "severity", "message", "file", "line", "column", "fix"]
    assert (found["rule"], found["severity"], found["file"]) == ("PS107", "error", "job.yml")
    assert (found["line"], found["column"]) == (5, 3)
    assert found["fix"]


def test_nothing_wrong_is_an_empty_list_and_0(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    make(tmp_path, {"job.yml": GOOD})
    ended = penstock("check", "--format", "json", cwd=tmp_path)
    assert (ended.code, ended.json) == (0, [])
    assert ended.stderr == "nothing wrong in 1 Azure ML file\n"


def test_text_shows_the_line_and_a_caret(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    make(tmp_path, {"job.yml": BAD})
    ended = penstock("check", "job.yml", cwd=tmp_path)
    head, line, caret = ended.stdout.splitlines()
    assert head.startswith("job.yml:5:3: error PS107: 'Hello' cannot be the name of a node. Use lower-case letters")
    assert line == "      Hello:"
    assert caret == "      ^"
    assert ended.stderr == "1 error in 1 Azure ML file\n"
    assert "\x1b" not in ended.stdout


def test_the_caret_stands_below_the_column_also_after_wide_letters_and_tabs(tmp_path: Path) -> None:
    node = "  '語\t': {type: command, command: echo, environment: 'azureml:e:1', code: ./nowhere}"
    make(tmp_path, {"job.yml": PIPELINE + SETTINGS + f"jobs:\n{node}\n"})
    lines = CliRunner().invoke(cli, ["check", str(tmp_path)]).stdout.splitlines()
    [at] = [index for index, line in enumerate(lines) if "PS401" in line]
    assert lines[at + 1] == "    " + node.replace("\t", " ")
    assert lines[at + 2].index("^") == lines[at + 1].index("./nowhere") + 1  # 語 is as wide as two


def test_long_lines_are_cut_around_the_column(tmp_path: Path) -> None:
    node = f"{{type: command, command: 'echo {'x' * 3000}', environment: azureml:e:1, code: ./nowhere}}"
    make(tmp_path, {"job.yml": PIPELINE + SETTINGS + "jobs:\n  hello: " + node + "\n"})
    lines = CliRunner().invoke(cli, ["check", str(tmp_path)]).stdout.splitlines()
    [at] = [index for index, line in enumerate(lines) if "PS401" in line]
    assert len(lines[at + 1]) < 200
    assert lines[at + 1][lines[at + 2].index("^") :].startswith("./nowhere")


def test_nothing_in_a_file_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    make(tmp_path, {"job.yml": GOOD.replace("  hello:", '  "he\\e]0;x\\a\\u202e": # \u202e')})
    done = CliRunner().invoke(cli, ["check", str(tmp_path)])
    assert "PS107" in done.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)


def coloured(folder: Path, **variables: str) -> bytes:
    main, secondary = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"}
    process = subprocess.Popen(
        [PENSTOCK, "check", "job.yml"],
        cwd=folder,
        stdout=secondary,
        stderr=subprocess.DEVNULL,
        env=environment | variables,
    )
    os.close(secondary)
    process.wait(timeout=60)
    seen = os.read(main, 65536)
    os.close(main)
    return seen


def test_colours_on_a_terminal_only_and_only_if_wanted(tmp_path: Path) -> None:
    make(tmp_path, {"job.yml": BAD})
    assert b"\x1b[31m" in coloured(tmp_path)
    assert b"\x1b" not in coloured(tmp_path, NO_COLOR="1")
    assert b"\x1b" not in coloured(tmp_path, TERM="dumb")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_any_encoding_of_stdout_will_do(encoding: str, tmp_path: Path) -> None:
    make(tmp_path, {"ünïcode 語.yml": BAD.replace("Hello", "Hellö語")})
    odd = os.fsdecode(b"odd\xff.yml")
    make(tmp_path, {odd: BAD})
    line, variables = [PENSTOCK, "check", "."], {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, check=False, env=variables)
    assert done.returncode == 2, done.stderr
    assert done.stdout.count(b"PS107") == 2


def test_sarif_counts_paths_from_the_repository(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    make(tmp_path, {"jobs/job.yml": BAD, ".git/HEAD": ""})
    ended = penstock("check", ".", "--format", "sarif", cwd=tmp_path / "jobs")
    assert ended.code == 2
    [result] = ended.json["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "jobs/job.yml"
    assert ended.stderr == "1 error in 1 Azure ML file\n"


# What is looked at


def test_a_folder_is_searched_for_what_is_azure_s(tmp_path: Path, check: Check) -> None:
    make(
        tmp_path,
        {
            "jobs/job.yml": BAD,
            "components/hello.yaml": COMPONENT,
            ".github/workflows/ci.yml": "on: push\njobs:\n  build: {runs-on: x, steps: []}\n",
            "conda.yml": "name: x\ndependencies: [python]\n",
            "out/job.yml": BAD,
            ".venv/job.yml": BAD,
            ".gitignore": "out/\n",
            "notes.txt": BAD,
        },
    )
    expected = ["components/hello.yaml:6:18 error PS302", "jobs/job.yml:5:3 error PS107"]
    assert check() == (2, expected)
    assert check(".") == (2, expected)
    assert check("jobs", "components/hello.yaml") == (2, expected)
    assert check("components", "jobs", ".") == (2, expected)


def test_a_component_that_several_jobs_use_is_told_of_once(tmp_path: Path, check: Check) -> None:
    node = "    type: command\n    component: ../components/hello.yml\n"
    job = PIPELINE + SETTINGS + "jobs:\n  a:\n" + node + "  b:\n" + node
    make(tmp_path, {"jobs/one.yml": job, "jobs/two.yml": job, "components/hello.yml": COMPONENT})
    expected = (2, ["components/hello.yml:6:18 error PS302"])
    assert check() == expected
    assert check("jobs") == expected
    assert len(check(str(tmp_path / "jobs"), "components")[1]) == 1


def test_a_folder_tells_what_its_files_tell_one_by_one(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """What files share is looked at once, and nothing is lost by it."""
    monkeypatch.chdir(ROOT / "tests" / "cases")
    _, together = check(".")
    files = list(map(str, yaml_files(Path())))
    one_by_one = {
        told for file in files for told in check(file)[1] if " PS004" not in told and "expect.yml" not in told
    }
    assert len(one_by_one) > 50
    assert {told for told in together if "expect.yml" not in told} == one_by_one


def test_the_order_is_that_of_the_places_on_every_run(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    make(tmp_path, {f"{name}.yml": BAD + f"  Two{name}:\n" + NODE for name in "cab"})
    runs = [
        penstock("check", *order, "--format", "json", cwd=tmp_path).json
        for order in (["."], ["c.yml", "a.yml", "b.yml"])
    ]
    assert runs[0] == runs[1]
    places = [(found["file"], found["line"]) for found in runs[0]]
    assert places == sorted(places)
    assert len(places) == 6


def test_a_path_that_is_not_there(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    make(tmp_path, {"job.yml": GOOD})
    ended = penstock("check", "jab.yml", "--format", "json", cwd=tmp_path)
    assert ended.code == 2
    assert ended.stdout == ""
    assert ended.stderr == "jab.yml: there is no such file or folder. Did you mean 'job.yml'?\n"


def test_a_folder_without_anything_says_so(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    ended = penstock("check", ".", cwd=tmp_path)
    assert (ended.code, ended.stdout, ended.stderr) == (0, "", "no Azure ML YAML in .\n")


def test_a_named_file_that_is_not_azure_s_is_told(tmp_path: Path, check: Check) -> None:
    make(tmp_path, {"conda.yml": "name: x\ndependencies: [python]\n"})
    assert check("conda.yml") == (0, ["conda.yml:1:1 info PS004"])
    assert check(".") == (0, [])


def test_a_schema_that_nobody_knows_is_told_anywhere(tmp_path: Path, check: Check) -> None:
    make(tmp_path, {"x.yml": "$schema: https://azuremlschemas.azureedge.net/latest/comandJob.schema.json\nx: 1\n"})
    assert check(".") == (0, ["x.yml:1:10 warning PS004"])


# Broken files: a finding each

BROKEN: dict[str, tuple[bytes, str]] = {
    "a tab": (PIPELINE.encode() + b"jobs:\n\thello: 1\n", "4:1 error PS001"),
    "latin-1": (PIPELINE.encode() + "description: über\n".encode("latin-1"), "3:14 error PS001"),
    "utf-16": (GOOD.encode("utf-16"), "1:1 error PS001"),
    "an open quote": (PIPELINE.encode() + b"name: 'x\njobs: 1\n", "3:7 error PS001"),
    "a zero byte": (PIPELINE.encode() + b"name: \0\n", "3:7 error PS001"),
    "a date that is none": (PIPELINE.encode() + b"name: 2024-13-01\n", "3:7 error PS001"),
    "two documents": (GOOD.encode() + b"---\n" + GOOD.encode(), "9:1 error PS001"),
    "too deep": (PIPELINE.encode() + b"x: " + b"[" * 100_000, "3:103 error PS001"),
    "the same key twice": (GOOD.encode() + b"type: pipeline\n", "9:1 error PS002"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_a_finding(what: str, tmp_path: Path, check: Check) -> None:
    content, told = BROKEN[what]
    make(tmp_path, {"x.yml": content})
    assert check("x.yml") == (2, [f"x.yml:{told}"])
    assert check(".") == (2, [f"x.yml:{told}"])


def test_a_byte_order_mark_is_no_fault(tmp_path: Path, check: Check) -> None:
    make(tmp_path, {"x.yml": b"\xef\xbb\xbf" + BAD.encode()})
    assert check("x.yml") == (2, ["x.yml:5:3 error PS107"])


def test_nothing_in_a_file_is_told_if_it_is_meant(tmp_path: Path, check: Check) -> None:
    make(tmp_path, {"empty.yml": b""})
    assert check("empty.yml") == (2, ["empty.yml:1:1 error PS001"])
    assert check(".") == (0, [])
    make(tmp_path, {"job.yml": GOOD})
    assert check(".") == (0, ["empty.yml:1:1 warning PS001"])


def test_a_broken_template_of_somebody_else_is_not_told(tmp_path: Path, check: Check) -> None:
    make(tmp_path, {"chart/values.yml": "a: {{ .Values.x }\n", "jobs/job.yml": GOOD})
    assert check(".") == (0, [])


def test_a_folder_with_the_name_of_a_file(tmp_path: Path, check: Check) -> None:
    make(tmp_path, {"x.yml/job.yml": BAD})
    assert check("x.yml") == (2, ["x.yml:1:1 error PS003", "x.yml/job.yml:5:3 error PS107"])
    assert check(".") == (2, ["x.yml:1:1 warning PS003", "x.yml/job.yml:5:3 error PS107"])


def test_what_cannot_be_read(tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, {"x.yml": GOOD})
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "gone.yml").symlink_to("nowhere")
    assert check("pipe.yml", "gone.yml") == (2, ["gone.yml:1:1 error PS003", "pipe.yml:1:1 error PS003"])

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert check("x.yml") == (2, ["x.yml:1:1 error PS003"])


def test_components_that_include_each_other(tmp_path: Path, check: Check) -> None:
    text = PIPELINE.replace("pipelineJob", "pipelineComponent") + "name: {0}\njobs:\n  x:\n    type: pipeline\n"
    text += "    component: ./{1}.yml\n"
    make(tmp_path, {"a.yml": text.format("a", "b"), "b.yml": text.format("b", "a")})
    code, found = check(".")
    assert code == 2
    assert found == ["a.yml:7:16 error PS106", "b.yml:7:16 error PS106"]


def test_aliases_that_explode(tmp_path: Path, check: Check) -> None:
    lines = ["x0: &x0 {a: 1, b: 2}"]
    lines += [f"x{i}: &x{i} {{a: *x{i - 1}, b: *x{i - 1}, c: *x{i - 1}}}" for i in range(1, 30)]
    make(tmp_path, {"job.yml": GOOD + "\n".join(lines) + "\ntags: *x29\n"})
    code, [found] = check(".")
    assert (code, found.split()[1:]) == (2, ["error", "PS001"])


def test_ten_megabytes_of_somebody_else_are_not_read(
    tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, {"big.yml": "- {a: 1, b: [1, 2, 3]}\n" * 450_000})
    from penstock.graph import library

    def fail(*_: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(library, "parse", fail)
    assert check(".") == (0, [])


# Suppressions


def test_a_comment_suppresses_and_the_rest_is_told(tmp_path: Path, check: Check) -> None:
    make(tmp_path, {"a.yml": BAD.replace("Hello:", "Hello:  # penstock: ignore[PS107] an old name")})
    assert check(".") == (0, [])
    make(tmp_path, {"a.yml": BAD.replace("  Hello:", "  # penstock: ignore[PS107, PS999]\n  Hello:")})
    assert check(".") == (0, ["a.yml:5:3 warning PS890", "a.yml:5:3 warning PS891"])
    make(tmp_path, {"a.yml": GOOD.replace("hello:\n", "hello:  # penstock: ignore[PS107] x\n", 1)})
    assert check(".") == (0, ["a.yml:5:11 warning PS892"])


def test_a_comment_in_a_component_counts_for_the_jobs_that_use_it(tmp_path: Path, check: Check) -> None:
    text = COMPONENT.replace("nothing}}\n", "nothing}}  # penstock: ignore[PS302] set by the service\n")
    job = PIPELINE + SETTINGS + "jobs:\n  a:\n    type: command\n    component: ./hello.yml\n"
    make(tmp_path, {"job.yml": job, "hello.yml": text})
    assert check("job.yml") == (0, [])
    assert check(".") == (0, [])


TOML = '[[check.ignore]]\npath = "vendor/"\nrules = ["PS1*"]\nreason = "not ours"\n'


def test_settings_suppress_by_path(tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, {"penstock.toml": TOML, "vendor/job.yml": BAD, "job.yml": BAD})
    assert check(".") == (2, ["job.yml:5:3 error PS107"])
    monkeypatch.chdir(tmp_path / "vendor")
    assert check("job.yml") == (0, [])


def test_settings_that_nothing_needs_are_told_when_the_whole_project_was_checked(tmp_path: Path, check: Check) -> None:
    make(tmp_path, {"penstock.toml": TOML, "vendor/job.yml": GOOD, "job.yml": GOOD})
    assert check("job.yml") == (0, [])
    assert check("vendor") == (0, [])
    assert check(".") == (0, ["penstock.toml:1:1 warning PS892"])


@pytest.mark.parametrize("verb", [["check"], ["run"]])
def test_settings_that_are_broken_are_told(verb: list[str], tmp_path: Path, penstock: Callable[..., Any]) -> None:
    make(tmp_path, {"penstock.toml": "[[check.ignore]\n", "job.yml": GOOD})
    ended = penstock(*verb, "job.yml", cwd=tmp_path)
    assert ended.code == 2
    assert "penstock.toml:1:15: this is not TOML: " in ended.stderr


def test_run_respects_suppressions(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    make(tmp_path, {"job.yml": BAD})
    assert penstock("run", "job.yml", cwd=tmp_path).code == 2
    make(tmp_path, {"job.yml": BAD.replace("Hello:", "Hello:  # penstock: ignore[PS107] an old name")})
    ended = penstock("run", "job.yml", cwd=tmp_path)
    assert ended.code == 0, ended.stderr


def test_run_does_not_run_what_has_no_value_however_suppressed(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    component = COMPONENT.replace("environment:", "inputs:\n  nothing: {type: integer}\nenvironment:")
    job = PIPELINE + SETTINGS + "jobs:\n  a:  # penstock: ignore[PS201] later\n    type: command\n"
    make(tmp_path, {"job.yml": job + "    component: ./hello.yml\n", "hello.yml": component})
    assert penstock("check", "job.yml", cwd=tmp_path).code == 0
    ended = penstock("run", "job.yml", cwd=tmp_path)
    assert ended.code == 2
    assert "error PS201" in ended.stderr


# --explain


def test_explain_prints_why_and_both_examples(penstock: Callable[..., Any]) -> None:
    ended = penstock("check", "--explain", "PS204")
    assert ended.code == 0
    head, blank, *rest = ended.stdout.splitlines()
    assert (head, blank) == (f"PS204 (error): {RULES['PS204'].title}", "")
    assert "Wrong, job.yml:" in rest
    assert "Right, job.yml:" in rest
    assert "          learning_rate: 7" in rest


def test_explain_as_json(penstock: Callable[..., Any]) -> None:
    told = penstock("check", "--explain", "ps204", "--format", "json").json
    assert list(told) == ["rule", "severity", "title", "why", "bad", "good"]
    assert (told["rule"], told["severity"]) == ("PS204", "error")


def test_explain_what_is_no_rule(penstock: Callable[..., Any]) -> None:
    ended = penstock("check", "--explain", "PS2004")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == "there is no rule PS2004. Did you mean 'PS204'?\n"


# The rest


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    make(tmp_path, {"bad.yml": BAD, "hello.yml": COMPONENT, ".gitignore": "x\n", "penstock.toml": TOML})
    heavy = "azure", "mldesigner", "mlflow", "pandas", "numpy", "sklearn", "rich", "sqlite3", "psutil", "hypothesis"
    code = (
        "import sys\nfrom penstock.cli.main import main\n"
        "sys.argv = ['penstock', 'check', *sys.argv[1:]]\n"
        "try:\n    main()\n"
        f"finally:\n    print('HEAVY', sorted(set(sys.modules) & set({heavy!r})), file=sys.stderr)\n"
    )
    for form in ("text", "json", "sarif"):
        line = [sys.executable, "-c", code, ".", "--format", form]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == "HEAVY []"


def test_this_repository_has_no_error(penstock: Callable[..., Any]) -> None:
    ended = penstock("check", "pipelines", "components", "environments", "--format", "json", cwd=ROOT)
    assert [found for found in ended.json if found["severity"] == "error"] == []
    assert ended.code == 0


def test_the_hook_names_a_command_that_exists() -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["id"] == "penstock-check"
    assert hook["pass_filenames"] is True
    assert hook["types"] == ["yaml"]
    program, verb = hook["entry"].split()
    assert (program, verb in cli.list_commands(None)) == ("penstock", True)  # type: ignore[attr-defined]
