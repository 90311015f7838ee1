"""The data gate's report as one page that opens offline: no script, no link, no font, and all text escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from penstock_steps import gate_messages as say
from penstock_steps.gate_report import OWN_CHECKS, PAGE_FILE, Report, Result

_HERE = Path(__file__).parent
_STATES = {"passed": "passed", "failed": "failed", "not_evaluated": "not evaluated"}


def write_page(folder: Path, report: Report) -> None:
    """Write report.html into `folder`, making the folder. Equal reports give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE_FILE).write_text(render(report), encoding="utf-8")


def render(report: Report) -> str:
    """The page as HTML. Its content security policy lets in its own style, by hash, and nothing else."""
    style = (_HERE / "gate_page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.from_string((_HERE / "gate_page.html").read_text(encoding="utf-8"))
    return template.render(
        report=report,
        failed=report.counts["failed"] - len(report.warnings),
        refusing=say.problems(report.refusing),
        warnings=say.problems(report.warnings),
        groups=_groups(report.results),
        states=_STATES,
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=f"sha256-{digest}",
        asked=say.asked,
        found=say.found,
        short=_short,
    )


def _groups(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    """The results by column, in the order in which the columns first appear; the table's own first."""
    groups: dict[str, list[Result]] = {"Whole table": []}
    for result in results:
        about = "" if result.type in OWN_CHECKS else ", ".join(result.columns)
        groups.setdefault(about or "Whole table", []).append(result)
    return [(name, group) for name, group in groups.items() if group]


def _short(result: Result) -> str:
    """An expectation's type without the words that its place on the page says already."""
    return result.type.removeprefix("expect_").removeprefix("column_").removeprefix("table_")
