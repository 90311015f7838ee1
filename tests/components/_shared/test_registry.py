"""The registry where it fails: no store, a broken one, another process."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from mlflow import MlflowClient
from model_side import Bench

from penstock_steps import registry, tracking
from penstock_steps.errors import StepError
from penstock_steps.registry import Champion


def test_no_model_and_no_tag_are_no_champion(bench: Bench) -> None:
    assert registry.find_champion(bench.client, "rent") is None
    registry.ensure_registered_model(bench.client, "rent")
    registry.ensure_registered_model(bench.client, "rent")
    assert registry.find_champion(bench.client, "rent") is None
    registry.set_champion(bench.client, "rent", "3")
    assert registry.find_champion(bench.client, "rent") == Champion("rent", "3")


def test_a_model_that_another_process_makes_at_the_same_moment_is_no_failure(bench: Bench) -> None:
    create = MlflowClient.create_registered_model

    def made_by_another(self: MlflowClient, name: str) -> Any:
        create(self, name)
        return create(self, name)

    with patch.object(MlflowClient, "create_registered_model", made_by_another):
        registry.ensure_registered_model(bench.client, "rent")
    assert bench.client.get_registered_model("rent").name == "rent"


def test_versions_are_found_by_their_tags_on_every_page(bench: Bench) -> None:
    client = bench.client
    client.create_registered_model("rent")
    for number in range(5):
        client.create_model_version("rent", "file:///nowhere", tags={"digest": str(number % 2)})
    search = MlflowClient.search_model_versions

    def small_pages(self: MlflowClient, filter_string: str, page_token: str | None = None) -> Any:
        return search(self, filter_string, max_results=2, page_token=page_token)

    with patch.object(MlflowClient, "search_model_versions", small_pages):
        assert registry.find_version(client, "rent", {"digest": "0"}) == "5"
        assert registry.find_version(client, "rent", {"digest": "1"}) == "4"
        assert registry.find_version(client, "rent", {"digest": "2"}) is None


def test_a_store_that_fails_is_told_with_its_address(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", bench.uri)
    with pytest.raises(StepError, match=r"could not tag version 9 of rent in the MLflow store sqlite:.*not found"):
        registry.set_version_tag(bench.client, "rent", "9", "a", "b")
    monkeypatch.setenv("MLFLOW_RUN_ID", "no-such-run")
    with pytest.raises(StepError, match="could not log to the MLflow store"):
        tracking.log(metrics={"a": 1.0})


def test_the_run_id_stays_in_the_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.client.create_run(bench.client.get_experiment_by_name("loop").experiment_id).info.run_id
    monkeypatch.setenv("MLFLOW_TRACKING_URI", bench.uri)
    monkeypatch.setenv("MLFLOW_RUN_ID", run)
    for _ in range(2):
        tracking.log(metrics={"a": 1.0}, parameters={"p": "x" * 1000})
        with tracking.job_run() as found:
            assert found.info.run_id == run
    logged = bench.client.get_run(run).data
    assert logged.metrics == {"a": 1.0}
    assert len(logged.params["p"]) == 250
