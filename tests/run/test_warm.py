"""Steps forked from a process that has imported their libraries: all that they can see is as in a fresh one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.run.warm import program_of

JOB = """
type: pipeline
jobs:
  one: &step
    type: command
    code: ./src
    command: {command}
    environment: azureml:any:1
    outputs: {{out: {{type: uri_folder}}}}
  two:
    <<: *step
    command: {second}
    inputs: {{before: "${{{{parent.jobs.one.outputs.out}}}}"}}
"""
TOLD = re.compile(r"[0-9a-f]{32}|job-\d{8}-\d{6}-[0-9a-f]{6}|0x[0-9a-f]{6,}|fresh_ws|warm_ws")


@pytest.fixture
def both(tmp_path: Path, penstock: Callable[..., Any]) -> Callable[..., Any]:
    """Runs two nodes of a script both ways; returns what they ended with, the same of both."""

    def call(script: str, *arguments: str, files: dict[str, str] | None = None, second: str = "") -> Any:
        project = tmp_path / "project"
        (project / "src").mkdir(parents=True)
        (project / "src" / "step.py").write_text("import numpy\n" + script)
        for name, text in (files or {}).items():
            (project / "src" / name).write_text(text)
        command = f"python step.py {' '.join(arguments)} ${{{{outputs.out}}}}"
        job = JOB.format(command=json.dumps(command), second=json.dumps(second or command))
        (project / "job.yml").write_text(job)
        seen = []
        for kind, more in (("fresh_ws", ["--no-warm"]), ("warm_ws", [])):
            ended = penstock("run", project / "job.yml", "--format", "json", "--workspace", tmp_path / kind, *more)
            assert ended.stdout, ended.stderr
            seen.append([plain(node) for node in ended.json["nodes"]])
        fresh, warm = seen
        assert warm == fresh
        return warm

    return call


def plain(node: dict[str, Any]) -> dict[str, Any]:
    outputs = {
        file.name: TOLD.sub("*", file.read_text()) for path in node["outputs"].values() for file in Path(path).iterdir()
    }
    log = TOLD.sub("*", Path(node["log"]).read_text()) if node["log"] else None
    return {"name": node["name"], "status": node["status"], "reason": node["reason"], "log": log, "outputs": outputs}


PROBE = """
import __main__, json, os, pathlib, signal, sys, threading
out = pathlib.Path(sys.argv[-1])
environment = {k: v for k, v in os.environ.items() if k not in ("_",)}
(out / "seen.json").write_text(json.dumps({
    "argv": sys.argv, "orig": sys.orig_argv[1:], "cwd": os.getcwd(), "environment": environment, "path": sys.path,
    "name": __name__, "file": __file__, "spec": __spec__, "package": __package__, "cached": globals().get("__cached__"),
    "main": sorted(vars(__main__)), "executable": sys.executable, "flags": str(sys.flags),
    "stdin": sys.stdin.read(), "tty": sys.stdout.isatty(), "encoding": sys.stdout.encoding,
    "line": sys.stdout.line_buffering, "through": sys.stdout.write_through, "threads": threading.active_count(),
    "leader": os.getsid(0) == os.getpgrp(), "signals": [str(signal.getsignal(n)) for n in (1, 2, 13, 15, 17)],
    "blocked": str(signal.pthread_sigmask(signal.SIG_BLOCK, [])), "umask": os.umask(0o22), "nice": os.nice(0),
    "open": sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:3], "recursion": sys.getrecursionlimit(),
    "hooks": [sys.excepthook is sys.__excepthook__, len(sys.meta_path), len(sys.path_hooks)],
    "own": sorted(name for name in sys.modules if "penstock" in name or "zygote" in name),
}, indent=1, default=str, sort_keys=True))
print("to stdout"); print("to stderr", file=sys.stderr)
"""


def test_all_that_a_step_can_see(both: Callable[..., Any]) -> None:
    first, second = both(PROBE, "--text", "'two words'", '"it is"', "--empty", "''")
    assert first["status"] == second["status"] == "completed", first
    seen = json.loads(first["outputs"]["seen.json"])
    assert seen["argv"][:6] == ["step.py", "--text", "two words", "it is", "--empty", ""]


ENDS = {
    "an exit code": "raise SystemExit(3)",
    "a text": "raise SystemExit('it is over')",
    "an exception": "def fail():\n    raise ValueError('wrong ä')\nfail()",
    "a chain of exceptions": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('x') from e",
    "broken syntax": "x = = 1",
    "a signal": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "os._exit": "import os\nprint('before', flush=True)\nos._exit(4)",
    "an interrupt": "raise KeyboardInterrupt",
    "atexit": "import atexit\natexit.register(print, 'at the end')\nprint('before')\nraise SystemExit(2)",
    "a thread that goes on": "import threading\nthreading.Timer(0.2, print, ['late']).start()",
    "an excepthook": "import sys\nsys.excepthook = lambda *a: print('hooked', a[1])\nraise ValueError('x')",
    "nothing written": "pass",
    "a missing module": "import no_such_module",
    "its own child": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(1)'], check=True)",
}


@pytest.mark.parametrize("end", ENDS)
def test_every_end_is_the_same(end: str, both: Callable[..., Any]) -> None:
    both(ENDS[end])


WORK = {
    "multiprocessing by spawn": """
