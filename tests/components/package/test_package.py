"""package: what is deployed is what was judged, and it answers requests alone."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml import load_online_deployment
from model_side import Bench
from packaged import Made

from contents import endpoint_name
from penstock_steps import lineage
from penstock_steps.digests import content_digest, file_digest
from penstock_steps.errors import StepError
from penstock_steps.manifest import read_manifest, verify_package
from penstock_steps.model_input import as_model_input
from penstock_steps.models import input_columns, load_estimator
from penstock_steps.tables import read_table

FILES = {
    "manifest.json",
    "model",
    "score.py",
    "requirements.txt",
    "Dockerfile",
    "sample_request.json",
    "deployment.yml",
    "contract.json",
    "sbom.json",
    "swagger2.json",
    "swagger3.json",
}


@pytest.fixture
def package(made: Made, tmp_path: Path) -> Path:
    """A package that a test may spoil."""
    return Path(shutil.copytree(made.package, tmp_path / "package"))


def test_it_holds_what_the_design_names(made: Made) -> None:
    assert {path.name for path in made.package.iterdir()} == FILES | {"lineage.json"}
    manifest = verify_package(made.package)
    assert manifest.model == {"name": "rent", "version": "1"}
    assert manifest.model_digest == lineage.read(made.model).digest
    assert not (made.package / "model" / "training_rows.npy").exists()
    for name in ("MLmodel", "model.skops"):
        assert (made.package / "model" / name).read_bytes() == (made.model / name).read_bytes()
    assert "package" in lineage.verify(made.package, component="package").steps


def test_its_digest_is_anchored_in_the_registry(made: Made) -> None:
    digest = file_digest(made.package / "manifest.json")
    assert made.bench.versions()["1"]["package_digest"] == digest
    verify_package(made.package, digest)


def test_two_packages_of_one_version_are_the_same_bytes(made: Made, tmp_path: Path) -> None:
    again = tmp_path / "again"
    made.bench.main("package", **made.ports, package=again)
    assert content_digest(again) == content_digest(made.package)


SPOILS: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (lambda p: (p / "score.py").write_text("pass\n"), r"score\.py was changed"),
    "missing": (lambda p: (p / "Dockerfile").unlink(), "Dockerfile is missing"),
    "added": (lambda p: (p / "model" / "more.py").touch(), r"model/more\.py is not listed"),
    "model": (lambda p: (p / "model" / "model.skops").write_bytes(b""), r"model/model\.skops was changed"),
}


@pytest.mark.parametrize("case", SPOILS)
def test_a_changed_package_is_noticed(package: Path, case: str) -> None:
    spoil, message = SPOILS[case]
    spoil(package)
    with pytest.raises(StepError, match=message):
        verify_package(package)


def test_a_file_changed_together_with_its_entry_is_noticed(package: Path, made: Made) -> None:
    (package / "score.py").write_text("pass\n")
    manifest = json.loads((package / "manifest.json").read_text())
    manifest["files"]["score.py"] = file_digest(package / "score.py")
    (package / "manifest.json").write_text(json.dumps(manifest))
    verify_package(package)  # it agrees with itself
    with pytest.raises(StepError, match=r"manifest\.json was changed: its digest is"):
        verify_package(package, made.bench.versions()["1"]["package_digest"])


def test_a_folder_that_is_no_package_is_told(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"is not a package: it has no manifest\.json"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text(
        '{"format": 9, "model": {}, "model_digest": "", "scoring": {}, "files": {}}'
    )
    with pytest.raises(StepError, match="has format 9, this version reads format 1"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(StepError, match="is not a manifest"):
        read_manifest(tmp_path)


def test_a_rejected_model_is_not_packaged(made: Made, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    decision = bench.evaluate(made.model, made.test, metrics='{"rmse": {"min_improvement": 0, "floor": 0.1}}')
    registration = bench.register(made.model, decision)
    bench.environment.clear()
    capsys.readouterr()
    package = bench.folder / "package"
    bench.main("package", model=made.model, decision=decision, registration=registration, package=package)
    assert "nothing is packaged: rejected: rmse" in capsys.readouterr().out
    assert {path.name for path in package.iterdir()} == {"skipped.json", "lineage.json"}
    lineage.verify(package, component="package")


def test_another_model_than_was_judged_is_refused(made: Made, bench: Bench) -> None:
    other = bench.train(made.train, "other", estimator="Lasso")
    package = bench.folder / "package"
    ended = bench.process("package", **{**made.ports, "model": other}, package=package)
    assert ended.code == 1
    assert "is not the model that was judged: its content digest is sha256:" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not package.exists()


def test_the_registration_of_another_decision_is_refused(made: Made, bench: Bench) -> None:
    model = bench.train(made.train, "other", estimator="Lasso")
    decision = bench.evaluate(model, made.test)
    with pytest.raises(StepError, match="was made for another decision than"):
        bench.main(
            "package", model=model, decision=decision, registration=made.registration, package=bench.folder / "p"
        )


def test_without_a_store_the_digest_is_told(made: Made, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.environment.clear()
    bench.main("package", **made.ports, package=bench.folder / "package")
    told = capsys.readouterr().out
    assert file_digest(bench.folder / "package" / "manifest.json") in told
    assert "the digest is not written to the model version, keep it yourself" in told


def test_the_image_runs_without_root_and_holds_what_scoring_needs(made: Made) -> None:
    lines = (made.package / "Dockerfile").read_text().splitlines()
    assert f"ARG BASE=docker.io/library/python:{platform.python_version()}-slim-bookworm" in lines
    assert "USER 1000:1000" in lines
    last = max(i for i, line in enumerate(lines) if line.startswith("FROM"))
    assert last < lines.index("USER 1000:1000") < next(i for i, line in enumerate(lines) if line.startswith("CMD"))
    assert "EXPOSE 5001" in lines
    copied = {name for line in lines[:last] if line.startswith("COPY") for name in line.split()[1:-1]}
    pages = {"swagger2.json", "swagger3.json"}
    assert copied == {"requirements.txt", "manifest.json", "contract.json", "score.py", "model", *pages}


def test_azure_takes_the_deployment(made: Made) -> None:
    deployment = load_online_deployment(made.package / "deployment.yml")
    assert deployment.endpoint_name == "rent"
    assert deployment.name == "version-1"
    assert deployment.tags["model"] == "rent:1"
    routes = yaml.safe_load((made.package / "deployment.yml").read_text())["environment"]["inference_config"]
    assert routes["scoring_route"] == {"port": 5001, "path": "/score"}


@pytest.mark.parametrize(
    ("model", "endpoint"),
    [
        ("rent", "rent"),
        ("My_Model.v2", "my-model-v2"),
        ("9lives", "model-9lives"),
        ("a", "model-a"),
        ("x" * 40, "x" * 32),
    ],
)
def test_a_models_name_becomes_an_endpoints(model: str, endpoint: str) -> None:
    assert endpoint_name(model) == endpoint


# Runs score.py as the server does, where nothing of the library can be imported; requests come by standard input.
SERVER = """
import importlib.util, json, sys
sys.modules["penstock_steps"] = sys.modules["mlflow"] = None
spec = importlib.util.spec_from_file_location("entry_module", sys.argv[1])
entry = importlib.util.module_from_spec(spec)
spec.loader.exec_module(entry)
entry.init()
print(json.dumps([entry.run(raw) for raw in json.load(sys.stdin)]))
"""


def serve(package: Path, *requests: Any, model_dir: Path | None = None) -> list[Any]:
    raw = [request if isinstance(request, str) else json.dumps(request) for request in requests]
    environment = {**os.environ, **({"AZUREML_MODEL_DIR": str(model_dir)} if model_dir else {})}
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", SERVER, str(package / "score.py")],
        input=json.dumps(raw), capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def request_of(made: Made) -> dict[str, Any]:
    """The held-out rows as a request."""
    rows = read_table(made.test)
    return {"input_data": json.loads(rows.to_json(orient="split", date_format="iso", double_precision=15))}


def expected(made: Made) -> list[Any]:
    rows = as_model_input(read_table(made.test), input_columns(made.model))
    return list(load_estimator(made.model).predict(rows).tolist())


def one_row(made: Made, **changes: Any) -> dict[str, Any]:
    sample = json.loads((made.package / "sample_request.json").read_text())["input_data"]
    row = {**dict(zip(sample["columns"], sample["data"][0], strict=True)), **changes}
    return {"input_data": {"columns": list(row), "data": [list(row.values())]}}


def test_it_predicts_as_the_model_does(made: Made) -> None:
    sample = json.loads((made.package / "sample_request.json").read_text())
    nulls = one_row(made, area=None, town=None, built=None, lift=None, seen=None)
    more = one_row(made, never_seen="x", town="Paris", built="2001-02-03T04:05:06Z", rooms=2.5)
    nothing = {"input_data": {"columns": sample["input_data"]["columns"], "data": []}}
    all_rows, one, with_nulls, with_more, none = serve(made.package, request_of(made), sample, nulls, more, nothing)
    assert all_rows == pytest.approx(expected(made))
    assert len(one) == len(with_nulls) == len(with_more) == 1
    assert all(isinstance(answer[0], float) for answer in (one, with_nulls, with_more))
    assert none == []


def test_a_classifier_of_pickle_predicts_its_labels(bench: Bench) -> None:
    made = Made(bench, task="classification", estimator="KNeighborsClassifier", serialization="pickle")
    assert serve(made.package, request_of(made)) == [expected(made)]


BAD: dict[str, tuple[Callable[[Made], Any], str, str]] = {
    "no JSON": (lambda _: "{", "", "the body is not JSON"),
    "nothing": (lambda _: "", "", "the body is not JSON"),
    "NaN": (lambda _: '{"input_data": NaN}', "", "NaN is not JSON; write null"),
    "a list": (lambda _: [1], "input_data", "the body must be"),
    "no table": (lambda _: {"data": []}, "input_data", "the body must be"),
    "no columns": (lambda _: {"input_data": {"data": []}}, "input_data.columns", "must be a list of the columns"),
    "columns twice": (
        lambda _: {"input_data": {"columns": ["a", "a"], "data": []}}, "input_data.columns", "more than once",
    ),
    "a column missing": (
        lambda _: {"input_data": {"columns": ["area"], "data": [[1]]}},
        "input_data.columns", "these columns are missing: rooms, town",
    ),
    "no data": (lambda _: {"input_data": {"columns": ["area"]}}, "input_data.data", "must be a list of rows"),
    "a short row": (
        lambda _: {"input_data": {"columns": ["a", "b"], "data": [[1, 2], [1]]}},
        "input_data.data[1]", "must be a list of 2 values",
    ),
    "index": (
        lambda _: {"input_data": {"columns": [], "data": [[]], "index": []}}, "input_data.index", "list of 1 labels",
    ),
    "text for a number": (
        lambda made: one_row(made, area="big"), "input_data.data[0][0]",
        "the column 'area' takes a number or null, not \"big\"",
    ),
    "boolean for a number": (lambda made: one_row(made, rooms=True), "input_data.data[0][1]", "takes a number or null"),
    "beyond doubles": (lambda made: one_row(made, area=10**400), "input_data.data[0][0]", "takes a number or null"),
    "number for a text": (lambda made: one_row(made, town=3), "input_data.data[0][2]", "takes a text or null, not 3"),
    "number for a boolean": (lambda made: one_row(made, balcony=1), "input_data.data[0][3]", "takes true, false"),
    "no time": (lambda made: one_row(made, built="soon"), "input_data.data[0][5]", "takes a point in time"),
    "text that is no time": (
        lambda made: one_row(made, seen="soon"), "input_data.data", "the model cannot predict these rows",
    ),
}  # fmt: skip


def test_each_bad_request_is_told_by_its_field(made: Made) -> None:
    answers = serve(made.package, *(make(made) for make, _, _ in BAD.values()))
    for (case, (_, field, message)), answer in zip(BAD.items(), answers, strict=True):
        assert isinstance(answer, dict), case
        assert (answer["status"], answer["field"]) == (400, field), case
        assert message in answer["error"], case


def test_the_model_that_azure_mounted_is_used(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.package, tmp_path / "app", ignore=shutil.ignore_patterns("model"))
    shutil.copytree(made.model, tmp_path / "mounted" / "model")  # as registered, training_rows.npy included
    sample = json.loads((made.package / "sample_request.json").read_text())
    assert serve(tmp_path / "app", sample, model_dir=tmp_path / "mounted") == serve(made.package, sample)


@pytest.mark.parametrize("where", ["package", "mounted"])
def test_a_changed_model_is_not_loaded(package: Path, tmp_path: Path, where: str) -> None:
    if where == "mounted":
        shutil.copytree(package / "model", tmp_path / "mounted" / "model")
    spoilt = {"package": package, "mounted": tmp_path / "mounted"}[where] / "model" / "model.skops"
    spoilt.write_bytes(spoilt.read_bytes() + b"\0")
    with pytest.raises(AssertionError, match=r"model\.skops is not what was packaged: it is sha256:"):
        serve(package, model_dir=tmp_path / "mounted" if where == "mounted" else None)
