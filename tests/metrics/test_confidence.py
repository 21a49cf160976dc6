"""Confidence: a fit against torch's autograd, and what says how far it can be trusted against numbers made by hand."""

import math
import random

import pytest
import torch

from mtkit.metrics.confidence import Estimator, calibration_error, fit, trust, worst_found


def lines(count: int, seed: int = 1) -> tuple[list[list[float]], list[bool]]:
    """Lines that are good with a probability that follows from their first feature and the square of a coin."""
    rng = random.Random(seed)
    features = [[rng.gauss(2, 3), rng.choice([0.0, 1.0]), 7.0] for _ in range(count)]
    good = [rng.random() < 1 / (1 + math.exp(-(x - 2) + 2 * coin)) for x, coin, _ in features]
    return features, good


def test_a_fit_is_where_the_gradient_is_zero() -> None:
    features, good = lines(300)
    made = fit(features, good)
    x = torch.tensor(features, dtype=torch.float64)
    x = (x - torch.tensor(made.means, dtype=x.dtype)) / torch.tensor(made.scales, dtype=x.dtype)
    weights = torch.tensor(made.weights, dtype=torch.float64, requires_grad=True)
    bias = torch.tensor(made.bias, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(good, dtype=torch.float64)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ weights + bias, y, reduction="sum")
    gradients = torch.autograd.grad(loss + weights.square().sum() / 2, [weights, bias])
    assert max(float(one.abs().max()) for one in gradients) < 1e-6
    wanted = torch.sigmoid(x @ weights + bias).tolist()
    assert [made.probability(one) for one in features] == pytest.approx(wanted, abs=1e-12)
    assert made.weights[0] > 2
    assert made.weights[1] < 0
    assert made.weights[2] == 0  # it is always the same


def test_what_is_fitted_is_calibrated_on_other_lines() -> None:
    features, good = lines(4000)
    made = fit(features, good)
    others, right = lines(4000, seed=2)
    assert calibration_error([made.probability(one) for one in others], right) < 0.03
    found = trust(features, [float(one) for one in good], 1.0)
    assert found.error < 0.03
    assert found.worst > 0.6


def test_all_lines_alike() -> None:
    with pytest.raises(ValueError, match="all lines are good"):
        fit([[1.0], [2.0]], [True, True])


def test_far_from_all_that_was_seen_there_is_a_probability() -> None:
    made = Estimator((0.0,), (1e-3,), (1.0,), 0.0)
    assert made.probability([1e300]) == pytest.approx(1, abs=1e-9)
    assert made.probability([-1e300]) == pytest.approx(0, abs=1e-9)


def test_calibration_error_by_hand() -> None:
    # Bin 0.2: mean 0.25, right 0.5; bin 0.9, with 1.0: mean 0.95, right 1.
    assert calibration_error([0.2, 0.3 - 1e-12, 0.9, 1.0], [True, False, True, True]) == pytest.approx(
        (2 * 0.25 + 2 * 0.05) / 4
    )
    assert calibration_error([0.5] * 4, [True, False, True, False]) == 0
    assert calibration_error([0.0, 1.0], [True, False]) == 1
    assert calibration_error([0.1, 0.9], [False, True], bins=1) == pytest.approx(0)


def test_the_worst_tenth_by_hand() -> None:
    qualities = [float(one) for one in range(20)]  # the worst are the first two
    assert worst_found(qualities, qualities) == pytest.approx(1 - 0.05)
    assert worst_found([-one for one in qualities], qualities) == pytest.approx(0.05)
    assert worst_found([0.5] * 20, qualities) == pytest.approx(0.5)
    # They are the 4th and the 10th that are looked at: seen halfway through each, of 20.
    order = [2, 3, 4, 0, 5, 6, 7, 8, 9, 1, *range(10, 20)]
    confidence = [float(order.index(one)) for one in range(20)]
    assert worst_found(confidence, qualities) == pytest.approx(1 - (3.5 + 9.5) / 2 / 20)
