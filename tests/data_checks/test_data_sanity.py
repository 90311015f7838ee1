"""Data sanity: each dataset in data_checks/ against its suite, a test for each expectation (`make data-sanity`)."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest
from step_process import ROOT

from penstock_steps import gate
from penstock_steps.gate_report import OWN_CHECKS, Policy, Report
from penstock_steps.gate_suite import read_suite

DATASETS = sorted(suite.parent for suite in (ROOT / "data_checks").glob("*/suite.json"))


@functools.cache
def report_of(dataset: str) -> Report:
    folder = ROOT / "data_checks" / dataset
    return gate.check(folder / f"{dataset}.csv", folder / "suite.json", Policy())


def checks() -> Iterator[object]:
    """Dataset and number of each check, in the order of the report: the gate's own ones come first."""
    for folder in DATASETS:
        suite = [f"{each.type}({', '.join(each.columns)})" for each in read_suite(folder / "suite.json").expectations]
        for number, name in enumerate([*OWN_CHECKS, *suite]):
            yield pytest.param(folder.name, number, id=f"{folder.name}: {name}")


@pytest.mark.parametrize(("dataset", "number"), [*checks()])
def test_it_is_as_expected(dataset: str, number: int) -> None:
    report = report_of(dataset)
    assert report.error is None, report.error
    result = report.results[number]
    assert not result.refuses(report.policy), result.message
