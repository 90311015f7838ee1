"""Two packages on the real inference server, each in its own environment, with keys, as a release serves them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from penstock.store.endpoints import Deployment


@dataclass(frozen=True)
class Served:
    """A package that is served."""

    package: Path
    url: str
    key: str
    deployment: Deployment

    @property
    def sample(self) -> dict[str, Any]:
        return dict(json.loads((self.package / "sample_request.json").read_text()))

    @property
    def answer(self) -> list[Any]:
        """What the model itself says of the sample."""
        return list(json.loads((self.package / "contract.json").read_text())["cases"][0]["answer"])

    def post(self, **options: Any) -> requests.Response:
        """POST /score with the key."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"} | options.pop(
            "headers", {}
        )
        return requests.post(f"{self.url}/score", headers=headers, timeout=60, **options)


def release(package: Path, workspace: Path) -> Served:
    from penstock.release.packages import Anchor, read_package
    from penstock.release.service import Endpoints, Options
    from penstock.store.endpoints import endpoint_folder
    from penstock.store.workspace import Workspace

    found, place = read_package(package), Workspace(workspace)
    said: list[str] = []
    record = Endpoints(place, said.append).release(
        found, "staging", Anchor(found.digest, "the test"), Options(watch_s=0)
    )
    assert record.current is not None, said
    folder = endpoint_folder(place, f"{record.name}-staging")
    return Served(package, f"http://127.0.0.1:{record.port}", folder.key.read_text().split()[0], record.current)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[dict[str, Served]]:
    """`numbers`: numbers in, a number out, without pandas. `texts`: columns of every kind, nulls too, a class out."""
    from model_side import classification_table, open_bench, regression_table
    from served import end_all

    workspace = tmp_path_factory.mktemp("serving")
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("MLFLOW_") or name == "AZUREML_ROOT_RUN_ID"]:
            patched.delenv(name)
        patched.chdir(workspace)
        packages = {}
        tables = {
            "numbers": regression_table(200)[["area", "rooms", "floor", "y"]].fillna(3.0),
            "texts": classification_table(200),
        }
        classes = {"task": "classification", "estimator": "LogisticRegression"}
        for name, table in tables.items():
            bench = open_bench(tmp_path_factory.mktemp(name), empty_store)
            train, test = bench.split(table)
            options: dict[str, Any] = classes if name == "texts" else {}
            asked = {"task": "classification", "metrics": '{"accuracy": {"min_improvement": 0}}'} if options else {}
            model = bench.train(train, **options)
            decision = bench.evaluate(model, test, model_name=name, **asked)
            registration = bench.register(model, decision, model_name=name)
            packages[name] = bench.folder / "package"
            bench.main("package", model=model, decision=decision, registration=registration, package=packages[name])
    try:
        yield {name: release(package, workspace) for name, package in packages.items()}
    finally:
        end_all(workspace)
