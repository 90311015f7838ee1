from __future__ import annotations

from pathlib import Path

from penstock_steps.skipped import skipped_reason, write_skipped


def test_every_output_says_why(tmp_path: Path) -> None:
    outputs = [tmp_path / "a" / "b", tmp_path / "c"]
    write_skipped(outputs, "the candidate is not better: 1.0 < 2.0 é")
    assert [skipped_reason(output) for output in outputs] == ["the candidate is not better: 1.0 < 2.0 é"] * 2


def test_an_output_of_a_step_that_did_its_work(tmp_path: Path) -> None:
    assert skipped_reason(tmp_path) is None
