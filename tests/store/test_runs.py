"""What is told of a run whose engine was killed."""

from __future__ import annotations

import json
from pathlib import Path

from penstock.store.runs import KILLED, settle
from penstock.store.workspace import RunFolder


def test_a_node_that_had_published_its_outputs_has_completed_though_nobody_had_written_it_down(tmp_path: Path) -> None:
    """The engine starts what waits for a node before it writes that down."""
    folder = RunFolder(tmp_path / "run")
    for name in ("first", "train"):
        attempt = folder.node(name).attempt(1)
        (attempt.outputs / "out").mkdir(parents=True)
        if name == "first":
            folder.node(name).publish(attempt)
    (folder.path / "run.json").write_text(json.dumps({"status": "running", "nodes": []}))
    summary = settle(folder)
    assert (summary["status"], summary["reason"]) == ("failed", KILLED)
    ends = {node["name"]: (node["status"], node["reason"], sorted(node["outputs"])) for node in summary["nodes"]}
    assert ends == {"first": ("completed", "", ["out"]), "train": ("canceled", KILLED, [])}
    for node in summary["nodes"]:
        assert json.loads((folder.node(node["name"]).path / "node.json").read_text()) == node
    assert settle(folder) == summary
