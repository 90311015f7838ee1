"""Each component's sample runs as it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from retraining import ROOT, Retrained

pytestmark = pytest.mark.loop
SAMPLES = sorted(ROOT.glob("components/*/sample/job.yml"))


@pytest.mark.parametrize("job", SAMPLES, ids=lambda job: job.parts[-3])
def test_the_sample_runs(job: Path, retrain: Callable[..., Retrained]) -> None:
    ended = retrain(job=job)
    assert ended.code == 0, ended.stderr
    assert ended.statuses[job.parts[-3]] == "completed"
    assert all(Path(path).exists() for path in ended.summary["outputs"].values())


def test_there_is_one_for_each_component() -> None:
    components = {path.parent.name for path in ROOT.glob("components/*/component.yml")}
    assert {job.parts[-3] for job in SAMPLES} == components
