"""Parallel and spark steps and deployments have code and an environment as command components do, and scripts."""

from __future__ import annotations

import os
import random
import string
from pathlib import Path

import pytest
from checked_files import findings, told, write

SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest"
PARALLEL = f"""{SCHEMA}/parallelComponent.schema.json
type: parallel
name: score
version: 1.0.0
inputs:
  images: {{type: uri_folder}}
input_data: ${{{{inputs.images}}}}
mini_batch_size: "10"
task:
  type: run_function
  code: ./src
  entry_script: main.py
  environment: file:env/environment.yml
"""
SPARK = f"""{SCHEMA}/sparkComponent.schema.json
type: spark
name: tidy
version: 1.0.0
code: ./src
entry: {{file: main.py}}
environment: file:env/environment.yml
conf:
  spark.driver.cores: 1
  spark.driver.memory: 2g
  spark.executor.cores: 2
  spark.executor.memory: 2g
  spark.executor.instances: 1
"""
ONLINE = f"""{SCHEMA}/managedOnlineDeployment.schema.json
name: blue
endpoint_name: churn
model: azureml:churn:4
code_configuration:
  code: ./src
  scoring_script: main.py
environment: file:env/environment.yml
instance_type: Standard_DS3_v2
instance_count: 1
"""
BATCH = f"""{SCHEMA}/modelBatchDeployment.schema.json
type: model
name: blue
endpoint_name: churn
model: azureml:churn:4
compute: azureml:cpu
code_configuration:
  code: ./src
  scoring_script: main.py
environment: file:env/environment.yml
"""
KINDS = {"parallel": PARALLEL, "spark": SPARK, "online": ONLINE, "batch": BATCH}
SERVICES = ("parallel", "online", "batch")
ENVIRONMENT = f"{SCHEMA}/environment.schema.json\nname: e\nversion: '1'\nimage: x:1\nconda_file: conda.yml\n"
SERVER = "azureml-inference-server-http==1.4.1"
CONDA = f"dependencies:\n- python=3.11\n- pip=25.3\n- pip:\n  - pandas==2.3.3\n  - {SERVER}\n"
BARE = CONDA.replace(SERVER, "numpy==2.3.5")
GOOD = "import pandas\n\ndef init():\n    ...\n\ndef run(data):\n    return pandas.DataFrame(data)\n"


def files(kind: str, script: str = GOOD, **more: str) -> dict[str, str]:
    base = {
        "one.yml": KINDS[kind],
        "src/main.py": script,
        "env/environment.yml": ENVIRONMENT,
        "env/conda.yml": CONDA,
    }
    return {**base, **more}


def of(folder: Path, kind: str, script: str = GOOD, **more: str) -> list[str]:
    return [line for line in told(folder, files(kind, script, **more), "PS") if not line.startswith("PS520")]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_told_of_a_good_one(kind: str, tmp_path: Path) -> None:
    assert of(tmp_path, kind) == []


def rules(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("./src", "./source", "PS401"),
        ("file:env/environment.yml", "file:env/enviroment.yml", "PS501"),
        ("main.py", "man.py", "PS913 PS943"),
    ],
)
def test_what_it_names_exists(kind: str, old: str, new: str, rule: str, tmp_path: Path) -> None:
    text = KINDS[kind].replace(old, new)
    (only,) = of(tmp_path, kind, **{"one.yml": text})
    line, column = next((n, line.index(new) + 1) for n, line in enumerate(text.splitlines(), 1) if new in line)
    assert only.split()[0] in rule.split()
    assert only.split()[1] == f"one.yml:{line}:{column}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_that_is_not_uploaded(kind: str, tmp_path: Path) -> None:
    (only,) = of(tmp_path, kind, **{"src/.amlignore": "main.py\n"})
    assert only.split()[0] in ("PS913", "PS943")
    assert "an ignore file keeps it out of the snapshot" in only


