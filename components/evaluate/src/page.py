"""The decision as one page that opens offline: no script, no link, no font, and all text escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from penstock_steps.decision import Decision
from penstock_steps.metrics import Predictions
from plots import Plot, plots
from rule import Rule, number, values_of
from scoring import HeldOut

PAGE_FILE = "report.html"
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Seen:
    """All that the page shows. `champion` is what the champion predicts; None without one that can be scored."""

    decision: Decision
    rule: Rule
    rows: HeldOut
    candidate: Predictions
    champion: Predictions | None
    model_name: str


def write_page(folder: Path, seen: Seen) -> None:
    """Write report.html into `folder`. Equal decisions give equal bytes."""
    (folder / PAGE_FILE).write_text(render(seen), encoding="utf-8")


def render(seen: Seen) -> str:
    """The page as HTML. Its content security policy lets in its own style, by hash, and the pictures that it holds."""
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.from_string((_HERE / "page.html").read_text(encoding="utf-8"))
    return template.render(
        seen=seen,
        decision=seen.decision,
        metrics=[_row(criterion, seen) for criterion in seen.rule.criteria],
        slices=seen.decision.slices,
        plots=plots(seen.rows.task, seen.rows.truth, seen.candidate, seen.champion),
        shown=_shown,
        source=_source,
        style=style,
        style_hash=f"sha256-{digest}",
    )


def _row(criterion: Any, seen: Seen) -> Mapping[str, Any]:
    measured, name = seen.decision.metrics, criterion.metric.name
    ends = values_of(measured["interval"], name)
    difference = values_of(measured["difference"], name)
    better = None if not difference else criterion.metric.improvement(difference) > 0
    return {
        "name": name,
        "goal": "higher is better" if criterion.metric.goal == "maximize" else "lower is better",
        "primary": criterion is seen.rule.primary,
        "candidate": values_of(measured["candidate"], name),
        "champion": values_of(measured["champion"], name),
        "difference": difference,
        "interval": f"{number(ends[0])} to {number(ends[1])}" if ends else None,
        "confidence": seen.rule.confidence_of(criterion),
        "state": "" if better is None else "better" if better else "worse",
    }


def _shown(value: float | None) -> str:
    return "–" if value is None else number(value)  # noqa: RUF001 - what a table has for nothing


def _source(plot: Plot) -> str:
    return f"data:image/png;base64,{base64.b64encode(plot.png).decode()}"
