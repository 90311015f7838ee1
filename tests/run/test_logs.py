"""A step that writes without end does not fill the disk, and is not disturbed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.run.logs import LIMIT, Logs

JOB = """
type: pipeline
jobs:
  loud:
    type: command
    command: >-
      echo the first line; yes "a line of no interest" | head -c 300000000; echo the last line;
      du --block-size=1 ../std_log.txt | cut -f1 > ${{outputs.out}}/used.txt
    environment: azureml:any:1
    outputs: {out: {type: uri_folder}}
"""


def test_of_an_endless_log_head_and_tail_are_kept(tmp_path: Path, penstock: Callable[..., Any]) -> None:
    (tmp_path / "job.yml").write_text(JOB)
    ended = penstock("run", tmp_path / "job.yml", "--format", "json")
    [node] = ended.json["nodes"]
    assert node["status"] == "completed"
    log = Path(node["log"])
    assert log.stat().st_size < LIMIT + 1000
    text = log.read_bytes()
    assert text.startswith(b"the first line\n")
    assert text.endswith(b"the last line\n")
    assert b"bytes are left out here: this log has grown too large" in text
    assert "has grown too large; only its first and last 50 MB are kept" in ended.stderr


def test_what_is_in_the_middle_is_given_back_while_the_step_runs(tmp_path: Path) -> None:
    log = tmp_path / "std_log.txt"
    logs = Logs(tmp_path, limit=1 << 20)
    with log.open("wb") as stream:
        stream.write(b"first\n" + b"x" * (8 << 20))
        stream.flush()
        assert logs.look() == [log]
        used = log.stat().st_blocks * 512
        if used > 4 << 20:
            pytest.skip("this file system has no holes")
        assert logs.look() == []
        stream.write(b"y" * (2 << 20) + b"last\n")
        stream.flush()
        assert logs.look() == []
        assert log.stat().st_blocks * 512 < 4 << 20
    assert logs.close() == []
    text = log.read_bytes()
    assert text.startswith(b"first\nxxx")
    assert text.endswith(b"yyylast\n")
    assert b"\0" not in text
    assert len(text) < (1 << 20) + 200


def test_a_log_of_usual_size_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "std_log.txt"
    log.write_bytes(b"z" * 1000)
    logs = Logs(tmp_path, limit=1000)
    assert logs.look() == logs.close() == []
    assert log.read_bytes() == b"z" * 1000
