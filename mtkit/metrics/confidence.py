"""How sure one can be that a translation needs no change: a probability, and how far it can be trusted.

Logistic regression over what a search tells of a line, fitted on lines with references (confidence estimation of
translations: Blatz et al. 2004). Numbers in, numbers out.

Dimensions: N lines, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

BINS = 10
WORST = 0.1  # of the lines
FOLDS = 5
RIDGE = 1.0  # pull of weights towards zero, in lines
STEPS = 100  # of Newton's method, which takes about eight
ENOUGH = 1e-9
LARGEST = 30.0  # of a standardised feature, and of the logarithm of odds

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Estimator:
    """The probability that a line is good: 1 / (1 + e^-(bias + the sum of weight * (feature - mean) / scale))."""

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def probability(self, features: Sequence[float]) -> float:
        """Of one line."""
        odds = self.bias
        for x, mean, scale, weight in zip(features, self.means, self.scales, self.weights, strict=True):
            odds += weight * max(-LARGEST, min(LARGEST, (x - mean) / scale))
        return 1 / (1 + exp(-max(-LARGEST, min(LARGEST, odds))))


@dataclass(frozen=True)
class Trust:
    """How far probabilities can be trusted, of lines that they were not fitted on."""

    error: float
    """Expected calibration error; see `calibration_error`."""
    worst: float
    """Area under the curve of the worst tenth; see `worst_found`."""


def fit(features: Sequence[Sequence[float]], good: Sequence[bool]) -> Estimator:
    """Fit an estimator: Newton's method on the likelihood, with a pull of weights towards zero.

    Raises:
        ValueError: all lines are good, or none is.
    """
    x_NF, y_N = np.array(features, float), np.array(good, float)
    if not 0 < y_N.sum() < len(y_N):
        raise ValueError("all lines are good, or none is")
    means_F, scales_F = x_NF.mean(0), x_NF.std(0)
    scales_F = np.where(scales_F > ENOUGH, scales_F, 1.0)
    x_NF = np.clip((x_NF - means_F) / scales_F, -LARGEST, LARGEST)
    x_NF = np.concatenate([x_NF, np.ones((len(x_NF), 1))], 1)
    pull_F = np.full(x_NF.shape[1], RIDGE)
    pull_F[-1] = ENOUGH  # none of the bias, but for a matrix that can be inverted
    weights_F = np.zeros(x_NF.shape[1])
    for _ in range(STEPS):
        p_N = _probabilities(x_NF @ weights_F)
        slope_F = x_NF.T @ (y_N - p_N) - pull_F * weights_F
        curve_FF = (x_NF * (p_N * (1 - p_N))[:, None]).T @ x_NF + np.diag(pull_F)
        step_F = np.linalg.solve(curve_FF, slope_F)
        weights_F += step_F
        if np.abs(step_F).max() < ENOUGH:
            break
    *weights, bias = weights_F.tolist()
    return Estimator(tuple(means_F.tolist()), tuple(scales_F.tolist()), tuple(weights), bias)


def _probabilities(odds_N: Numbers) -> Numbers:
    made: Numbers = 1 / (1 + np.exp(-np.clip(odds_N, -LARGEST, LARGEST)))
    return made


def trust(features: Sequence[Sequence[float]], qualities: Sequence[float], least: float) -> Trust:
    """How far an estimator that is fitted on such lines can be trusted: each fold by one that was fitted on the others.

    Args:
        qualities: a score of each line.
        least: from which on a line is good.

    Raises:
        ValueError: in some of the folds all lines are good, or none is.
    """
    good = [quality >= least for quality in qualities]
    estimated = [0.0] * len(good)
    for fold in range(FOLDS):
        rows = [row for row in range(len(good)) if row % FOLDS != fold]
        made = fit([features[row] for row in rows], [good[row] for row in rows])
        for row in range(fold, len(good), FOLDS):
            estimated[row] = made.probability(features[row])
    return Trust(calibration_error(estimated, good), worst_found(estimated, qualities))


def calibration_error(probabilities: Sequence[float], right: Sequence[bool], bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017): of lines whose probabilities fall into one of so many bins of the
    same width, how far the mean probability is from the share that is right; the mean over all lines."""
    p_N, right_N = np.array(probabilities, float), np.array(right, float)
    bin_N = np.minimum((p_N * bins).astype(int), bins - 1)
    wrong = sum(abs(float((p_N - right_N)[bin_N == one].sum())) for one in range(bins))
    return wrong / max(1, len(p_N))


def worst_found(confidences: Sequence[float], qualities: Sequence[float], share: float = WORST) -> float:
    """Of whoever looks at lines in the order of their confidence, the least first: the area under the curve of how many
    of the worst lines have been seen over how many lines have.

    It is 1 - share / 2 where the worst come first, 0.5 in any order by chance, share / 2 where they come last; equal
    confidences count as in every order. The worst are so many by quality; of equal ones the first.
    """
    count = len(qualities)
    worst = np.argsort(np.array(qualities, float), kind="stable")[: max(1, round(share * count))]
    confidence_N = np.array(confidences, float)
    ordered_N = np.sort(confidence_N)
    before = np.searchsorted(ordered_N, confidence_N[worst], side="left")
    behind = np.searchsorted(ordered_N, confidence_N[worst], side="right")
    return float(1 - ((before + behind) / 2 / count).mean())
