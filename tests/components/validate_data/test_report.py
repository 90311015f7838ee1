"""report.json, report.html and their promises."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from penstock_steps.errors import StepError
from penstock_steps.gate_page import render, write_page
from penstock_steps.gate_report import Policy, Report, Result, read_report, write_report

Check = Callable[..., Report]
Expects = Callable[..., dict[str, Any]]
SCRIPT = "<script>alert('x')</script>"
FRAME = pd.DataFrame({"age": [20, 30], "x": [0.5, 1.5], "t": ["a", SCRIPT], SCRIPT: [1, 2]})


@pytest.fixture
def report(check: Check, expects: Expects) -> Report:
    suite = {
        "name": f"people {SCRIPT}",
        "expectations": [
            expects("expect_column_values_to_be_between", column="age", min_value=25),
            expects(
                "expect_column_quantile_values_to_be_between",
                column="x",
                quantile_ranges={"quantiles": [0.5], "value_ranges": [[0, 1]]},
            ),
            {**expects("expect_column_values_to_be_in_set", column="t", value_set=["a"]), "notes": f"a only {SCRIPT}"},
            expects("expect_column_max_to_be_between", "warning", column=SCRIPT, max_value=1),
            expects("expect_column_values_to_be_unique", column=f"no {SCRIPT}"),
        ],
    }
    return check(FRAME, json.dumps(suite))


def test_what_is_written_is_read(report: Report, tmp_path: Path) -> None:
    write_report(tmp_path, report)
    read = read_report(tmp_path)
    assert (read.verdict, read.counts, read.data_digest, read.policy) == (
        report.verdict,
        report.counts,
        report.data_digest,
        report.policy,
    )
    assert [(r.type, r.state, list(r.columns)) for r in read.results] == [
        (r.type, r.state, r.columns) for r in report.results
    ]


def test_the_document(report: Report, tmp_path: Path) -> None:
    write_report(tmp_path, report)
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["format"] == 1
    assert document["verdict"] == "failed"
    assert document["data"]["rows"] == 2
    assert document["data"]["columns"] == list(FRAME.columns)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", document["data"]["digest"])
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", document["suite"]["digest"])
    assert document["counts"] == {"passed": 3, "failed": 3, "not_evaluated": 1}
    between, quantile = document["results"][2:4]
    assert (between["type"], between["columns"], between["asked"]) == (
        "expect_column_values_to_be_between",
        ["age"],
        {"min_value": 25},
    )
    assert (between["state"], between["severity"], between["unexpected_count"], between["samples"]) == (
        "failed",
        "critical",
        1,
        [20],
    )
    assert quantile["state"] == "passed"
    assert quantile["observed"]["quantiles"] == [0.5]


def test_equal_data_and_suite_give_equal_bytes(check: Check, expects: Expects, tmp_path: Path) -> None:
    suite = [expects("expect_column_values_to_be_between", column="age", min_value=25)]
    for name in ("a", "b"):
        write_report(tmp_path / name, check(FRAME, suite))
        write_page(tmp_path / name, check(FRAME, suite))
    for file in ("report.json", "report.html"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_nothing_checked_is_never_passed() -> None:
    nothing = Report(Policy(), "sha256:1", "s", "sha256:2")
    assert nothing.verdict == "failed"
    passed = Result("t", [], {}, "critical", "passed")
    assert replace(nothing, results=[passed]).verdict == "passed"
    assert replace(nothing, results=[passed], error="no").verdict == "failed"


@pytest.mark.parametrize("change", ["verdict", "format", "results"])
def test_a_report_that_was_tampered_with_is_told(change: str, check: Check, expects: Expects, tmp_path: Path) -> None:
    write_report(tmp_path, check(FRAME, [expects("expect_column_to_exist", column="nope")]))
    path = tmp_path / "report.json"
    document = json.loads(path.read_text())
    document |= {"verdict": {"verdict": "passed"}, "format": {"format": 2}, "results": {"results": [1]}}[change]
    path.write_text(json.dumps(document))
    with pytest.raises(StepError, match=r"report\.json (says|is not a report of validate_data)"):
        read_report(tmp_path)


def test_no_report(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"has no report\.json; connect the port to the report of validate_data"):
        read_report(tmp_path)


class Page(HTMLParser):
    """The tags with their attributes, and the text outside of <style>."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_script_in_names_and_values_stays_text(report: Report) -> None:
    html = render(report)
    page = Page(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "<script" not in html
    for place in ("people ", "no ", "a only "):
        assert f"{place}{SCRIPT}" in page.text, "suite's name, column's name, notes"
    assert f'for example "{SCRIPT}"' in page.text, "a value"


def test_a_script_in_an_error_and_in_a_parameter_stays_text(report: Report) -> None:
    html = render(replace(report, error=SCRIPT, parameters={SCRIPT: SCRIPT}))
    assert "<script" not in html
    assert Page(html).text.count(SCRIPT) > Page(render(report)).text.count(SCRIPT)


def test_the_page_opens_offline(report: Report) -> None:
    html = render(report)
    page = Page(html)
    assert {tag for tag, _ in page.tags}.isdisjoint({"link", "img", "iframe", "a", "object", "embed", "form", "base"})
    attributes = {name for _, attrs in page.tags for name in attrs}
    assert attributes.isdisjoint({"src", "href", "style", "srcset", "action"})
    assert "://" not in html
    assert "url(" not in html
    assert "@import" not in html


def test_the_content_security_policy_lets_in_the_own_style_alone(report: Report) -> None:
    html = render(report)
    [policy] = [
        attrs["content"] for tag, attrs in Page(html).tags if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'"


def test_the_page_tells_what_the_log_tells(report: Report) -> None:
    text = Page(render(report)).text
    assert "Refused" in text
    assert (
        "column age: expect_column_values_to_be_between(min_value=25) failed [critical]: 1 of 2 values unexpected"
        in text
    )
    assert report.data_digest in text


def test_a_passed_page(check: Check, expects: Expects) -> None:
    text = Page(render(check(FRAME, [expects("expect_column_to_exist", column="age")]))).text
    assert "Passed" in text
    assert "refused" not in text.lower()
