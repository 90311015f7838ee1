"""The feature table names every key that Azure's client takes in a job, and a case for each row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from penstock.plan.features import FEATURES, page

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases"
DEFINITIONS = json.loads((ROOT / "src" / "penstock" / "check" / "azure_ml.json").read_text())["definitions"]
OWNERS = {
    "job": ["PipelineJob"],
    "settings": ["PipelineJobSettings"],
    "command": ["Command+", "CommandJob", "CommandComponent"],
    "sweep": ["Sweep+", "SweepJob"],
    "parallel": ["Parallel+", "PipelineParallelJob+", "ParallelComponent"],
    "spark": ["Spark+", "SparkJob", "SparkComponent"],
    "data_transfer": ["DataTransferCopy+", "PipelineDataTransferCopyJob", "DataTransferCopyComponent"],
    "pipeline": ["Pipeline+", "PipelineComponent"],
    "input": ["DataInput+", "InputPort", "InputLiteralValue+"],
    "output": ["Output+", "OutputPort"],
    "resources": ["JobResourceConfiguration+"],
    "limits": ["CommandJobLimits+", "SweepJobLimits+"],
}


@pytest.mark.parametrize("owner", OWNERS)
def test_every_key_that_the_client_takes_has_a_row(owner: str) -> None:
    covered = {key for row in FEATURES for key in row.keys}
    keys = {key for name in OWNERS[owner] for key in DEFINITIONS[name]["keys"]}
    assert [key for key in sorted(keys) if not covered & {f"{owner}.{key}", f"any.{key}"}] == []


@pytest.mark.parametrize("row", FEATURES, ids=lambda row: row.what)
def test_every_row_has_a_case_that_ends_as_it_says(row) -> None:  # type: ignore[no-untyped-def]
    expect = yaml.safe_load((CASES / row.case / "expect.yml").read_text())
    assert (expect["exit"] == 2) == (row.here == "refused" or "checked before" in row.note)
    if row.here == "told":
        assert expect.get("stderr")


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "features.md").read_text() == page(), "make docs writes it anew"
