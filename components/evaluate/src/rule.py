"""All that is asked of a candidate, as the ports state it, and the same in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from criteria import Criterion, is_finite, read_criteria
from interval import CONFIDENCE
from penstock_steps.arguments import did_you_mean, json_object
from penstock_steps.errors import StepError
from penstock_steps.metrics import Task

_SLICE_SETTINGS = ("max_worsening", "min_rows")
_MIN_SLICE_ROWS = 10
Change = Literal["accept", "reject"]


@dataclass(frozen=True)
class SliceRule:
    """No slice of the held-out rows by `column` may be worse than the champion by more than `max_worsening`.

    `max_worsening` is in the primary metric's unit; a slice of fewer than `min_rows` rows is not judged.
    """

    column: str
    max_worsening: float
    min_rows: int = _MIN_SLICE_ROWS


@dataclass(frozen=True)
class Rule:
    """What is asked of a candidate.

    Attributes:
        criteria: of each metric, at least one with a minimum improvement.
        primary: the one whose improvement must be beyond chance, if `confidence` is given, and that slices are compared
            by.
        confidence: of the interval of the primary metric's difference, whose lower end must be an improvement; None if
            the difference alone decides.
        min_rows: how many held-out rows it takes to judge.
        max_trained_on: the largest share of the held-out rows that the champion may have been trained on; None if any.
        schema_change: whether a candidate may ask for columns that the champion did not.
        slices: by which columns, and how much worse.
    """

    criteria: Sequence[Criterion]
    primary: Criterion
    confidence: float | None = None
    min_rows: int = 1
    max_trained_on: float | None = None
    schema_change: Change = "reject"
    slices: Sequence[SliceRule] = ()

    @property
    def chance(self) -> float | None:
        """With which probability an equally good model is accepted, by the chance of which rows are held out."""
        return None if self.confidence is None else (1 - self.confidence) / 2

    def confidence_of(self, criterion: Criterion) -> str:
        """That of the interval that is told of a metric."""
        decides = criterion is self.primary and self.confidence is not None
        return percent(self.confidence if decides and self.confidence is not None else CONFIDENCE)

    def sentences(self) -> list[str]:
        """The rule in words."""
        return [*self._of_improvement(), *self._of_metrics(), *self._of_rows()]

    def _of_improvement(self) -> Iterator[str]:
        for criterion in self.criteria:
            if criterion.asks_improvement:
                yield f"{criterion.metric.name} must be better than the champion's: {amount(criterion)}."
        if self.confidence is not None and self.chance is not None:
            name = self.primary.metric.name
            yield (
                f"Accept when the lower end of the {percent(self.confidence)} interval of the improvement in {name} is "
                f"above 0. So a model that is only as good passes with a probability of about {percent(self.chance)}, "
                "by the chance of which rows were held out."
            )

    def _of_metrics(self) -> Iterator[str]:
        for criterion in self.criteria:
            name = criterion.metric.name
            if criterion.floor is not None:
                bound = "at most" if criterion.metric.goal == "minimize" else "at least"
                yield f"{name} must be {bound} {number(criterion.floor)}."
            if criterion.max_worsening is not None:
                yield f"{name} must not be worse than the champion's by more than {number(criterion.max_worsening)}."
        for one in self.slices:
            yield (
                f"No slice by {one.column} with {one.min_rows} rows or more may be worse than the champion in "
                f"{self.primary.metric.name} by more than {number(one.max_worsening)}."
            )

    def _of_rows(self) -> Iterator[str]:
        if self.min_rows > 1:
            yield f"There must be at least {self.min_rows} held-out rows."
        if self.max_trained_on is not None:
            yield f"The champion may have been trained on at most {percent(self.max_trained_on)} of the held-out rows."
        if self.schema_change == "reject":
            yield "The candidate must not ask for columns that the champion did not: requests without them would fail."


def read_rule(arguments: Any, task: Task) -> Rule:
    """The rule that the ports state.

    Raises:
        StepError: see `read_criteria`; a primary metric that is not among them or asks for no improvement; shares and
            counts outside their range; slices that are no such object.
    """
    criteria = read_criteria(arguments.metrics, task)
    confidence, share = arguments.confidence, arguments.max_trained_on
    if confidence is not None and not 0 < confidence < 1:
        raise StepError(f"--confidence is {confidence}; it must be between 0 and 1, such as 0.9")
    if share is not None and not 0 <= share <= 1:
        raise StepError(f"--max-trained-on is {share}; it is a share of the held-out rows, from 0 to 1")
    if arguments.min_rows < 1:
        raise StepError(f"--min-rows is {arguments.min_rows}; it must be 1 or more")
    return Rule(
        criteria=criteria,
        primary=_primary(arguments.primary_metric, criteria),
        confidence=confidence,
        min_rows=arguments.min_rows,
        max_trained_on=share,
        schema_change=arguments.schema_change,
        slices=_slices(arguments.slices) if arguments.slices else (),
    )


def _primary(name: str | None, criteria: Sequence[Criterion]) -> Criterion:
    asking = [criterion for criterion in criteria if criterion.asks_improvement]
    if name is None:
        return asking[0]
    found = next((criterion for criterion in asking if criterion.metric.name == name), None)
    if found is None:
        names = [criterion.metric.name for criterion in asking]
        raise StepError(
            f"--primary-metric is {name!r}, which --metrics asks for no improvement of.{did_you_mean(name, names)} "
            f"There are: {', '.join(names)}"
        )
    return found


def _slices(text: str) -> list[SliceRule]:
    found, problems = [], []
    for column, asked in json_object(text, "--slices").items():
        known = isinstance(asked, dict) and "max_worsening" in asked and set(asked) <= set(_SLICE_SETTINGS)
        if not known or not all(_is_count(value) for value in asked.values()):
            problems.append(
                f'{column!r} must have an object such as {{"max_worsening": 0.05, "min_rows": 20}}, numbers of 0 or '
                f"more, it has {asked!r}"
            )
        else:
            rows = int(asked.get("min_rows", _MIN_SLICE_ROWS))
            found.append(SliceRule(column, float(asked["max_worsening"]), rows))
    if problems:
        raise StepError(f"--slices: {'; '.join(problems)}")
    return found


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and is_finite(value) and value >= 0


def amount(criterion: Criterion) -> str:
    """How much better a metric has to be."""
    better = "higher" if criterion.metric.goal == "maximize" else "lower"
    parts = []
    if criterion.min_improvement:
        parts.append(f"at least {number(criterion.min_improvement)} {better}")
    if criterion.min_relative_improvement:
        parts.append(f"at least {percent(criterion.min_relative_improvement)} {better}")
    return " and ".join(parts) or f"any value that is {better}"


def number(value: float) -> str:
    """Six significant digits, and zero without a sign."""
    return f"{value:z.6g}"


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{share * 100:.4g} %"


def values_of(document: Mapping[str, Any] | None, name: str) -> Any:
    """A value of a part of decision.json's metrics, None if that part is not there."""
    return (document or {}).get(name)
