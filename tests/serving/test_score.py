"""score.py by itself: plain numbers and a table give the same, and a key that others can read stops it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from flask import Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

if TYPE_CHECKING:
    from packaged import Made

NUMBERS = st.one_of(st.floats(-1e9, 1e9), st.integers(-1000, 1000))
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=5)


def loaded(package: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"score_of_{package.parent.name}", package / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asked(body: str, key: str) -> Request:
    """A request as the server hands it in."""
    headers = {"Authorization": f"Bearer {key}"}
    return Request(EnvironBuilder(method="POST", path="/score", data=body, headers=headers).get_environ())


@pytest.fixture(scope="session")
def numbers(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A package of a model whose columns are all numbers."""
    from model_side import open_bench, regression_table

    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path_factory.mktemp("cwd"))
        bench = open_bench(tmp_path_factory.mktemp("numbers-of-score"), empty_store)
        train, test = bench.split(regression_table(200)[["area", "rooms", "floor", "y"]].fillna(3.0))
        model = bench.train(train)
        decision = bench.evaluate(model, test)
        registration = bench.register(model, decision)
        bench.main(
            "package", model=model, decision=decision, registration=registration, package=bench.folder / "package"
        )
    return bench.folder / "package"


@pytest.fixture
def score(numbers: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.delenv("PENSTOCK_KEY_FILE", raising=False)
    module = loaded(numbers)
    module.init()
    yield module


@given(rows=ROWS, order=st.permutations(["area", "rooms", "floor"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_plain_numbers_and_a_table_give_the_same(score: ModuleType, rows: list[Any], order: list[str]) -> None:
    assert score.TAKES_ARRAYS
    raw = json.dumps({"input_data": {"columns": order, "data": rows}})
    plain = score.run(raw)
    score.TAKES_ARRAYS = False
    try:
        assert score.run(raw) == pytest.approx(plain)
    finally:
        score.TAKES_ARRAYS = True


def test_a_model_that_wants_a_table_gets_one(made: Made) -> None:
    module = loaded(made.package)
    module.init()
    assert not module.TAKES_ARRAYS
    case = json.loads((made.package / "contract.json").read_text())["cases"][0]
    assert module.run(json.dumps(case["request"])) == pytest.approx(case["answer"])


def test_a_model_that_answers_otherwise_without_names_gets_a_table(score: ModuleType, numbers: Path) -> None:
    contract = json.loads((numbers / "contract.json").read_text())
    known = next(case for case in contract["cases"] if "answer" in case)
    known["answer"] = [value + 1 for value in known["answer"]]
    assert not score._takes_arrays(contract)


@pytest.mark.parametrize(("mode", "keys", "told"), [(0o640, "abc\n", "can be read by others"), (0o600, "\n", "no key")])
def test_a_key_file_that_is_no_secret(
    numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, keys: str, told: str
) -> None:
    file = tmp_path / "key"
    file.write_text(keys)
    file.chmod(mode)
    monkeypatch.setenv("PENSTOCK_KEY_FILE", str(file))
    with pytest.raises(RuntimeError, match=told):
        loaded(numbers).init()


def test_both_keys_open_and_no_other(numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_text("first\nsecond\n")
    file.chmod(0o600)
    monkeypatch.setenv("PENSTOCK_KEY_FILE", str(file))
    module = loaded(numbers)
    module.init()
    body = (numbers / "sample_request.json").read_text()
    for key, opens in (("first", True), ("second", True), ("third", False), ("firs", False), ("", False)):
        assert isinstance(module.run(asked(body, key)), list) is opens, key


def test_what_the_model_raises_stays_in_the_log(
    score: ModuleType, numbers: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def predict(self, _: Any) -> Any:
            raise KeyError("secret detail")

    monkeypatch.setattr(score, "MODEL", Broken())
    answer = score.run((numbers / "sample_request.json").read_text())
    assert answer["status"] == 500
    assert "secret detail" not in json.dumps(answer)
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_prediction_that_is_no_number_is_refused(
    score: ModuleType, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    class Endless:
        def predict(self, rows: Any) -> Any:
            return [value for _ in rows]

    monkeypatch.setattr(score, "MODEL", Endless())
    answer = score.run('{"input_data": {"columns": ["area", "rooms", "floor"], "data": [[1, 2, 3]]}}')
    assert (answer["status"], answer["field"]) == (400, "input_data.data[0]")
