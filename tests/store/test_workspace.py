"""The folders of a run."""

from __future__ import annotations

from pathlib import Path

from penstock.store.workspace import Workspace


def test_outputs_appear_whole_by_one_rename(tmp_path: Path) -> None:
    node = Workspace(tmp_path).new_run("job").node("train")
    attempt = node.attempt(1)
    for number in range(3):
        (attempt.outputs / f"port_{number}").mkdir(parents=True)
    (attempt.outputs / "port_0" / "model").write_text("weights")
    written = attempt.outputs.stat().st_ino, (attempt.outputs / "port_0" / "model").stat().st_ino
    assert not node.outputs.exists()
    node.publish(attempt)
    # the very folder that the step wrote to: nobody who looks while a large output is published sees half of it
    assert (node.outputs.stat().st_ino, (node.outputs / "port_0" / "model").stat().st_ino) == written
    assert not attempt.outputs.exists()
