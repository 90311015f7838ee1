"""package: what a package is served with, its bill of materials, and the contract that its server must keep."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import scoring_distributions
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from model_side import ROOT, Bench, command_line, make_snapshot
from packaged import Made

from penstock_steps.errors import StepError

UV = ROOT / ".tools" / "bin" / "uv"
# Runs the package's score.py in its own environment, as a server does, and tells which distributions were imported.
SCORE = """
import importlib.metadata as m, importlib.util, json, sys
spec = importlib.util.spec_from_file_location("entry_module", sys.argv[1])
entry = importlib.util.module_from_spec(spec)
spec.loader.exec_module(entry)
entry.init()
import azureml_inference_server_http.api.aml_response
def answered(raw):
    answer = entry.run(raw)
    return [200, answer] if isinstance(answer, list) else [answer.status_code, json.loads(answer.get_data())]
answers = [answered(raw) for raw in json.load(sys.stdin)]
tops = {name.partition(".")[0] for name in sys.modules}
used = {d for top, ds in m.packages_distributions().items() if top in tops for d in ds}
print(json.dumps({"answers": answers, "used": sorted(used)}))
"""


def names(requirements: Path) -> set[str]:
    return {re.split("==", line)[0] for line in requirements.read_text().splitlines() if re.match(r"[a-z]", line)}


@pytest.fixture(scope="session")
def own_python(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that is made of the package's requirements.txt and of nothing else."""
    folder = tmp_path_factory.mktemp("own") / "venv"
    python = folder / "bin" / "python"
    clean = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True, env=clean)
    lock = ["--require-hashes", "-r", made.package / "requirements.txt"]
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, *lock], check=True, env=clean)
    return python


def scored(python: Path, package: Path, raws: list[str]) -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "", "AML_APP_ROOT": str(package)}
    line = [python, "-B", "-c", SCORE, package / "score.py"]
    done = subprocess.run(line, input=json.dumps(raws), capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_what_the_lock_is_said_to_need_is_what_its_distributions_say() -> None:
    assert scoring_distributions.FILE.read_text() == scoring_distributions.text(), "run make lock"


def test_requirements_hold_what_scoring_imports_and_no_more(made: Made, own_python: Path) -> None:
    held = names(made.package / "requirements.txt")
    request = (made.package / "sample_request.json").read_text()
    used = {re.sub(r"[-_.]+", "-", name).lower() for name in scored(own_python, made.package, [request])["used"]}
    assert used - {"pip", "setuptools"} <= held
    needed = json.loads(scoring_distributions.FILE.read_text())["distributions"]
    asked_for = {"azureml-inference-server-http", "numpy", "pandas", "scikit-learn", "skops", "scipy"} & held
    assert asked_for <= used | {"scipy"}
    todo, closed = [*asked_for], set()
    while todo:
        name = todo.pop()
        if name not in closed:
            closed.add(name)
            todo += needed[name]["needs"]
    assert held == closed
    assert not {name for name in held if "mlflow" in name}


def test_every_requirement_has_its_hashes(made: Made) -> None:
    text = (made.package / "requirements.txt").read_text()
    entries = re.split(r"\n(?=[a-z])", text.strip())
    assert len(entries) > 20
    assert all(re.match(r"[a-z0-9.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_the_contract_is_what_score_py_answers(made: Made, own_python: Path) -> None:
    contract = json.loads((made.package / "contract.json").read_text())
    cases = contract["cases"]
    assert {case["status"] for case in cases} == {200, 400}
    raws = [case["raw"] if "raw" in case else json.dumps(case["request"]) for case in cases]
    for case, (status, answer) in zip(cases, scored(own_python, made.package, raws)["answers"], strict=True):
        assert status == case["status"], case["name"]
        if status == 200:
            close = pytest.approx(case["answer"], rel=contract["tolerance"]["rtol"], abs=contract["tolerance"]["atol"])
            assert answer == close, case["name"]


def test_the_bill_of_materials_is_cyclonedx(made: Made) -> None:
    text = (made.package / "sbom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    libraries = {part["name"]: part for part in bill["components"] if part["type"] == "library"}
    assert set(libraries) == names(made.package / "requirements.txt")
    assert all(part["hashes"] and part["purl"].startswith("pkg:pypi/") for part in libraries.values())
    [model] = [part for part in bill["components"] if part["type"] == "machine-learning-model"]
    assert (model["name"], model["version"]) == ("rent", "1")
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in bill["dependencies"]}
    assert libraries["scikit-learn"]["bom-ref"] in needs[model["bom-ref"]]
    assert libraries["scipy"]["bom-ref"] in needs[libraries["scikit-learn"]["bom-ref"]]


def test_another_day_folder_and_locale_make_the_same_bytes(made: Made, bench: Bench) -> None:
    snapshot = make_snapshot("package", bench.folder / "snapshot")
    package = bench.folder / "elsewhere" / "package"
    options = command_line({**made.ports, "package": package})
    program = (
        "import datetime, os, runpy, sys, time, uuid; os.umask(0o077);"
        "later = time.time() + 200_000; time.time = lambda: later;"
        "sys.argv = ['package.py', *sys.argv[1:]]; sys.path.insert(0, '.');"
        "runpy.run_path('package.py', run_name='__main__')"
    )
    environment = {"PATH": os.environ["PATH"], "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    line = [sys.executable, "-B", "-c", program, *options]
    done = subprocess.run(line, cwd=snapshot, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    found = {path.relative_to(package): path.read_bytes() for path in package.rglob("*") if path.is_file()}
    first = {path.relative_to(made.package): path.read_bytes() for path in made.package.rglob("*") if path.is_file()}
    lineage = Path("lineage.json")  # it records the run, and is no part of what is deployed
    assert {**found, lineage: b""} == {**first, lineage: b""}


def test_a_model_of_another_scikit_learn_is_told(made: Made, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import lock

    read = lock.read_lock

    def older() -> lock.Lock:
        whole = read()
        parts = {**whole.distributions}
        has = parts["scikit-learn"]
        parts["scikit-learn"] = lock.Locked(has.name, "1.0.0", has.entry, has.hashes, has.license, has.needs)
        return lock.Lock(whole.python, parts)

    monkeypatch.setattr("contents.read_lock", older)
    with pytest.raises(StepError, match=r"it was trained with scikit-learn \S+, packages are served with 1\.0\.0"):
        bench.main("package", **made.ports, package=bench.folder / "p")
