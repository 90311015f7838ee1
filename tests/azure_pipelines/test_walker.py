"""The walker of pipelines cancels as agents do."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure_pipelines import Walk, Walker

PIPELINE = """\
jobs:
  - job: a
    steps:
      - script: ./long
      - script: grep -q long /proc/$(cat long.pid)/cmdline
        condition: canceled()
      - script: touch go
        condition: canceled()
"""
LONG = """\
#!/bin/sh
echo $$ > long.pid
echo begun
until test -e go; do sleep 0.05; done
sleep "$REST"
echo done
"""


def _cancelled(folder: Path, rest: str, patience: float) -> Walk:
    (folder / ".azure/pipelines").mkdir(parents=True)
    (folder / ".azure/pipelines/a.yml").write_text(PIPELINE)
    (folder / "long").write_text(LONG)
    (folder / "long").chmod(0o755)
    walker = Walker(folder, {}, {"REST": rest}, {}, {})
    walker.cancels, walker.patience = (lambda line: line == "begun\n"), patience
    return walker.walk("a.yml")


@pytest.mark.parametrize(("rest", "patience", "said"), [("0", 60.0, "done\n"), ("600", 0.0, "")])
def test_what_a_cancelled_script_has_started_goes_on(tmp_path: Path, rest: str, patience: float, said: str) -> None:
    """Beside the steps that follow; to its own end, or that of the job."""
    done = _cancelled(tmp_path, rest, patience)
    assert [step.status for step in done.steps] == ["canceled", "succeeded", "succeeded"]
    assert [(orphan.said, orphan.killed) for orphan in done.orphans] == [(said, not said)]
    command = Path("/proc", (tmp_path / "long.pid").read_text().strip(), "cmdline")
    assert not command.exists() or not command.read_text(), "it has ended, though nobody may have asked how"
