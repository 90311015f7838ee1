from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from penstock_steps.decision import Decision, read_decision, write_decision
from penstock_steps.errors import StepError

DECISION = Decision(
    verdict="accept",
    reasons=["rmse 50.1 is below the floor of 60", "rmse is better by 2.5"],
    metrics={"candidate": {"rmse": 50.1}, "champion": {"rmse": 52.6}, "difference": {"rmse": -2.5}, "interval": None},
    champion={"name": "diabetes", "version": "3"},
    candidate={"digest": "sha256:1"},
    data={"digest": "sha256:2", "rows": 88, "rows_champion_trained_on": 0},
    suite={"name": "diabetes", "digest": "sha256:3"},
)


@pytest.mark.parametrize("verdict", ["accept", "reject"])
def test_what_is_written_is_read(verdict: str, tmp_path: Path) -> None:
    decision = replace(DECISION, verdict=verdict)  # type: ignore[arg-type]
    write_decision(tmp_path / "decision", decision)
    assert read_decision(tmp_path / "decision") == decision
    assert decision.accepted == (verdict == "accept")


def test_the_sentence_holds_all_reasons() -> None:
    assert DECISION.sentence == "rmse 50.1 is below the floor of 60; rmse is better by 2.5"


def test_no_decision(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"has no decision\.json; connect the port to the output of evaluate"):
        read_decision(tmp_path)


@pytest.mark.parametrize("text", ["", "[1]", '{"verdict": "accept"}', '{"surprise": 1}'])
def test_what_is_no_decision(text: str, tmp_path: Path) -> None:
    (tmp_path / "decision.json").write_text(text)
    with pytest.raises(StepError, match="is not a decision"):
        read_decision(tmp_path)


def test_a_verdict_of_neither_word_is_never_taken_as_accept(tmp_path: Path) -> None:
    write_decision(tmp_path, DECISION)
    path = tmp_path / "decision.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "verdict": "Accept"}))
    with pytest.raises(StepError, match="has the verdict 'Accept'; it must be accept or reject"):
        read_decision(tmp_path)


def test_a_score_that_is_no_number_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_decision(tmp_path, replace(DECISION, metrics={"candidate": {"rmse": float("nan")}}))
