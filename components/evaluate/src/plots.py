"""The pictures of the evaluation page, as PNG files; equal predictions give equal bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import metrics as scores

from penstock_steps.metrics import Predictions, Task, Values

_MINE, _THEIRS, _LINE = "#0b6e99", "#b3541e", "#8a94a3"
_MOST_POINTS = 5000
_MOST_CLASSES = 20


@dataclass(frozen=True)
class Plot:
    """A picture, with what it shows in a sentence for those who do not see it."""

    title: str
    told: str
    png: bytes


def plots(task: Task, truth: Values, candidate: Predictions, champion: Predictions | None) -> list[Plot]:
    """The pictures for a task.

    Args:
        task: regression or classification.
        truth: the target's values, shape (rows,).
        candidate: what the candidate predicts.
        champion: what the champion predicts; None if there is none, or it cannot be scored.
    """
    models = [("candidate", candidate, _MINE)] + ([("champion", champion, _THEIRS)] if champion is not None else [])
    return _of_numbers(truth, models) if task == "regression" else _of_classes(truth, models)


def _of_numbers(truth: Values, models: Sequence[tuple[str, Predictions, str]]) -> list[Plot]:
    finite = np.all([np.isfinite(truth), *(np.isfinite(model.values) for _, model, _ in models)], axis=0)
    if not finite.any():
        return []
    truth, left_out = truth[finite], int((~finite).sum())
    models = [(name, model.take(np.flatnonzero(finite)), colour) for name, model, colour in models]
    note = f" Not shown: {left_out} rows for which a prediction is infinite or not a number." if left_out else ""
    rows = np.linspace(0, len(truth) - 1, min(len(truth), _MOST_POINTS)).astype(int)
    found = []
    figure, axes = _figure()
    for name, model, colour in models[::-1]:
        axes.scatter(truth[rows], model.values[rows], s=14, alpha=0.6, color=colour, label=name, linewidths=0)
    ends = [float(truth.min()), float(truth.max())]
    axes.plot(ends, ends, color=_LINE, linewidth=1)
    axes.set(xlabel="actual", ylabel="predicted")
    axes.legend(frameon=False)
    told = f"A point for each held-out row; on the line it would be right.{note}"
    found.append(
        Plot(
            "Predicted against actual",
            told,
            _png(figure),
        )
    )
    figure, axes = _figure()
    bins = np.histogram_bin_edges(np.concatenate([model.values - truth for _, model, _ in models]), bins=30)
    for name, model, colour in models[::-1]:
        axes.hist(model.values - truth, bins=bins, alpha=0.55, color=colour, label=name)
    axes.axvline(0, color=_LINE, linewidth=1)
    axes.set(xlabel="predicted minus actual", ylabel="rows")
    axes.legend(frameon=False)
    found.append(Plot("Residuals", "How far off the predictions are; the narrower around 0, the better.", _png(figure)))
    if len(models) > 1:
        found.append(_errors(truth, models, rows))
    return found


def _errors(truth: Values, models: Sequence[tuple[str, Predictions, str]], rows: Values) -> Plot:
    figure, axes = _figure()
    mine, theirs = (np.abs(model.values - truth)[rows] for _, model, _ in models)
    axes.scatter(theirs, mine, s=14, alpha=0.6, color=_MINE, linewidths=0)
    end = float(max(mine.max(), theirs.max()))
    axes.plot([0, end], [0, end], color=_LINE, linewidth=1)
    axes.set(xlabel="error of the champion", ylabel="error of the candidate")
    below = float((mine < theirs).mean())
    told = f"A point for each held-out row. Below the line the candidate is nearer: {below * 100:.0f} % of the rows."
    return Plot("Candidate against champion", told, _png(figure))


def _of_classes(truth: Values, models: Sequence[tuple[str, Predictions, str]]) -> list[Plot]:
    kinds = {_kind(values) for values in (truth, *(model.values for _, model, _ in models))}
    shown = [values if len(kinds) == 1 else values.astype(str) for values in (truth, *(m.values for _, m, _ in models))]
    labels = np.unique(np.concatenate(shown))
    found = [
        _confusion(name, shown[0], predicted, labels)
        for (name, _, _), predicted in zip(models, shown[1:], strict=True)
        if len(labels) <= _MOST_CLASSES
    ]
    curves = [curve for _, model, _ in models if (curve := _curve(truth, model)) is not None]
    if len(curves) == len(models):
        figure, axes = _figure()
        for (name, _, colour), curve in zip(models, curves, strict=True):
            axes.plot(*curve, color=colour, label=name)
        axes.plot([0, 1], [0, 1], color=_LINE, linewidth=1)
        axes.set(xlabel="false positive rate", ylabel="true positive rate")
        axes.legend(frameon=False)
        told = "The nearer to the upper left, the better; of several classes the mean of one against the rest."
        found.append(Plot("ROC curve", told, _png(figure)))
    return found


def _kind(labels: Values) -> str:
    """What labels are; those of a champion that learned texts where there are numbers now are compared as texts."""
    return labels.dtype.kind.replace("U", "O")


def _confusion(name: str, truth: Values, predicted: Values, labels: Values) -> Plot:
    counts = scores.confusion_matrix(truth, predicted, labels=labels)
    figure, axes = _figure()
    axes.imshow(counts, cmap="Blues")
    names = [str(label)[:16] for label in labels]
    axes.set(xticks=range(len(names)), yticks=range(len(names)), xlabel="predicted", ylabel="actual")
    axes.set_xticklabels(names, rotation=45, ha="right", parse_math=False)
    axes.set_yticklabels(names, parse_math=False)
    for row, column in np.ndindex(counts.shape):
        dark = counts[row, column] > counts.max() / 2
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color="white" if dark else "black")
    right = int(np.trace(counts))
    return Plot(f"Confusion matrix of the {name}", f"{right} of {len(truth)} rows are on the diagonal.", _png(figure))


def _curve(truth: Values, model: Predictions) -> tuple[Values, Values] | None:
    if model.probabilities is None or model.classes is None or len(model.classes) < 2:
        return None
    chosen = range(1, 2) if len(model.classes) == 2 else range(len(model.classes))
    grid, rates = np.linspace(0, 1, 201), []
    for column in chosen:
        is_class = truth == model.classes[column]
        if not is_class.any() or is_class.all():
            return None
        false, true, _ = scores.roc_curve(is_class, model.probabilities[:, column])
        if len(chosen) == 1:
            return false, true
        rates.append(np.interp(grid, false, true))
    return grid, np.mean(rates, axis=0)


def _figure() -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.9), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Any) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