@pytest.mark.parametrize("kind", KINDS)
def test_its_snapshot_and_its_secrets_are_looked_at(kind: str, tmp_path: Path) -> None:
    key = "ghp_" + "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=36))
    lines = of(tmp_path, kind, **{"src/.env": "A=1\n", "src/notes.txt": f"token {key}\n"})
    assert rules(lines) == ["PS602", "PS703"]
    assert all(key not in line for line in lines)


@pytest.mark.parametrize("kind", KINDS)
def test_its_script_is_python(kind: str, tmp_path: Path) -> None:
    (only,) = of(tmp_path, kind, "def init(:\n")
    assert only.startswith("PS319 src/main.py:1:")


@pytest.mark.parametrize("kind", SERVICES)
def test_its_imports_are_in_its_environment(kind: str, tmp_path: Path) -> None:
    (only,) = of(tmp_path, kind, f"import sklearn\n{GOOD}")
    assert only.startswith("PS510 src/main.py:1:1 ")
    assert "scikit-learn" in only


def test_the_runtime_of_spark_brings_more_than_the_environment(tmp_path: Path) -> None:
    assert of(tmp_path, "spark", "import sklearn\nimport pyspark\n") == []


BOTH = "def init(): ...\ndef run(data): return [data]\n"
WHOLE = {
    "functions": BOTH,
    "below try": "try:\n    def init(): ...\nexcept ImportError:\n    def init(): ...\ndef run(d): return d\n",
    "a lambda": "init = lambda: None\ndef run(d): return d\n",
    "imported": "from other import init, run\n",
    "a star": "from other import *\n",
    "unpacked": "init, run = make()\n",
    "by globals": "globals()['init'] = globals()['run'] = print\n",
    "by getattr": "def __getattr__(name): return print\n",
    "a class that is called": "class run:\n    def __init__(self, data): ...\ndef init(): ...\n",
    "decorated": "import functools\ndef init(): ...\n@functools.cache\ndef run(): return 1\n",
    "defined twice": "def init(): ...\nif 1:\n    def run(): return 1\nelse:\n    def run(a): return a\n",
    "defaults": "def init(a=1): ...\ndef run(data, more=None): return data\n",
    "a method of the name": f"class A:\n    def run(self): ...\n    def init(self, a): ...\n{BOTH}",
}


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("form", WHOLE)
def test_no_alarm_where_the_functions_may_be(kind: str, form: str, tmp_path: Path) -> None:
    text = KINDS[kind].replace("file:env/environment.yml", "azureml:e:1")
    assert of(tmp_path, kind, WHOLE[form], **{"one.yml": text, "src/other.py": BOTH}) == []


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("def run(d): return d\n", "defines no init()"),
        ("def init(): ...\n", "defines no run()"),
        ("def init(): ...\ndef Run(mini_batch): return 1\n", "Rename Run() to run()."),
        ("print(1)\n", "defines neither"),
        ("class A:\n    def run(self): ...\n    def init(self): ...\n", "defines neither"),
        ("def init(): ...\nif __name__ == '__main__':\n    def run(d): return d\n", "defines no run()"),
    ],
)
def test_a_function_that_is_missing(kind: str, script: str, message: str, tmp_path: Path) -> None:
    (only,) = of(tmp_path, kind, script)
    assert only.startswith("PS914 one.yml:")
    assert message in only


def test_a_container_of_ones_own_may_call_what_it_likes(tmp_path: Path) -> None:
    """A registered environment may be such a container; with one of the two functions it is none."""
    registered = ONLINE.replace("file:env/environment.yml", "azureml:e:1")
    own = f"{ENVIRONMENT}inference_config:\n  scoring_route: {{port: 80, path: /}}\n"
    assert of(tmp_path, "online", "app = 1\n", **{"one.yml": registered}) == []
    assert of(tmp_path, "online", "app = 1\n", **{"env/environment.yml": own}) == []
    assert rules(of(tmp_path, "online", "def run(a): return a\n", **{"one.yml": registered})) == ["PS914"]
    curated = ONLINE.replace("file:env/environment.yml", "azureml:AzureML-sklearn-1.5:1")
    assert rules(of(tmp_path, "online", "app = 1\n", **{"one.yml": curated})) == ["PS914"]


