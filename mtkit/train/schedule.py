"""Learning-rate schedules: the share of the peak at an update, a function of counts alone.

All take the same four counts: the update, from 1 (between two of them where a time budget was corrected on the way);
the updates of the warm-up; the last update, 0 while that is not known (those that need it stay at the peak then); and
the validations so far that brought no gain.
"""

import math


def warm(update: float, warmup: int) -> float:
    """The linear rise to the peak."""
    return min(1.0, update / warmup) if warmup else 1.0


def constant(update: float, warmup: int, total: int, setbacks: int) -> float:
    """The peak, after the warm-up."""
    return warm(update, warmup)


def inverse_sqrt(update: float, warmup: int, total: int, setbacks: int) -> float:
    """Falling with the root of the update (Vaswani et al. 2017), from the peak at the end of the warm-up."""
    return min(warm(update, warmup), math.sqrt(max(1, warmup) / update))


def linear(update: float, warmup: int, total: int, setbacks: int) -> float:
    """Falling from the end of the warm-up to zero just after the last update."""
    return min(warm(update, warmup), _left(update, warmup, total))


def cosine(update: float, warmup: int, total: int, setbacks: int) -> float:
    """Falling along half a cosine (Loshchilov and Hutter 2017, without restarts), from and to where `linear` does."""
    return min(warm(update, warmup), (1 - math.cos(math.pi * _left(update, warmup, total))) / 2)


def step(update: float, warmup: int, total: int, setbacks: int) -> float:
    """The peak for half of the updates, then halved eight times, a sixteenth apart (after Luong et al. 2015)."""
    halvings = max(0, min(8, 16 * (update - 1) // total - 7)) if total else 0
    return float(warm(update, warmup) * 0.5**halvings)


def plateau(update: float, warmup: int, total: int, setbacks: int) -> float:
    """Halved after each validation without gain."""
    return float(warm(update, warmup) * 0.5**setbacks)


def _left(update: float, warmup: int, total: int) -> float:
    """The share that is left of the way from the end of the warm-up to just after the last update."""
    if not total:
        return 1.0
    return min(1.0, max(0, total + 1 - update) / max(1, total + 1 - min(warmup, total)))