import multiprocessing, pathlib, sys
def double(x):
    return 2 * x
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pathlib.Path(sys.argv[-1], "o").write_text(str(pool.map(double, [1, 2])))
""",
    "multiprocessing by fork": """
import multiprocessing, pathlib, sys
def double(x):
    return 2 * x
with multiprocessing.get_context("fork").Pool(2) as pool:
    pathlib.Path(sys.argv[-1], "o").write_text(str(pool.map(double, [1, 2])))
""",
    "OpenMP": """
import pathlib, sys
from sklearn.ensemble import HistGradientBoostingRegressor
x = numpy.arange(2000.0).reshape(-1, 1)
model = HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(x, x[:, 0])
pathlib.Path(sys.argv[-1], "o").write_text(f"{model.score(x, x[:, 0]):.6f}")
""",
    "linear algebra": """
import pathlib, sys
a = numpy.arange(250_000.0).reshape(500, 500) % 7
pathlib.Path(sys.argv[-1], "o").write_text(str(int((a @ a).sum())))
""",
    "pickle of its own class": """
import pathlib, pickle, sys
class Own:
    pass
pathlib.Path(sys.argv[-1], "o").write_text(type(pickle.loads(pickle.dumps(Own()))).__qualname__)
""",
    "inspect of its own source": """
import inspect, pathlib, sys
def own():
    return 1
pathlib.Path(sys.argv[-1], "o").write_text(inspect.getsource(own))
""",
}


@pytest.mark.parametrize("work", WORK)
def test_every_kind_of_work_is_the_same(work: str, both: Callable[..., Any]) -> None:
    nodes = both(WORK[work])
    assert [node["status"] for node in nodes] == ["completed", "completed"], nodes[0]["log"]


def test_a_step_leaves_nothing_to_the_next(both: Callable[..., Any]) -> None:
    script = """
import builtins, os, pathlib, sys
seen = [hasattr(builtins, "left"), "LEFT" in os.environ, hasattr(numpy, "left"), "/left" in sys.path]
pathlib.Path(sys.argv[-1], "o").write_text(str(seen))
builtins.left = numpy.left = True
os.environ["LEFT"] = "1"
sys.path.append("/left")
os.chdir("/")
"""
    nodes = both(script)
    assert [node["outputs"]["o"] for node in nodes] == ["[False, False, False, False]"] * 2


def test_random_numbers_are_not_those_of_the_step_before(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "src" / "step.py").write_text(
        "import numpy, pathlib, random, sys\n"
        "pathlib.Path(sys.argv[1], 'o').write_text(f'{numpy.random.rand()} {random.random()}')"
    )
    command = json.dumps("python step.py ${{outputs.out}}")
    (project / "job.yml").write_text(JOB.format(command=command, second=command))
    ended = penstock("run", project / "job.yml", "--format", "json")
    assert ended.code == 0, ended.stderr
    drawn = [(Path(node["outputs"]["out"]) / "o").read_text().split() for node in ended.json["nodes"]]
    assert len({number for numbers in drawn for number in numbers}) == 4


def test_a_file_that_bears_the_name_of_a_library_is_what_is_imported(both: Callable[..., Any]) -> None:
    script = "import json, pathlib, sys\npathlib.Path(sys.argv[-1], 'o').write_text(json.mine)\n"
    nodes = both(script, files={"json.py": "mine = 'my own json'\n"})
    assert nodes[0]["outputs"] == {"o": "my own json"}


def test_edited_modules_are_picked_up(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    """The second step has another snapshot, with a module of the same name."""
    project = tmp_path / "project"
    for name in ("one", "two"):
        (project / name).mkdir(parents=True)
        (project / name / "helper.py").write_text(f"NAME = '{name}'\n")
        (project / name / "step.py").write_text("import numpy, helper\nprint(helper.NAME)\n")
    job = JOB.format(command='"python step.py"', second='"python step.py"')
    job = job.replace("    <<: *step\n", "    <<: *step\n    code: ./two\n").replace("./src", "./one")
    (project / "job.yml").write_text(job)
    ended = penstock("run", project / "job.yml", "--format", "json")
    assert [Path(node["log"]).read_text() for node in ended.json["nodes"]] == ["one\n", "two\n"]


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("python a.py", ("a.py",)),
        ("python3 -u a.py --x 1", ("a.py", "--x", "1")),
        ("  python a.py --t 'two words' \"b c\" ''", ("a.py", "--t", "two words", "b c", "")),
        ("python -m pkg.mod --x", ("pkg.mod", "--x")),
    ],
)
def test_plain_programs(command: str, argv: tuple[str, ...]) -> None:
    program = program_of(command)
    assert program is not None
    assert (program.argv, program.module) == (argv, "-m" in command)


@pytest.mark.parametrize(
    "command",
    [
        "python a.py > log", "python a.py && echo", "python a.py $HOME", 'python a.py "$HOME"', "python a.py *.csv",
        "X=1 python a.py", "python -c 'print(1)'", "python -O a.py", "bash a.sh", "python", "", "python a.py ~/x",
        "python a.py {1,2}", "python a.py; true", "python a.py &", "python a.py `date`", "python a.py\npython b.py",
        "python a.py \\n", "python a.py 'unclosed", "/usr/bin/python a.py", "python a.py # comment",
        "cd x && python a.py",
    ],
)  # fmt: skip
def test_whatever_is_not_plain_is_left_to_bash(command: str) -> None:
    assert program_of(command) is None