@pytest.mark.parametrize(
    ("kinds", "function", "message"),
    [
        (SERVICES, "def run(): return 1", "takes no argument"),
        (SERVICES, "def init(model): ...", "init() requires model"),
        (SERVICES, "def init(*, model): ...", "init() requires model"),
        (("online",), "def run(*args): return 1", "*args"),
        (("online",), "def run(data, /): return 1", "by position only"),
        (("online",), "def run(request_headers): return 1", "for the data of the request"),
        (("online",), "def run(data, extra): return 1", "requires extra too"),
        ((), "def run(data, request_headers): return 1", ""),
        ((), "def run(data, extra=1, *, more=2): return 1", ""),
    ],
)
@pytest.mark.parametrize("kind", SERVICES)
def test_a_function_that_cannot_be_called(
    kind: str, kinds: tuple[str, ...], function: str, message: str, tmp_path: Path
) -> None:
    other = "def init(): ...\n" if "run" in function else "def run(data): return data\n"
    lines = of(tmp_path, kind, f"{other}{function}\n")
    assert rules(lines) == (["PS915"] if kind in kinds else [])
    assert all(line.split()[1] == "src/main.py:2:1" and message in line for line in lines)


STRICT = (
    "import argparse\ndef arguments():\n    return argparse.ArgumentParser().parse_args({})\n{}\ndef run(d): return d\n"
)


@pytest.mark.parametrize(
    ("given", "init", "wrong"),
    [
        ("", "def init(): arguments()", True),
        ("", "init = arguments", False),
        ("[]", "def init(): arguments()", False),
        ("", "def init(): ...\nif __name__ == '__main__':\n    arguments()", False),
        ("", "arguments()\ndef init(): ...", True),
    ],
)
@pytest.mark.parametrize("kind", SERVICES)
def test_arguments_of_azures_own(kind: str, given: str, init: str, wrong: bool, tmp_path: Path) -> None:
    lines = of(tmp_path, kind, STRICT.format(given, init))
    assert rules(lines) == (["PS919"] if wrong and kind != "online" else [])


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("print(d)", True),
        ("return", True),
        ("return None", True),
        ("return [d]", False),
        ("yield d", False),
        ("raise ValueError", False),
        ("if d:\n        return d", False),
    ],
)
def test_a_run_that_returns_nothing(body: str, wrong: bool, tmp_path: Path) -> None:
    script = f"def init(): ...\ndef run(d):\n    {body}\n"
    assert rules(of(tmp_path, "parallel", script)) == (["PS920"] if wrong else [])
    assert of(tmp_path, "online", script) == []


def test_what_is_not_searched_for_secrets_is_told(tmp_path: Path) -> None:
    base = files("online", **{"src/large.txt": "", "src/model.pkl": ""})
    write(tmp_path, base)
    os.truncate(tmp_path / "src" / "large.txt", 3 * 10**6)
    os.truncate(tmp_path / "src" / "model.pkl", 3 * 10**6)
    del base["src/large.txt"], base["src/model.pkl"]
    (only,) = told(tmp_path, base, "PS705")
    assert only.startswith(
        "PS705 one.yml:6:9 the deployment: 1 of the 3 files in the snapshot, 3.0 MB, are not searched for secrets; "
        "the largest is 'large.txt' (3.0 MB)."
    )
    assert {f.severity for f in findings(tmp_path, base) if f.rule == "PS705"} == {"info"}


def test_one_check_searches_only_so_much(tmp_path: Path) -> None:
    base = files("parallel", **{f"src/{number:02}.txt": "" for number in range(60)})
    write(tmp_path, base)
    for number in range(60):
        os.truncate(tmp_path / "src" / f"{number:02}.txt", 10**6)
    (only,) = told(tmp_path, {"one.yml": base["one.yml"]}, "PS705")
    assert "11 of the 61 files in the snapshot, 11.0 MB" in only


