"""register: one champion, whatever dies or runs at the same time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import filelock
import pytest
from mlflow import MlflowClient
from model_side import Bench, regression_table

import register
from penstock_steps import lineage, registry
from penstock_steps.digests import content_digest
from penstock_steps.errors import StepError

POOR = {"estimator": "DummyRegressor"}


def roles(bench: Bench) -> dict[str, str]:
    return {version: tags["role"] for version, tags in bench.versions().items()}


def test_the_new_version_is_the_champion_and_the_old_one_retires(bench: Bench, judged: tuple[Path, Path]) -> None:
    registration = bench.register(*judged)
    assert bench.champion_version() == "2"
    assert roles(bench) == {"1": "retired", "2": "champion"}
    assert json.loads((registration / "registration.json").read_text()) == {
        "model_name": "rent",
        "version": "2",
        "model_digest": lineage.read(judged[0]).digest,
        "previous_champion": "1",
    }
    assert "register" in lineage.verify(registration, component="register").steps


def test_the_version_tells_all_that_made_it(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    bench.environment["AZUREML_ROOT_RUN_ID"] = "the-job"
    experiment = bench.client.get_experiment_by_name("loop").experiment_id
    runs = {}
    for step in ("train", "evaluate", "register"):
        runs[step] = bench.client.create_run(experiment).info.run_id
    bench.environment["MLFLOW_RUN_ID"] = runs["train"]
    model = bench.train(train)
    bench.environment["MLFLOW_RUN_ID"] = runs["evaluate"]
    decision = bench.evaluate(model, test)
    bench.environment["MLFLOW_RUN_ID"] = runs["register"]
    bench.register(model, decision, git_commit="0123abc")
    tags = bench.versions()["1"]
    expected = {
        "data_digest": f"sha256:{'d' * 63}0",
        "train_data_digest": lineage.read(train).digest,
        "test_data_digest": lineage.read(test).digest,
        "model_digest": lineage.read(model).digest,
        "decision_digest": lineage.read(decision).digest,
        "suite": "checks",
        "suite_digest": f"sha256:{'5' * 64}",
        "estimator": "Ridge",
        "target": "y",
        "component.validate_data": "1.0.0",
        "component.register": register.COMPONENT.version,
        "run.validate_data": "gate-run",
        "run.train": runs["train"],
        "run.evaluate": runs["evaluate"],
        "root_run_id": "the-job",
        "git_commit": "0123abc",
        "role": "champion",
        "metric.rmse": repr(bench.decision(decision)["metrics"]["candidate"]["rmse"]),
    }
    assert {name: tags.get(name) for name in expected} == expected
    assert tags["environment.python"].startswith("3.")
    assert set(json.loads(tags["lineage"])) == {"validate_data", "split_data", "train", "evaluate"}
    version = bench.client.get_model_version("rent", "1")
    assert version.run_id == runs["register"]
    fetched = bench.client.download_artifacts(runs["register"], "model", str(bench.folder))
    assert content_digest(Path(fetched)) == tags["model_digest"]


def test_a_rejected_candidate_is_not_registered(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = bench.split(regression_table())
    model = bench.champion(train, test)
    decision = bench.evaluate(model, test, "again")
    capsys.readouterr()
    folder = bench.folder / "registration"
    ended = bench.process("register", model=model, decision=decision, model_name="rent", registration=folder)
    assert ended.code == 0, ended.stderr
    assert "nothing is registered, for the decision is to reject: rmse" in ended.stdout
    assert {path.name for path in folder.iterdir()} == {"skipped.json", "lineage.json"}
    assert "is the same as that of champion version 1" in json.loads((folder / "skipped.json").read_text())["reason"]
    lineage.verify(folder, component="register")
    assert list(bench.versions()) == ["1"]


def test_a_rejected_candidate_needs_no_store(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.champion(train, test)
    decision = bench.evaluate(model, test, "again")
    bench.environment.clear()
    assert (bench.register(model, decision) / "skipped.json").is_file()


def test_a_stale_decision_adds_no_version(bench: Bench, judged: tuple[Path, Path]) -> None:
    model, decision = judged
    bench.client.set_registered_model_tag("rent", "champion", "7")
    folder = bench.folder / "registration"
    ended = bench.process("register", model=model, decision=decision, model_name="rent", registration=folder)
    assert ended.code == 1
    assert (
        "the decision is stale: it compared the candidate with version 1, but the champion of rent is now version 7"
        in (ended.stderr)
    )
    assert "evaluate again" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(bench.versions()) == ["1"]
    assert bench.champion_version() == "7"
    assert not folder.exists()


@pytest.mark.parametrize("first", [True, False])
def test_a_champion_that_came_or_went_makes_the_decision_stale(bench: Bench, first: bool) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    if first:
        decision = bench.evaluate(model, test)
        bench.champion(train, test, **POOR)
        message = "compared the candidate with no champion, but the champion of rent is now version 1"
    else:
        bench.champion(train, test, **POOR)
        decision = bench.evaluate(model, test)
        bench.client.delete_registered_model_tag("rent", "champion")
        message = "compared the candidate with version 1, but the champion of rent is now no champion"
    with pytest.raises(StepError, match=message):
        bench.register(model, decision)
    assert list(bench.versions()) == ["1"]


def test_another_model_than_was_judged_is_refused(
    bench: Bench, judged: tuple[Path, Path], split: tuple[Path, Path]
) -> None:
    _, decision = judged
    other = bench.train(split[0], "other", estimator="Lasso")
    with pytest.raises(StepError, match="is not the model that was judged: its content digest is sha256:"):
        bench.register(other, decision)
    assert list(bench.versions()) == ["1"]


def test_a_decision_that_was_edited_is_refused(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    rejected = bench.evaluate(model, test, metrics='{"rmse": {"min_improvement": 0, "floor": 0.1}}')
    path = rejected / "decision.json"
    path.write_text(path.read_text().replace('"reject"', '"accept"'))
    with pytest.raises(StepError, match="is not what evaluate wrote"):
        bench.register(model, rejected)


def test_another_name_than_was_compared_with_is_refused(bench: Bench, judged: tuple[Path, Path]) -> None:
    with pytest.raises(StepError, match="compares with the champion of rent, the model is to be registered as flats"):
        bench.register(*judged, model_name="flats")


def test_a_name_that_no_registry_takes_is_refused(bench: Bench) -> None:
    train, test = bench.split(regression_table())
    model = bench.train(train)
    with pytest.raises(StepError, match="'a b' cannot name a model"):
        bench.evaluate(model, test, model_name="a b")


def test_without_a_store_it_says_so(bench: Bench, judged: tuple[Path, Path]) -> None:
    bench.environment.clear()
    with pytest.raises(StepError, match="MLFLOW_TRACKING_URI is not set"):
        bench.register(*judged)


def test_running_it_again_adds_nothing(bench: Bench, judged: tuple[Path, Path]) -> None:
    first = bench.register(*judged)
    second = bench.register(*judged, name="second")
    assert (first / "registration.json").read_bytes() == (second / "registration.json").read_bytes()
    assert roles(bench) == {"1": "retired", "2": "champion"}


def test_a_withdrawn_version_is_not_brought_back(bench: Bench, judged: tuple[Path, Path]) -> None:
    """After a rollback the same model may be accepted again; that is a new version, the withdrawn one stays so."""
    bench.register(*judged)
    bench.client.set_model_version_tag("rent", "2", "role", "withdrawn")
    bench.client.set_registered_model_tag("rent", "champion", "1")
    bench.register(*judged, name="second")
    assert roles(bench) == {"1": "retired", "2": "withdrawn", "3": "champion"}
    assert bench.champion_version() == "3"


class Killed(BaseException):
    """The process dies: nothing but the operating system runs after it."""


WRITES = ("create_registered_model", "create_model_version", "set_registered_model_tag", "set_model_version_tag")


def dying(after: int, *, before_write: bool) -> Iterator[Any]:
    """MlflowClient whose process dies right before or after its write number `after`, counted from 0."""
    done = 0

    def wrap(write: Any) -> Any:
        def call(self: MlflowClient, *args: Any, **kwargs: Any) -> Any:
            nonlocal done
            number, done = done, done + 1
            if before_write and number == after:
                raise Killed
            result = write(self, *args, **kwargs)
            if not before_write and number == after:
                raise Killed
            return result

        return call

    patches = [patch.object(MlflowClient, name, wrap(getattr(MlflowClient, name))) for name in WRITES]
    for each in patches:
        each.start()
    yield
    for each in patches:
        each.stop()


@pytest.mark.parametrize("after", range(4))  # the version, the pointer, the two roles
@pytest.mark.parametrize("before_write", [True, False])
def test_dying_between_any_two_writes_leaves_a_champion(
    bench: Bench, judged: tuple[Path, Path], after: int, before_write: bool
) -> None:
    death = dying(after, before_write=before_write)
    next(death)
    with pytest.raises(Killed):
        bench.register(*judged)
    next(death, None)
    pointer = 1  # its number among the writes
    moved = after > pointer or (after == pointer and not before_write)
    assert bench.champion_version() == ("2" if moved else "1")
    assert bench.champion_version() in bench.versions()
    bench.register(*judged)  # the same step again
    assert bench.champion_version() == "2"
    assert roles(bench) == {"1": "retired", "2": "champion"}


@pytest.mark.parametrize("after", [2, 3])  # before the role of the new champion, and before that of the old one
@pytest.mark.parametrize("next_one", ["the same", "rejected", "better"])
def test_the_next_run_puts_the_roles_right(
    bench: Bench, judged: tuple[Path, Path], split: tuple[Path, Path], after: int, next_one: str
) -> None:
    death = dying(after, before_write=True)
    next(death)
    with pytest.raises(Killed):
        bench.register(*judged)
    next(death, None)
    assert roles(bench) == {"1": "champion", "2": "candidate" if after == 2 else "champion"}
    train, test = split
    model = judged[0] if next_one == "the same" else bench.train(train, "next", estimator=_NEXT[next_one])
    decision = bench.evaluate(model, test, "next-decision")
    assert bench.decision(decision)["champion"]["version"] == "2"
    assert bench.decision(decision)["verdict"] == ("reject" if next_one == "rejected" else "accept")
    bench.register(model, decision, "next-registration")
    newest = "3" if next_one == "better" else "2"
    assert bench.champion_version() == newest
    former = {"1": "retired", "2": "retired"} if newest == "3" else {"1": "retired"}
    assert roles(bench) == {**former, newest: "champion"}


_NEXT = {"rejected": "DummyRegressor", "better": "Lasso"}


def test_a_withdrawn_version_stays_so_when_roles_are_put_right(bench: Bench, judged: tuple[Path, Path]) -> None:
    bench.register(*judged)
    bench.client.set_model_version_tag("rent", "2", "role", "withdrawn")
    bench.client.set_registered_model_tag("rent", "champion", "1")
    registry.mirror_champion(bench.client, "rent")
    assert roles(bench) == {"1": "champion", "2": "withdrawn"}


def test_there_are_four_writes(bench: Bench, judged: tuple[Path, Path]) -> None:
    """The parameters of the test above: one write more, and it would not be tried."""
    with (
        patch.object(MlflowClient, "set_model_version_tag", autospec=True) as roles_written,
        patch.object(
            MlflowClient, "set_registered_model_tag", autospec=True, side_effect=MlflowClient.set_registered_model_tag
        ) as pointers_written,
    ):
        bench.register(*judged)
    assert pointers_written.call_count == 1
    assert roles_written.call_count == 2


def test_a_process_that_is_killed_can_be_run_again(bench: Bench, judged: tuple[Path, Path]) -> None:
    """As above with a real process and no Python left to clean up, lock included."""
    model, decision = judged
    sitecustomize = bench.folder / "kill" / "sitecustomize.py"
    sitecustomize.parent.mkdir()
    sitecustomize.write_text(
        "import os, signal, mlflow\n"
        "def die(*args, **kwargs): os.kill(os.getpid(), signal.SIGKILL)\n"
        "mlflow.MlflowClient.set_registered_model_tag = die\n"
    )
    bench.environment["PYTHONPATH"] = str(sitecustomize.parent)
    given = {"model": model, "decision": decision, "model_name": "rent", "registration": bench.folder / "registration"}
    assert bench.process("register", **given).code == -9
    assert bench.champion_version() == "1"
    assert roles(bench) == {"1": "champion", "2": "candidate"}
    del bench.environment["PYTHONPATH"]
    bench.register(model, decision)
    assert roles(bench) == {"1": "retired", "2": "champion"}


def test_a_second_process_waits_for_the_lock_and_is_stale(
    bench: Bench, judged: tuple[Path, Path], split: tuple[Path, Path]
) -> None:
    """Two decisions against version 1: while the first holds the lock the second cannot move the champion."""
    model, decision = judged
    train, test = split
    rival = bench.train(train, "rival", estimator="Lasso")
    rival_decision = bench.evaluate(rival, test, "rival-decision")
    lock = registry.lock_path(bench.uri)
    assert lock == bench.folder / "mlflow.db.champion.lock"
    with (
        filelock.FileLock(lock),
        patch.object(registry, "_LOCK_SECONDS", 0.0),
        pytest.raises(StepError, match="another process has been changing the registry"),
    ):
        bench.register(rival, rival_decision)
    assert list(bench.versions()) == ["1"]
    real = registry.registry_lock

    def after_the_rival() -> Any:
        registry.registry_lock = real  # type: ignore[assignment]
        bench.register(rival, rival_decision, "rival-registration")
        return real()

    with patch.object(registry, "registry_lock", after_the_rival), pytest.raises(StepError, match="decision is stale"):
        bench.register(model, decision)
    assert roles(bench) == {"1": "retired", "2": "champion"}


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:////srv/mlflow.db", "/srv/mlflow.db.champion.lock"),
        ("sqlite:///mlflow.db", "mlflow.db.champion.lock"),
        ("sqlite:////srv/a%20b.db?timeout=3", "/srv/a b.db.champion.lock"),
        ("file:///srv/mlruns", "/srv/mlruns/.champion.lock"),
        ("/srv/mlruns", "/srv/mlruns/.champion.lock"),
        ("http://localhost:5000", None),
        ("azureml://westeurope.api.azureml.ms/mlflow/v1.0/x", None),
    ],
)
def test_the_lock_is_beside_the_store(uri: str, path: str | None) -> None:
    assert registry.lock_path(uri) == (Path(path) if path else None)


# --- the selection of newest_data -------------------------------------------------------------------------------------


def selected(folder: Path, digest: str) -> Path:
    """What newest_data hands on beside the data, for data of that digest."""
    folder.mkdir()
    (folder / "selection.json").write_text("{}")
    facts = {"file": "2026-05/07.csv", "chosen_at": "2026-05-08T04:00:00+00:00"}
    component = lineage.Component("newest_data", "1.0.0")
    own = lineage.record(component, inputs={"data": digest}, parameters={}, facts=facts)
    lineage.write(folder, "selection", own)
    return folder


def test_the_version_tells_which_file_its_data_was(bench: Bench, judged: tuple[Path, Path], tmp_path: Path) -> None:
    checked = lineage.read(judged[1]).steps["validate_data"].inputs["data"]
    registration = bench.register(*judged, selection=selected(tmp_path / "selection", checked))
    tags = bench.versions()["2"]
    assert (tags["data_file"], tags["data_chosen_at"]) == ("2026-05/07.csv", "2026-05-08T04:00:00+00:00")
    assert (tags["data_digest"], tags["component.newest_data"]) == (checked, "1.0.0")
    assert "newest_data" in lineage.read(registration).steps


def test_a_selection_of_other_data_is_refused(bench: Bench, judged: tuple[Path, Path], tmp_path: Path) -> None:
    other = selected(tmp_path / "selection", "sha256:0")
    with pytest.raises(
        StepError, match=r"is about 2026-05/07.csv \(sha256:0\), the model was made of sha256:d+0; connect"
    ):
        bench.register(*judged, selection=other)
    assert set(bench.versions()) == {"1"}
