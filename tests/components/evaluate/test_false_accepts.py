"""How often a candidate that is only as good is accepted, and how often one that is better: the rule itself, simulated.

Each retraining fits a linear model to a fresh sample; its coefficients are off by some error e. The champion is off
by -e: with inputs that are symmetric around 0 both have the same risk exactly, whatever e is, and predict otherwise.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from criteria import Criterion
from interval import difference_interval
from penstock_steps.metrics import METRICS, Predictions, Values
from penstock_steps.registry import Champion
from rule import Rule
from verdict import Against, Scores, judge

RETRAININGS = 500
TRAIN_ROWS, TEST_ROWS, COLUMNS, NOISE = 60, 150, 4, 1.0
TRUE = np.array([1.0, -0.5, 0.25, 2.0])


def accepts(rule: Rule, truth: Values, *models: Predictions) -> bool:
    metric = rule.primary.metric
    mine, theirs = (Scores({metric.name: metric.score(truth, model)}) for model in models)
    ends = difference_interval(metric, truth, *models, rule.confidence or 0.0, decides=True)
    return judge(rule, mine, len(truth), Against(Champion("m", "1"), theirs, interval=ends))[0] == "accept"


def share_accepted(rule: Rule, *, flaw: float = 0.0, seed: int = 0, retrainings: int = RETRAININGS) -> float:
    """Of so many retrainings; the champion has an error of `flaw` in its first coefficient more than the candidate."""
    rng = np.random.default_rng(seed)

    def sample(rows: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        inputs = rng.normal(size=(rows, COLUMNS))
        return inputs, inputs @ TRUE + rng.normal(scale=NOISE, size=rows)

    accepted = 0
    for _ in range(retrainings):
        inputs, target = sample(TRAIN_ROWS)
        candidate = np.linalg.lstsq(inputs, target, rcond=None)[0]
        champion = 2 * TRUE - candidate + np.array([flaw, 0, 0, 0])
        inputs, target = sample(TEST_ROWS)
        accepted += accepts(rule, target, Predictions(inputs @ candidate), Predictions(inputs @ champion))
    return accepted / retrainings


@pytest.mark.parametrize(("metric", "confidence"), [("rmse", 0.9), pytest.param("mae", 0.8, marks=pytest.mark.long)])
def test_an_equally_good_model_is_accepted_as_seldom_as_is_promised(
    metric: str, confidence: float, record_property: pytest.RecordProperty
) -> None:
    criterion = Criterion(METRICS[metric], None, 0.0)
    rule = Rule([criterion], criterion, confidence)
    assert rule.chance == pytest.approx((1 - confidence) / 2)
    low, high = (float(end) / RETRAININGS for end in binom.interval(0.99, RETRAININGS, rule.chance))
    found = share_accepted(rule)
    record_property("false accepts", found)
    assert low <= found <= high, f"promised {rule.chance:.3f}, found {found:.3f} of {RETRAININGS}"


def chances_of_classes(inputs: NDArray[np.float64], weights: NDArray[np.float64], prior: float) -> Predictions:
    chances = 1 / (1 + np.exp(-inputs @ weights - np.log(prior / (1 - prior))))
    return Predictions((chances > 0.5).astype(int), np.array([0, 1]), np.c_[1 - chances, chances])


@pytest.mark.parametrize(
    ("metric", "confidence", "prior"),
    [("roc_auc", 0.9, 0.15), pytest.param("log_loss", 0.8, 0.5, marks=pytest.mark.long)],
)
def test_an_equally_good_classifier_too(metric: str, confidence: float, prior: float) -> None:
    """Two inputs of equal weight; the champion's errors are the candidate's with the inputs exchanged."""
    criterion = Criterion(METRICS[metric], None, 0.0)
    rule = Rule([criterion], criterion, confidence)
    rng, accepted = np.random.default_rng(7), 0
    for _ in range(RETRAININGS):
        inputs, error = rng.normal(size=(TEST_ROWS, 2)), rng.normal(scale=0.5, size=2)
        weights = np.array([1.25, 1.25])
        of_truth = chances_of_classes(inputs, weights, prior).probabilities
        assert of_truth is not None
        truth = (rng.random(TEST_ROWS) < of_truth[:, 1]).astype(int)
        models = (chances_of_classes(inputs, weights + off, prior) for off in (error, error[::-1]))
        accepted += accepts(rule, truth, *models)
    low, high = binom.interval(0.99, RETRAININGS, rule.chance)
    assert low <= accepted <= high, f"promised {rule.chance}, found {accepted} of {RETRAININGS}"


def test_a_better_model_is_accepted_more_often_the_better_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    criterion = Criterion(METRICS["rmse"], None, 0.0)
    rule = Rule([criterion], criterion, 0.9)
    flaws = (0.25, 0.5, 0.8)
    power = [share_accepted(rule, flaw=flaw, seed=1, retrainings=120) for flaw in flaws]
    worse = [np.sqrt(NOISE**2 + flaw**2) / NOISE - 1 for flaw in flaws]
    told = (f"{by:.1%} worse: {share:.0%}" for by, share in zip(worse, power, strict=True))
    with capsys.disabled():
        sys.stdout.write(f"\npower, by how much worse the champion's rmse is, {TEST_ROWS} rows: {', '.join(told)}\n")
    assert power == sorted(power)
    assert power[0] > 0.05
    assert power[-1] > 0.9
