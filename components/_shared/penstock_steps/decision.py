"""`decision.json`: is the candidate better than the champion, and why. Written by evaluate, read by what follows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from penstock_steps.errors import StepError

DECISION_FILE = "decision.json"
Verdict = Literal["accept", "reject"]


@dataclass(frozen=True)
class Decision:
    """The verdict on a candidate model.

    Attributes:
        verdict: accept or reject.
        reasons: sentences that a person reads; all that speak for the verdict.
        metrics: `{candidate: {name: value}, champion: {name: value} | None, difference: {name: value} | None,
            interval: {name: [low, high]} | None}`. Values in the metric's own unit; a difference is candidate minus
            champion, and an interval is that of the difference.
        champion: `{name, version}` of the model version that the candidate was compared with, or None.
        candidate: `{digest}`: the content digest of the candidate's model folder.
        data: `{digest, rows, rows_champion_trained_on}`: content digest of the held-out rows, how many there are, and
            how many of them the champion was trained on (None if unknown).
        suite: `{name, version, digest}` of the data check that the data passed, without version if it has none; None if
            the lineage has none.
        rule: what was asked, in sentences.
        slices: of each slice of the rows that was looked at `{column, slice, rows, candidate, champion, verdict}`, the
            values being those of the primary metric, None where it has none.
    """

    verdict: Verdict
    reasons: list[str]
    metrics: Mapping[str, Any]
    champion: Mapping[str, str] | None
    candidate: Mapping[str, str]
    data: Mapping[str, Any]
    suite: Mapping[str, str] | None
    rule: list[str] = field(default_factory=list)
    slices: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        return self.verdict == "accept"

    @property
    def sentence(self) -> str:
        """The reasons as one line."""
        return "; ".join(self.reasons)


def write_decision(folder: Path, decision: Decision) -> None:
    """Write decision.json into `folder`, making the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(decision), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / DECISION_FILE).write_text(text + "\n", encoding="utf-8")


def read_decision(folder: Path) -> Decision:
    """Read `folder`'s decision.json. Raises StepError if there is none, or if its verdict is neither word."""
    path = folder / DECISION_FILE
    try:
        decision = Decision(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise StepError(f"{folder} has no {DECISION_FILE}; connect the port to the output of evaluate") from None
    except (ValueError, TypeError) as error:
        raise StepError(f"{path} is not a decision ({error}); run evaluate again") from None
    if decision.verdict not in ("accept", "reject"):
        raise StepError(f"{path} has the verdict {decision.verdict!r}; it must be accept or reject. Run evaluate again")
    return decision
