"""Spark nodes on a machine without Spark; reuse of what Spark has written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CASE = Path(__file__).parents[1] / "cases" / "spark_class" / "pipeline.yml"


@pytest.mark.spark
def test_without_java_nothing_starts(
    penstock: Callable[..., Any], workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    ended = penstock("run", CASE, "--format", "json")
    assert ended.code == 2
    assert not workspace.exists()
    (finding,) = [found for found in ended.json["findings"] if found["severity"] == "error"]
    assert (finding["rule"], finding["line"], finding["column"]) == ("PR105", 2, 1)
    assert "no Java runtime" in finding["message"]
    assert "make setup-spark" in finding["fix"]


@pytest.mark.spark
def test_the_cluster_and_java_do_not_change_what_is_computed(penstock: Callable[..., Any], workspace: Path) -> None:
    assert penstock("run", CASE).code == 0
    again = penstock("run", CASE, "--spark-master", "local[1]", "--format", "json")
    assert again.json["nodes"][0]["status"] == "reused"
    explained = penstock("explain", CASE, "--workspace", workspace, "--format", "json")
    assert json.loads(explained.stdout)["nodes"][0]["verdict"] == "reuse"
    other = penstock("run", CASE, "--set", "entry.class_name=org.apache.hadoop.no.Such", "--format", "json")
    assert other.json["nodes"][0]["status"] == "failed"
