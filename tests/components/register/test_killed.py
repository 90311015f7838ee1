"""register, killed with -9 right before each of its writes, and two of them at the same moment; real processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dying
import pytest
from mlflow import MlflowClient
from model_side import Bench, command_line

from penstock_steps.digests import content_digest
from penstock_steps.registration import read_registration

Play = Callable[[list[list[dict[str, Any]]]], list[list[dict[str, Any]]]]
ROUNDS = 20


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """Plays rounds; see `dying`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    process = subprocess.Popen(
        [sys.executable, dying.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def call(rounds: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
        stdin.write(json.dumps(rounds) + "\n")
        stdin.flush()
        ended: list[list[dict[str, Any]]] = json.loads(stdout.readline())
        return ended

    yield call
    stdin.close()
    assert process.wait(60) == 0
    stdout.close()


class Place:
    """A copy of the bench's store, in which version 1 is champion, with a run of its own for the step."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.folder = bench.folder / name
        self.folder.mkdir()
        shutil.copyfile(bench.folder / "mlflow.db", self.folder / "mlflow.db")
        self.uri = f"sqlite:///{self.folder / 'mlflow.db'}"
        self.client = MlflowClient(self.uri)
        self.experiment = self.client.create_experiment("here", artifact_location=(self.folder / "artifacts").as_uri())

    def order(self, model: Path, decision: Path, output: str, die_at: int | None = None) -> dict[str, Any]:
        registration = self.folder / output
        argv = command_line({"model": model, "decision": decision, "model_name": "rent", "registration": registration})
        run = self.client.create_run(self.experiment).info.run_id
        env = {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_EXPERIMENT_NAME": "here", "MLFLOW_RUN_ID": run}
        return {"step": "register", "argv": argv, "env": env, "folder": str(self.folder), "die_at": die_at}

    def again(self, order: dict[str, Any]) -> dict[str, Any]:
        return {**order, "die_at": None}

    @property
    def champion(self) -> str:
        return str(self.client.get_registered_model("rent").tags["champion"])

    @property
    def roles(self) -> dict[str, str]:
        found = self.client.search_model_versions("name='rent'")
        return {str(version.version): version.tags["role"] for version in found}

    def is_whole(self, version: str) -> bool:
        """Whether the files of a version are those that its tag names."""
        found = self.client.get_model_version("rent", version)
        folder = Path(str(found.source).removeprefix("file://"))
        return bool(content_digest(folder) == found.tags["model_digest"])


def test_killed_at_each_of_its_writes(bench: Bench, judged: tuple[Path, Path], play: Play) -> None:
    place = Place(bench, "whole")
    [[whole]] = play([[place.order(*judged, "registration")]])
    assert whole["code"] == 0, whole["stderr"]
    writes = whole["writes"]
    assert writes >= 10, "the files of the model and the decision, the version, the pointer, two roles, two outputs"

    places = [Place(bench, f"killed-{number}") for number in range(writes)]
    orders = [place.order(*judged, "registration", die_at=number) for number, place in enumerate(places)]
    moved = []
    for place, [ended] in zip(places, play([[order] for order in orders]), strict=True):
        assert ended["code"] == -9, ended["stderr"]
        roles, champion = place.roles, place.champion
        assert champion in roles
        assert len(roles) <= 2
        assert all(place.is_whole(version) for version in roles)
        assert champion == "1" or roles["2"] in ("candidate", "champion")
        moved.append(champion == "2")
    assert moved == sorted(moved), "once moved, the pointer stays"
    assert {True, False} == set(moved)

    for place, [ended] in zip(
        places, play([[place.again(o)] for place, o in zip(places, orders, strict=True)]), strict=True
    ):
        assert ended["code"] == 0, ended["stderr"]
        assert place.champion == "2"
        assert place.roles == {"1": "retired", "2": "champion"}
        assert place.is_whole("2")
        registration = read_registration(place.folder / "registration")
        assert (registration.version, registration.previous_champion) == ("2", "1")


def test_two_at_once_leave_one_champion(
    bench: Bench, judged: tuple[Path, Path], split: tuple[Path, Path], play: Play
) -> None:
    rival = bench.train(split[0], "rival", estimator="Lasso")
    candidates = [judged, (rival, bench.evaluate(rival, split[1], "rival-decision"))]
    places = [Place(bench, f"race-{number}") for number in range(ROUNDS)]
    rounds = [[place.order(*each, f"of-{n}") for n, each in enumerate(candidates)] for place in places]
    for place, ended in zip(places, play(rounds), strict=True):
        assert sorted(each["code"] for each in ended) == [0, 1], [each["stderr"] for each in ended]
        [loser] = [each for each in ended if each["code"] == 1]
        assert "the decision is stale: it compared the candidate with version 1" in loser["stderr"]
        assert "Traceback" not in loser["stderr"]
        assert place.champion == "2"
        assert place.roles == {"1": "retired", "2": "champion"}
        assert place.is_whole("2")


@pytest.mark.long
def test_one_is_killed_while_the_other_goes_on(
    bench: Bench, judged: tuple[Path, Path], split: tuple[Path, Path], play: Play
) -> None:
    """Whatever the killed one held, the other ends; what is left is one champion, and the roles say so."""
    rival = bench.train(split[0], "rival", estimator="Lasso")
    decision = bench.evaluate(rival, split[1], "rival-decision")
    places = [Place(bench, f"both-{number}") for number in range(0, ROUNDS, 2)]
    rounds = [
        [place.order(*judged, "of-0", die_at=2 * number), place.order(rival, decision, "of-1")]
        for number, place in enumerate(places)
    ]
    for place, (killed, other) in zip(places, play(rounds), strict=True):
        assert killed["code"] in (-9, 0, 1)
        assert other["code"] in (0, 1), other["stderr"]
        champion = place.champion
        assert place.is_whole(champion)
        if other["code"] == 0:
            assert place.roles[champion] == "champion"
        else:
            assert "the decision is stale" in other["stderr"]
            assert champion == "2"
