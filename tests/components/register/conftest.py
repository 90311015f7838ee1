"""A candidate that was accepted against a champion: made once, for it takes a second."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from model_side import open_bench, regression_table


@dataclass(frozen=True)
class Judged:
    """The folder, with split/ and a store in which version 1 is champion; the candidate and its decision."""

    folder: Path
    model: Path
    decision: Path


@pytest.fixture(scope="session")
def _judged(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Judged:
    bench = open_bench(tmp_path_factory.mktemp("judged"), empty_store)
    train, test = bench.split(regression_table())
    bench.champion(train, test, estimator="DummyRegressor")
    model = bench.train(train)
    return Judged(bench.folder, model, bench.evaluate(model, test))


@pytest.fixture
def judged(request: pytest.FixtureRequest, _judged: Judged) -> tuple[Path, Path]:
    """The candidate's model and its decision, as register takes them; `bench` has the registry to go with it."""
    return _judged.model, _judged.decision


@pytest.fixture
def store(request: pytest.FixtureRequest, empty_store: Path) -> Path:
    """With version 1 as champion in it, for a test that takes `judged`."""
    if "judged" not in request.fixturenames:
        return empty_store
    return Path(request.getfixturevalue("_judged").folder / "mlflow.db")


@pytest.fixture
def split(_judged: Judged) -> tuple[Path, Path]:
    """The train and test rows of `judged`."""
    return _judged.folder / "split" / "train", _judged.folder / "split" / "test"
