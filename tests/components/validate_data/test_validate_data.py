"""The step as a job starts it: exit codes, messages, and what it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from step_process import COMPONENTS, Ended, flags, load, start

from penstock_steps import lineage
from penstock_steps.digests import content_digest, file_digest
from penstock_steps.errors import StepError
from penstock_steps.gate_report import read_report

SAMPLE = COMPONENTS / "validate_data" / "sample"
DEFAULTS: dict[str, Any] = {
    "data": SAMPLE / "readings.csv",
    "suite": SAMPLE / "suite.json",
    "fail_on": "critical",
    "min_rows": 1,
    "suite_parameters": '{"hottest": 120}',
}


def step(code: Path, report: Path, **values: object) -> Ended:
    return start(code, "validate_data", **{**DEFAULTS, "report": report, **values})


def test_pass(code: Path, tmp_path: Path) -> None:
    ended = step(code, tmp_path / "report")
    assert (ended.code, ended.stderr) == (0, ""), "no progress bar, no warning"
    assert "Data:  12 rows, 5 columns, sha256:" in ended.stdout
    assert "Passed: 6 of 6 checks" in ended.stdout
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "lineage.json",
        "report.html",
        "report.json",
    ]
    written = lineage.verify(tmp_path / "report", component="validate_data")
    own = written.steps["validate_data"]
    assert written.port == "report"
    assert own.inputs == {
        "data": content_digest(SAMPLE / "readings.csv"),
        "suite": file_digest(SAMPLE / "suite.json"),
    }
    assert own.parameters == {"fail_on": "critical", "min_rows": 1, "suite_parameters": {"hottest": 120}}
    assert own.facts["rows"] == 12
    assert own.facts["suite"] == {"name": "readings", "digest": own.inputs["suite"]}
    assert own.facts["verdict"] == "passed"


def test_refusal_leaves_a_report_and_exits_1(code: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text((SAMPLE / "readings.csv").read_text().replace("74.5", "745").replace("0.11", "").replace("0.12", ""))
    ended = step(code, tmp_path / "report", data=bad)
    assert ended.code == 1
    assert "column temperature: expect_column_values_to_be_between(min_value=-20, max_value=120) failed" in ended.stderr
    assert "1 of 12 values unexpected (8.33 %), for example 745" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "WARNING: column vibration: expect_column_values_to_not_be_null" in ended.stdout
    report = read_report(tmp_path / "report")
    assert report.verdict == "failed"
    assert lineage.verify(tmp_path / "report").steps["validate_data"].facts["verdict"] == "failed"
    assert "Refused" in (tmp_path / "report" / "report.html").read_text()


def run(monkeypatch: pytest.MonkeyPatch, report: Path, **values: object) -> None:
    module = load("validate_data", monkeypatch)
    module.main(flags(**{**DEFAULTS, "report": report, **values}))


def test_data_and_suite_that_cannot_be_read_leave_a_report_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    for values, message in (
        ({"data": tmp_path / "empty.csv"}, r"nothing could be checked: .*empty\.csv is empty \(0 bytes\)"),
        ({"data": tmp_path / "nowhere.csv"}, r"nowhere\.csv does not exist"),
        ({"suite": tmp_path / "nowhere.json"}, r"nowhere\.json is not a file"),
    ):
        with pytest.raises(StepError, match=message):
            run(monkeypatch, tmp_path / "report", **values)
        document = json.loads((tmp_path / "report" / "report.json").read_text())
        assert (document["verdict"], document["results"]) == ("failed", [])
        lineage.verify(tmp_path / "report", component="validate_data")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"min_rows": 0}, "min_rows is 0; it must be at least 1"),
        ({"min_rows": 13}, "the table has 12 rows, it needs at least 13"),
        ({"suite_parameters": "{"}, "suite_parameters is not JSON"),
        ({"suite_parameters": "[1]"}, "suite_parameters must be a JSON object"),
        ({"suite_parameters": None}, "column temperature.* needs the parameter 'hottest'"),
        ({"suite_parameters": '{"hottest": 70}'}, r"column temperature: .*max_value=70.* 4 of 12 values unexpected"),
    ],
)
def test_parameters(values: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(StepError, match=message):
        run(monkeypatch, tmp_path / "report", **values)


def test_a_folder_of_parquet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from penstock_steps.tables import read_table

    frame = read_table(SAMPLE / "readings.csv")
    for name, part in {"a": frame[:5], "b": frame[5:]}.items():
        (tmp_path / "data").mkdir(exist_ok=True)
        part.to_parquet(tmp_path / "data" / f"{name}.parquet")
    run(monkeypatch, tmp_path / "report", data=tmp_path / "data")
    assert "Passed: 6 of 6 checks" in capsys.readouterr().out
    assert read_report(tmp_path / "report").data_digest == content_digest(tmp_path / "data")


def test_the_flags_are_those_of_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = load("validate_data", monkeypatch)
    with pytest.raises(SystemExit, match="2"):
        module.main(["--fail-on", "error"])
    assert "invalid choice: 'error' (choose from 'critical', 'warning', 'info')" in capsys.readouterr().err


def test_optional_back_ends_are_not_imported_and_stay_importable(code: Path) -> None:
    program = (
        "import sys; from penstock_steps.gate_evaluate import version; version(); "
        "print(*{'great_expectations', 'sqlalchemy', 'azure.storage.blob', 'mlflow', 'sklearn'} & sys.modules.keys()); "
        "import sqlalchemy"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=code, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "great_expectations"), done.stderr


def test_a_table_that_cannot_be_read_is_told_without_great_expectations(code: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    values = {**DEFAULTS, "data": tmp_path / "empty.csv", "report": tmp_path / "report"}
    program = (
        "import sys, runpy; sys.argv[0] = 'validate_data.py'\n"
        "try: runpy.run_path('validate_data.py', run_name='__main__')\n"
        "except SystemExit as end: print(end.code, 'great_expectations' in sys.modules)"
    )
    line = [sys.executable, "-c", program, *flags(**values)]
    done = subprocess.run(line, cwd=code, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "1 False", done.stderr
