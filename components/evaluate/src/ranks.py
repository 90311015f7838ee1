"""The area under the ROC curve of many draws of rows at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_steps.metrics import Predictions, Values


def scores_of_two_classes(truth: Values, models: Sequence[Predictions]) -> list[NDArray[np.float64]] | None:
    """Of each model the probabilities of the second class, shape (rows,).

    None unless the truth has exactly the two classes that each of the models knows.
    """
    found, scores = np.unique(truth), []
    for model in models:
        if model.classes is None or model.probabilities is None or not np.array_equal(model.classes, found):
            return None
        scores.append(model.probabilities[:, 1])
    return scores if len(found) == 2 else None


def area_of_draws(truth: Values, scores: NDArray[np.float64]) -> Callable[[NDArray[np.intp]], Any]:
    """A function that takes draws of rows, shape (..., drawn), and gives the area of each, shape (...).

    It is the share of the pairs of a row of the second class and one of the first that the scores put in that order; a
    tie counts half (Hanley and McNeil, The Meaning and Use of the Area under a ROC Curve, Radiology 143, 1982, 29-36).
    NaN for a draw that lacks a class.

    Args:
        truth: of two classes, shape (rows,).
        scores: the higher, the more likely the second class, shape (rows,).
    """
    positive = truth == np.unique(truth)[1]
    _, place = np.unique(scores, return_inverse=True)  # rows of one score share a place
    places, column = int(place.max()) + 1, place + positive * (int(place.max()) + 1)

    def areas(rows: NDArray[np.intp]) -> Any:
        drawn = np.atleast_2d(rows).reshape(-1, rows.shape[-1])
        offsets = 2 * places * np.arange(len(drawn))[:, None]
        counts = np.bincount((column[drawn] + offsets).ravel(), minlength=2 * places * len(drawn))
        negatives, positives = np.moveaxis(counts.reshape(len(drawn), 2, places).astype(float), 1, 0)
        below = negatives.cumsum(axis=1) - negatives / 2
        pairs = positives.sum(axis=1) * negatives.sum(axis=1)
        with np.errstate(invalid="ignore"):  # of a draw that lacks a class
            return ((positives * below).sum(axis=1) / pairs).reshape(rows.shape[:-1])

    return areas
