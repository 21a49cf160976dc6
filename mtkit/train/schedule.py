"""Learning-rate schedules: the share of the peak at an update, a function of counts alone."""

import math


def warm(update: int, warmup: int) -> float:
    """The linear rise to the peak; updates count from 1."""
    return min(1.0, update / warmup) if warmup else 1.0


def constant(update: int, warmup: int, total: int) -> float:
    """The peak, after the warm-up."""
    return warm(update, warmup)


def inverse_sqrt(update: int, warmup: int, total: int) -> float:
    """Falling with the root of the update (Vaswani et al. 2017), from the peak at the end of the warm-up."""
    return min(warm(update, warmup), math.sqrt(max(1, warmup) / update))


def linear(update: int, warmup: int, total: int) -> float:
    """Falling to zero just after the last update; while the total is unknown (0), the peak."""
    if not total:
        return warm(update, warmup)
    left = max(0, total + 1 - update) / max(1, total + 1 - min(warmup, total))
    return min(warm(update, warmup), left)
