"""What the data gate found: `report.json`, its states and its verdict. Needs neither pandas nor Great Expectations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from penstock_steps.errors import StepError

REPORT_FILE = "report.json"
PAGE_FILE = "report.html"
FORMAT = 1

State = Literal["passed", "failed", "not_evaluated"]
Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the worst first
STATES: tuple[State, ...] = get_args(State)
Verdict = Literal["passed", "failed"]
OWN_CHECKS = ("minimum_rows", "finite_values")  # what the gate checks without being asked


@dataclass(frozen=True)
class Policy:
    """When the gate refuses data.

    Attributes:
        fail_on: the lowest severity whose failure refuses the data; a failure below it is a warning. What could not be
            evaluated refuses the data whatever its severity.
        min_rows: the gate refuses a table with fewer rows.
    """

    fail_on: Severity = "critical"
    min_rows: int = 1


@dataclass(frozen=True)
class Result:
    """The outcome of one check: an expectation of the suite, or a check of the gate's own.

    Attributes:
        type: the expectation's type; or one of OWN_CHECKS.
        columns: the columns that the check is about, none for a check of the whole table.
        asked: the expectation's other keywords.
        severity: critical unless the suite says otherwise.
        state: whether the data is as expected, or that it could not be told.
        message: what was found, for a person; empty if all is well.
        cause: a key under which results that could not be evaluated for one and the same reason are told together.
        observed: the observed value, where the expectation has one.
        unexpected_count: how many of `element_count` values are not as expected, where values are counted.
        samples: at most `gate_evaluate.SAMPLES` unexpected values.
        notes: why the suite expects it, in the suite's words.
    """

    type: str
    columns: Sequence[str]
    asked: Mapping[str, Any]
    severity: Severity
    state: State
    message: str = ""
    cause: str = ""
    observed: Any = None
    unexpected_count: int | None = None
    element_count: int | None = None
    samples: Sequence[Any] = ()
    notes: str = ""

    def refuses(self, policy: Policy) -> bool:
        """Whether this result alone makes the gate refuse the data."""
        if self.state == "failed":
            return SEVERITIES.index(self.severity) <= SEVERITIES.index(policy.fail_on)
        return self.state == "not_evaluated"


@dataclass(frozen=True)
class Report:
    """All that the gate found about one table.

    Attributes:
        policy: under which the verdict was found.
        data_digest: content digest of the data as it was handed in; empty if it is not there.
        suite_name: the suite's own name, empty if it could not be read.
        suite_version: the suite's `meta.version`, empty if it has none.
        suite_digest: digest of the suite's file; empty if it is not there.
        parameters: what was put in for the suite's $PARAMETER references.
        rows: how many rows the table has; None if it could not be read.
        columns: the names of the table's columns.
        results: the gate's own checks, then the suite's expectations in its order.
        error: why nothing could be checked, None if it could.
        great_expectations: the version that evaluated the suite; empty if none did.
    """

    policy: Policy
    data_digest: str
    suite_name: str
    suite_digest: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None
    columns: Sequence[str] = ()
    results: Sequence[Result] = ()
    error: str | None = None
    great_expectations: str = ""
    suite_version: str = ""

    @property
    def suite(self) -> dict[str, str]:
        """Which suite it was: name, version if it has one, and digest."""
        version = {"version": self.suite_version} if self.suite_version else {}
        return {"name": self.suite_name, **version, "digest": self.suite_digest}

    @property
    def verdict(self) -> Verdict:
        """Passed only if something was checked and nothing of it refuses the data."""
        refused = self.error is not None or not self.results or any(self.refusing)
        return "failed" if refused else "passed"

    @property
    def refusing(self) -> list[Result]:
        return [result for result in self.results if result.refuses(self.policy)]

    @property
    def warnings(self) -> list[Result]:
        """Failures of a severity below the policy's."""
        return [result for result in self.results if result.state == "failed" and not result.refuses(self.policy)]

    @property
    def counts(self) -> dict[State, int]:
        """How many results there are of each state."""
        found = Counter(result.state for result in self.results)
        return {state: found[state] for state in STATES}


def write_report(folder: Path, report: Report) -> None:
    """Write report.json into `folder`, making the folder. Equal reports give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "format": FORMAT,
        "verdict": report.verdict,
        "error": report.error,
        "data": {"digest": report.data_digest, "rows": report.rows, "columns": list(report.columns)},
        "suite": {**report.suite, "parameters": dict(report.parameters)},
        "policy": asdict(report.policy),
        "counts": report.counts,
        "great_expectations": report.great_expectations,
        "results": [asdict(result) for result in report.results],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / REPORT_FILE).write_text(text + "\n", encoding="utf-8")


def read_report(folder: Path) -> Report:
    """Read `folder`'s report.json. Raises StepError if there is none or it is not one of ours."""
    path = folder / REPORT_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        report = Report(
            policy=Policy(**document["policy"]),
            data_digest=document["data"]["digest"],
            suite_name=document["suite"]["name"],
            suite_version=document["suite"].get("version", ""),
            suite_digest=document["suite"]["digest"],
            parameters=document["suite"]["parameters"],
            rows=document["data"]["rows"],
            columns=document["data"]["columns"],
            results=[Result(**result) for result in document["results"]],
            error=document["error"],
            great_expectations=document["great_expectations"],
        )
        told = (document["format"], document["verdict"])
    except FileNotFoundError:
        raise StepError(f"{folder} has no {REPORT_FILE}; connect the port to the report of validate_data") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StepError(f"{path} is not a report of validate_data ({error}); run validate_data again") from None
    if told != (FORMAT, report.verdict):
        raise StepError(
            f"{path} says {told[1]!r} in format {told[0]}, its results say {report.verdict!r} in format {FORMAT}"
        )
    return report
