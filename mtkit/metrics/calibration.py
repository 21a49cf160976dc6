"""How far a model's own probabilities tell which of its translations are good."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
LEAST = 20  # lines, below which nothing is said


@dataclass(frozen=True)
class Bin:
    """Lines of about the same probability."""

    probability: float
    """Geometric mean of that of a piece, on average."""
    quality: float
    """Mean score."""


@dataclass(frozen=True)
class Calibration:
    """Probability beside quality."""

    bins: tuple[Bin, ...]
    """As many lines in each, the least probable first."""
    correlation: float
    """Spearman's, of lines: 1 where the more probable is always the better one, 0 where they have nothing in common."""


def calibration(probabilities: Sequence[float], qualities: Sequence[float]) -> Calibration | None:
    """Compare what a model thinks of its lines with a score of each; None: there are too few of them.

    Args:
        probabilities: of a piece, from 0 to 1, the geometric mean of each line.
    """
    if len(probabilities) < LEAST:
        return None
    probability_N, quality_N = np.array(probabilities, float), np.array(qualities, float)
    parts = np.array_split(np.argsort(probability_N, kind="stable"), BINS)
    bins = [Bin(float(probability_N[one].mean()), float(quality_N[one].mean())) for one in parts]
    return Calibration(tuple(bins), _correlation(_ranks(probability_N), _ranks(quality_N)))


def _ranks(values_N: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places in order; equal values share the mean of theirs."""
    _, which_N, counts = np.unique(values_N, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: NDArray[np.float64] = (ends - (counts - 1) / 2)[which_N.ravel()]
    return ranks


def _correlation(one_N: NDArray[np.float64], other_N: NDArray[np.float64]) -> float:
    one_N, other_N = one_N - one_N.mean(), other_N - other_N.mean()
    norm = float(np.sqrt((one_N**2).sum() * (other_N**2).sum()))
    return float((one_N * other_N).sum()) / norm if norm else 0.0