@pytest.mark.parametrize(
    ("kind", "old", "new", "rule"),
    [
        ("online", "  scoring_script: main.py\n", "", "PS946 one.yml:5:1"),
        ("online", "  code: ./src\n", "", "PS946 one.yml:5:1"),
        ("online", "environment: file:env/environment.yml\n", "", "PS946 one.yml:1:1"),
        ("online", "instance_count: 1\n", "instance_count: 1\ntype: kubernetes\n", ""),
        ("online", "instance_count: 1\n", "instance_count: 1\nscale_settings: {type: default}\n", ""),
        (
            "online",
            "instance_count: 1\n",
            "instance_count: 1\nscale_settings: {type: target_utilization, min_instances: 1}\n",
            "PS944 one.yml:11:24",
        ),
        ("batch", "  scoring_script: main.py\n", "", "PS946 one.yml:7:1"),
        ("batch", "model: azureml:churn:4\n", "", "PS946 one.yml:1:1"),
        ("batch", "environment: file:env/environment.yml\n", "", ""),
        ("batch", "compute:", "settings: {mini_batch_size: 0}\ncompute:", "PS948 one.yml:6:29"),
        ("batch", "compute:", "settings: {mini_batch_size: 1, error_threshold: -2}\ncompute:", "PS948 one.yml:6:49"),
        ("batch", "compute:", "settings: {mini_batch_size: 1, error_threshold: -1}\ncompute:", ""),
        ("batch", "compute:", "resources: {instance_count: 0}\ncompute:", "PS948 one.yml:6:29"),
        ("parallel", "images: {type: uri_folder}", "images: {type: string}", "PS911 one.yml:7:13"),
        ("spark", "entry:", "jars: [lib.jar]\nentry:", "PS923 one.yml:6:8"),
        ("spark", "entry:", "py_files: [./main.py]\nentry:", ""),
        ("spark", "entry:", "files: ['abfss://a@b.dfs.core.windows.net/x', '*.txt', /opt/x]\nentry:", ""),
        ("spark", "entry:", "archives: ['env.tgz#environment']\nentry:", "PS923 one.yml:6:12"),
    ],
)
def test_what_microsofts_pages_say(kind: str, old: str, new: str, rule: str, tmp_path: Path) -> None:
    assert old in KINDS[kind]
    lines = of(tmp_path, kind, **{"one.yml": KINDS[kind].replace(old, new)})
    assert [" ".join(line.split()[:2]) for line in lines] == ([rule] if rule else [])


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ("--allowed_failed_percent 101", True),
        ("--allowed_failed_percent=100", False),
        ("--x 1 --task_overhead_timeout 0 --y 2", True),
        ("--error_threshold -1", False),
        ("--error_threshold -2", True),
        ("--first_task_creation_timeout 259201", True),
        ("--other 259201", False),
        ("--task_overhead_timeout ${{inputs.images}}", False),
    ],
)
def test_settings_of_azures_own(arguments: str, wrong: bool, tmp_path: Path) -> None:
    text = PARALLEL.replace("  entry_script:", f"  program_arguments: {arguments}\n  entry_script:")
    assert rules(of(tmp_path, "parallel", **{"one.yml": text})) == (["PS910"] if wrong else [])


@pytest.mark.parametrize(
    ("environment", "conda", "wrong"),
    [
        (ENVIRONMENT, BARE, True),
        (ENVIRONMENT, CONDA.replace(SERVER, "azureml-defaults==1.60.0"), False),
        (ENVIRONMENT, CONDA.replace(SERVER, "what-nobody-knows==1"), False),
        (
            ENVIRONMENT.replace("x:1", "mcr.microsoft.com/azureml/minimal-inference:1"),
            CONDA.replace(SERVER, "numpy==2.3.5"),
            False,
        ),
    ],
)
def test_the_server_is_in_the_environment(environment: str, conda: str, wrong: bool, tmp_path: Path) -> None:
    more = {"env/environment.yml": environment, "env/conda.yml": conda}
    assert rules(told(tmp_path, files("online", **more), "PS512")) == (["PS512"] if wrong else [])
    assert told(tmp_path, files("batch", **more), "PS512") == []
