from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from step_process import snapshot

from penstock_steps import gate
from penstock_steps.gate_report import Policy, Report, Result

Check = Callable[..., Report]
LARGE = "expect_column_values_to_be_between"


def expectation(kind: str, severity: str | None = None, **kwargs: Any) -> dict[str, Any]:
    entry = {"type": kind, "kwargs": kwargs}
    return entry if severity is None else {**entry, "severity": severity}


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot("validate_data", tmp_path_factory.mktemp("code"))


@pytest.fixture
def expects() -> Callable[..., dict[str, Any]]:
    return expectation


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Check a frame, or a file, against expectations, or the text of a suite."""

    def call(
        data: pd.DataFrame | Path,
        suite: Sequence[dict[str, Any]] | str | Path,
        parameters: dict[str, Any] | None = None,
        **policy: Any,
    ) -> Report:
        if isinstance(data, pd.DataFrame):
            data.to_parquet(tmp_path / "data.parquet", index=False)
            data = tmp_path / "data.parquet"
        if not isinstance(suite, Path):
            text = suite if isinstance(suite, str) else json.dumps({"name": "s", "expectations": list(suite)})
            (tmp_path / "suite.json").write_text(text)
            suite = tmp_path / "suite.json"
        return gate.check(data, suite, Policy(**policy), parameters)

    return call


@pytest.fixture
def only(check: Check) -> Callable[..., Result]:
    """The result of one expectation."""

    def call(data: pd.DataFrame, kind: str, severity: str | None = None, **kwargs: Any) -> Result:
        report = check(data, [expectation(kind, severity, **kwargs)])
        assert report.error is None
        return report.results[-1]

    return call
